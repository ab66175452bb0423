package credproc

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"aws-credproc/internal/ststest"
)

func TestWaitsAreReported(t *testing.T) {
	r, s, env := online(t)
	env["AWS_MAX_ATTEMPTS"] = "2"
	s.Fault(ststest.Fault{Kind: ststest.Throttle, Times: 1})
	var mu sync.Mutex
	var texts []string
	open := 0
	r.Waiting = func(text func() string) func() {
		mu.Lock()
		defer mu.Unlock()
		texts = append(texts, text())
		open++
		return sync.OnceFunc(func() {
			mu.Lock()
			defer mu.Unlock()
			open--
		})
	}
	if _, err := r.Credentials(t.Context(), chainOf(t, roleOfEnvironment, "")); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := regexp.MustCompile(`^p: waiting for a new session
p: waiting for another process
p: waiting for the credentials of p
p: waiting for STS
p: retrying in [0-9.]+m?s: Throttling
p: waiting for STS$`)
	if got := strings.Join(texts, "\n"); !want.MatchString(got) {
		t.Errorf("waits:\n%s", got)
	}
	if open > 1 { // that of the retry ends by a timer
		t.Errorf("%d waits have not ended", open)
	}
}
