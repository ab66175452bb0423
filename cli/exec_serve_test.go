package cli

import (
	"io"
	"strings"
	"sync"
	"testing"
)

// Requests of the same moment warn too, of the config files as of all else.
func TestWarningsBesideACommandAreOneAMinute(t *testing.T) {
	var stderr strings.Builder
	a := newConsole(io.Discard, &stderr)
	a.warn("before it begins")
	(&throttledLogger{console: a}).throttle()
	var all sync.WaitGroup
	for n := range 10 {
		all.Go(func() { a.warn("request %d", n) })
	}
	all.Wait()
	if got := stderr.String(); strings.Count(got, "\n") != 2 || strings.Count(got, "warning: request ") != 1 {
		t.Errorf("told: %q", got)
	}
}
