package cli

import (
	"io"
	"strings"
	"sync"
	"testing"
)

// TestWarningsAreThrottled: while a command runs, one a minute, also from concurrent requests.
func TestWarningsAreThrottled(t *testing.T) {
	var stderr strings.Builder
	a := newConsole(io.Discard, &stderr)
	a.warn("before the command starts")
	(&throttledLogger{console: a}).throttle()
	var all sync.WaitGroup
	for n := range 10 {
		all.Go(func() { a.warn("request %d", n) })
	}
	all.Wait()
	got := stderr.String()
	if strings.Count(got, "\n") != 2 || strings.Count(got, "warning: request ") != 1 {
		t.Errorf("stderr %q", got)
	}
}
