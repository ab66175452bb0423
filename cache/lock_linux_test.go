package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// waitFor waits for a condition that nothing signals.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(hangLimit); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Waiters see at the same time what the holder left, so none waits for another one's look.
func TestWaitersLookTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	unlock, err := lockFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	const waiters = 20
	looking := make(chan struct{})
	var together, all sync.WaitGroup
	together.Add(waiters)
	for range waiters {
		all.Go(func() {
			free, err := lockFile(t.Context(), path, func() bool {
				together.Done()
				<-looking
				return true
			})
			if err != nil {
				t.Error(err)
			}
			free()
		})
	}
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "all to wait", func() bool {
		b, err := os.ReadFile("/proc/locks")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
				n++
			}
		}
		return n == waiters
	})
	unlock()
	done := make(chan struct{})
	go func() { together.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(hangLimit):
		t.Error("they look one after another")
	}
	close(looking)
	all.Wait()
}
