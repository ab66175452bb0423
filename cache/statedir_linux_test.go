package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func init() {
	// nocache DIR STORE: a cache where nothing can be written fails nobody; prints what it warned of.
	children["nocache"] = func(args []string) error {
		return withoutCache(args[0], Choice(args[1]), otherKey)
	}
	// readonly DIR STORE: the same where the state directory with all that is in it has become read-only, as when a disk
	// has failed. What is there can still be read.
	children["readonly"] = func(args []string) error {
		err := errors.Join(
			unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount(args[0], args[0], "", unix.MS_BIND, ""),
			unix.Mount("", args[0], "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
		if err != nil {
			return err
		}
		c, err := Open(Options{Dir: args[0], Choice: Choice(args[1])})
		if err != nil {
			return err
		}
		if _, err := c.Get(context.Background(), testKey); err != nil {
			return fmt.Errorf("what is there: %w", err)
		}
		if name, reason := c.StoreName(context.Background()); name != None || !strings.Contains(reason, "read-only") {
			return fmt.Errorf("store %s: %s", name, reason)
		}
		if h := c.Health(context.Background()); h.StateDir == nil {
			return errors.New("it is said to be well")
		}
		return withoutCache(args[0], Choice(args[1]), otherKey)
	}
}

// withoutCache does what a get does where there is no session, and prints what is warned of.
func withoutCache(dir string, store Choice, key Key) error {
	w := &warnings{}
	c, err := Open(Options{Dir: dir, Choice: store, Warnf: w.warnf})
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, getErr := c.Get(ctx, key)
	var lookErr error
	unlock, err := c.Lock(ctx, key, func() bool { _, lookErr = c.GetLocked(ctx, key, testFacts()); return false })
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := c.Put(ctx, key, testSession(), testFacts())
	if !errors.Is(getErr, ErrMiss) || !errors.Is(lookErr, ErrMiss) || err != nil || kept != None {
		return fmt.Errorf("get: %w; second look: %w; put: %v, %w", getErr, lookErr, kept, err)
	}
	fmt.Println(strings.Join(w.all, "\n"))
	return nil
}

// The home is not to be written to: no cache, and one warning that says why.
func TestReadOnlyHomeCostsTheCacheAndOneWarning(t *testing.T) {
	for _, store := range []Choice{Auto, Kernel, File} {
		t.Run("of an unprivileged user "+string(store), func(t *testing.T) {
			cmd := as(t, otherUser)("nocache", string(store))
			home := filepath.Dir(cmd.Args[1])
			if err := errors.Join(os.Chown(home, 0, 0), os.Chmod(home, 0o755)); err != nil {
				t.Fatal(err)
			}
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "permission denied") {
				t.Errorf("%v: %s", err, out)
			}
		})
		t.Run("on a read-only file system "+string(store), func(t *testing.T) {
			if store == Kernel || store == Auto {
				needKernel(t)
			}
			dir := kernelDir(t)
			c, _ := openTest(t, store, dir)
			if _, err := c.Put(t.Context(), testKey, testSession(), testFacts()); err != nil {
				t.Fatal(err)
			}
			cmd := child(t, "readonly", dir, string(store))
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
			out, err := cmd.CombinedOutput()
			if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), "operation not permitted") {
				t.Skipf("SKIPPED: no file system can be mounted here: %v", err)
			}
			if err != nil || strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "read-only") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// TestAStateDirectoryThatCannotBeMadeIsTold, to who only looks, and one that can be is not made.
func TestAStateDirectoryThatCannotBeMadeIsTold(t *testing.T) {
	c, w := openTest(t, File, "/proc/x/state")
	if name, reason := c.StoreName(t.Context()); name != None || !strings.Contains(reason, "/proc/x") {
		t.Errorf("store %v: %s", name, reason)
	}
	if h := c.Health(t.Context()); h.StateDir == nil {
		t.Error("it is said to be well")
	}
	w.want(t, 1)
	dir := t.TempDir()
	c, w = openTest(t, File, filepath.Join(dir, "not", "yet"))
	if name, reason := c.StoreName(t.Context()); name != File || reason != "" {
		t.Errorf("store %v: %s", name, reason)
	}
	if h := c.Health(t.Context()); h.StateDir != nil {
		t.Error(h.StateDir)
	}
	w.want(t, 0)
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}
