package cache

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
)

// hangLimit is by far more than anything here takes.
const hangLimit = 30 * time.Second

func init() {
	// lock PATH: takes the lock, says so and holds it until it is killed or its standard input ends.
	children["lock"] = func(args []string) error {
		unlock, err := lockFile(context.Background(), args[0], nil)
		if err != nil {
			return err
		}
		defer unlock() // and not before: a file that nobody holds is closed at some time
		fmt.Println("held")
		_, err = io.Copy(io.Discard, os.Stdin)
		return err
	}
	// count PATH FILE N: adds one to the number in a file, N times, each time under the lock.
	children["count"] = func(args []string) error {
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
	}
}

func TestLockLetsOneIn(t *testing.T) {
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
				t.Error("two are in")
			}
			entries.Add(1)
			inside.Add(-1)
			unlock()
			unlock() // does no harm
		})
	}
	all.Wait()
	if entries.Load() != 50 {
		t.Errorf("%d came in", entries.Load())
	}
}

func TestLockHoldsBetweenProcesses(t *testing.T) {
	dir := t.TempDir()
	count := filepath.Join(dir, "count")
	if err := os.WriteFile(count, []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	const processes, times = 12, 20
	runChildren(t, processes, "count", func(int) []string {
		return []string{filepath.Join(dir, "x.lock"), count, strconv.Itoa(times)}
	})
	if b, err := os.ReadFile(count); err != nil || string(b) != strconv.Itoa(processes*times) {
		t.Errorf("counted %s, %v", b, err)
	}
}

func TestLockDiesWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	cmd := child(t, "lock", path)
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
		t.Fatalf("child says %q, %v", line, err)
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

func TestLockThatCameTooLateIsGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	unlock, err := lockFile(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("no more time")
		time.AfterFunc(10*time.Millisecond, func() { cancel(why) })
		if _, err := lockFile(ctx, path, nil); !errors.Is(err, why) {
			t.Fatalf("got %v", err)
		}
	}
	unlock()
	ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
	defer cancel()
	unlock, err = lockFile(ctx, path, nil)
	if err != nil {
		t.Fatalf("a waiter that had gone holds it: %v", err)
	}
	unlock()
}

func TestLockLooksUnderTheLockLast(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	var made atomic.Bool
	var makers atomic.Int32
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			found := false
			unlock, err := lockFile(t.Context(), path, func() bool { found = made.Load(); return found })
			if err != nil {
				t.Error(err)
			}
			defer unlock()
			if !found {
				makers.Add(1)
				made.Store(true)
			}
		})
	}
	all.Wait()
	if makers.Load() != 1 {
		t.Errorf("%d made it", makers.Load())
	}
}
