package statedir

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

// waitFor polls a condition.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(hangLimit); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

func awaitWaiters(t *testing.T, path string, want int) {
	t.Helper()
	waitFor(t, "the waiters", func() bool { return countWaiters(t, path) == want })
}

// countWaiters returns the number of waiters for the lock of a file.
func countWaiters(t *testing.T, path string) (n int) {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "->") && strings.Contains(line, fmt.Sprintf(":%d ", st.Ino)) {
			n++
		}
	}
	return n
}

// Waiters call look at the same time, so none waits for that of another one.
func TestWaitersCallLookConcurrently(t *testing.T) {
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
	awaitWaiters(t, path, waiters)
	unlock()
	done := make(chan struct{})
	go func() { together.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(hangLimit):
		t.Error("they look one after the other")
	}
	close(looking)
	all.Wait()
}

// Waiters for a lock whose file is removed take the new lock, as processes that start later do.
func TestLockFileRemovedDuringWait(t *testing.T) {
	for name, removed := range map[string]string{"the file": "locks/x.lock",
		"its directory": "locks", "the state directory": ""} {
		t.Run(name, func(t *testing.T) {
			d, err := Create(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(d.path, string(locks), "x.lock")
			newcomer := func() (free func()) {
				free, err := d.Lock(t.Context(), "x", nil)
				if err != nil {
					t.Fatal(err)
				}
				return free
			}
			free := newcomer()
			const waiters = 4
			entered, leave := make(chan struct{}), make(chan struct{})
			for range waiters {
				go func() {
					free, err := d.Lock(t.Context(), "x", nil)
					if err != nil {
						t.Error(err)
					}
					entered <- struct{}{}
					<-leave
					free()
					entered <- struct{}{}
				}()
			}
			awaitWaiters(t, path, waiters)
			free()
			<-entered // one of them; the others wait
			awaitWaiters(t, path, waiters-1)
			if err := os.RemoveAll(filepath.Join(d.path, removed)); err != nil {
				t.Fatal(err)
			}
			free = newcomer()
			leave <- struct{}{}
			<-entered
			waitFor(t, "the others to wait for the new process", func() bool {
				select {
				case <-entered:
					t.Fatal("two hold the lock")
				default:
				}
				return countWaiters(t, path) == waiters-1
			})
			free()
			for range waiters - 1 {
				<-entered
				leave <- struct{}{}
				<-entered
			}
		})
	}
}
