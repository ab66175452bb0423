package cache

import (
	"errors"
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

func awaitWaiters(t *testing.T, path string, want int) {
	t.Helper()
	waitFor(t, "all to wait", func() bool { return countWaiters(t, path) == want })
}

// countWaiters counts who waits for the lock of a file.
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
	awaitWaiters(t, path, waiters)
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

// Who waits for a lock whose file is removed goes by the new one, as those who come later do.
func TestLockFileIsRemovedWhileOthersWait(t *testing.T) {
	for name, removed := range map[string]string{"the file": "locks/x.lock", "its directory": "locks", "the state directory": ""} {
		t.Run(name, func(t *testing.T) {
			d, err := openStateDir(t.TempDir(), true)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(d.path, locksDir, "x.lock")
			newcomer := func() (free func()) {
				free, err := d.lock(t.Context(), "x", nil)
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
					free, err := d.lock(t.Context(), "x", nil)
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
			<-entered // one; the others queue behind it
			awaitWaiters(t, path, waiters-1)
			if err := os.RemoveAll(filepath.Join(d.path, removed)); err != nil {
				t.Fatal(err)
			}
			free = newcomer()
			leave <- struct{}{}
			<-entered
			waitFor(t, "the others to wait for the newcomer", func() bool {
				select {
				case <-entered:
					t.Fatal("two are in")
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

// A Cache whose state directory is removed keeps the next session in a new one, and finds it there.
func TestStateDirectoryIsRemovedMeanwhile(t *testing.T) {
	c, w := openTest(t, File, "")
	mustPut(t, c, testKey, testSession(), File)
	if err := os.RemoveAll(c.opts.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("Get: %v", err)
	}
	unlock, err := c.Lock(t.Context(), testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	mustPut(t, c, testKey, testSession(), File)
	other, _ := openTest(t, File, c.opts.Dir)
	if _, err := other.Get(t.Context(), testKey); err != nil {
		t.Error(err)
	}
	w.want(t, 0)
}
