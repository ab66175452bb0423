package statedir

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws-credproc/internal/childtest"
)

// hangLimit is much longer than anything here takes.
const hangLimit = 30 * time.Second

func init() {
	// lock PATH takes the lock, prints "held" and holds it until it is killed or its stdin ends.
	childtest.Register("lock", func(args []string) error {
		unlock, err := lockFile(context.Background(), args[0], nil)
		if err != nil {
			return err
		}
		defer unlock() // also keeps the file from being collected, which would close it
		fmt.Println("held")
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	})
	// count PATH FILE N adds one to the number in a file, N times, each time under the lock.
	childtest.Register("count", func(args []string) error {
		n, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		for range n {
			unlock, err := lockFile(context.Background(), args[0], nil)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(args[1])
			if err != nil {
				return err
			}
			i, err := strconv.Atoi(string(b))
			if err != nil {
				return fmt.Errorf("torn: %w", err)
			}
			if err := os.WriteFile(args[1], []byte(strconv.Itoa(i+1)), 0o600); err != nil {
				return err
			}
			unlock()
		}
		return nil
	})
}

func TestLockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var inside, entries atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			unlock, err := lockFile(t.Context(), path, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if inside.Add(1) != 1 {
				t.Error("two hold the lock")
			}
			entries.Add(1)
			inside.Add(-1)
			unlock()
			unlock() // is allowed
		})
	}
	all.Wait()
	if entries.Load() != 50 {
		t.Errorf("%d got the lock", entries.Load())
	}
}

func TestLockIsExclusiveAmongProcesses(t *testing.T) {
	dir := t.TempDir()
	count := filepath.Join(dir, "count")
	if err := os.WriteFile(count, []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	const processes, times = 12, 20
	childtest.Run(t, processes, "count", func(int) []string {
		return []string{filepath.Join(dir, "x.lock"), count, strconv.Itoa(times)}
	})
	if b, err := os.ReadFile(count); err != nil || string(b) != strconv.Itoa(processes*times) {
		t.Errorf("counted %s, %v", b, err)
	}
}

func TestLockEndsWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	cmd := childtest.Command(t, "lock", path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("child printed %q, %v", line, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := lockFile(ctx, path, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("lock of another process: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		unlock, err := lockFile(t.Context(), path, nil)
		unlock()
		got <- err
	}()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(hangLimit):
		t.Error("still locked")
	}
}

func TestLockThatIsTakenTooLateIsReleased(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	unlock, err := lockFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("no more time")
		time.AfterFunc(10*time.Millisecond, func() { cancel(cause) })
		if _, err := lockFile(ctx, path, nil); !errors.Is(err, cause) {
			t.Fatalf("got %v", err)
		}
	}
	unlock()
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	unlock, err = lockFile(ctx, path, nil)
	if err != nil {
		t.Fatalf("a waiter that gave up holds it: %v", err)
	}
	unlock()
}

func TestLockLooksAgainUnderTheLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var done atomic.Bool
	var workers atomic.Int32
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			found := false
			unlock, err := lockFile(t.Context(), path,
				func() bool { found = done.Load(); return found })
			if err != nil {
				t.Error(err)
			}
			defer unlock()
			if !found {
				workers.Add(1)
				done.Store(true)
			}
		})
	}
	all.Wait()
	if workers.Load() != 1 {
		t.Errorf("%d did the work, want 1", workers.Load())
	}
}

func TestRemoveLocks(t *testing.T) {
	d, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	held, err := d.Lock(t.Context(), "held", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held()
	for _, name := range []string{"free", "other"} {
		unlock, err := d.Lock(t.Context(), name, nil)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
	if err := d.RemoveLocks(func(name string) bool { return name != "other" }); err != nil {
		t.Fatal(err)
	}
	entries, err := d.List(locks)
	if err != nil || len(entries) != 2 || entries[0].Name() != "held.lock" ||
		entries[1].Name() != "other.lock" {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestLockIsExclusiveWhileLocksAreRemoved(t *testing.T) {
	d, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stop, removed := make(chan struct{}), 0
	var remover, all sync.WaitGroup
	remover.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			err := d.RemoveLocks(func(string) bool { removed++; return true })
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	var inside atomic.Int32
	for range 8 {
		all.Go(func() {
			for range 100 {
				unlock, err := d.Lock(t.Context(), "x", nil)
				if err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two hold the lock")
				}
				inside.Add(-1)
				unlock()
			}
		})
	}
	all.Wait()
	close(stop)
	remover.Wait()
	if removed == 0 {
		t.Error("no lock was removed")
	}
}
