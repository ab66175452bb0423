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

	"aws-credproc/internal/childtest"

	"golang.org/x/sys/unix"
)

func init() {
	// nocache DIR STORE uses a cache where nothing can be written, and prints its warnings.
	childtest.Register("nocache", func(args []string) error {
		return withoutCache(args[0], Choice(args[1]), otherKey)
	})
	// readonly DIR STORE does the same where the state directory has become read-only, as after a
	// failure of the disk. Sessions can still be read.
	childtest.Register("readonly", func(args []string) error {
		if err := mountReadOnly(args[0]); err != nil {
			return err
		}
		c, err := openWith(Options{Dir: args[0],
			Choice: Choice(args[1])})
		if err != nil {
			return err
		}
		if _, err := c.Get(context.Background(), testKey); err != nil {
			return fmt.Errorf("existing session: %w", err)
		}
		if name, reason := c.StoreName(context.Background()); name != None ||
			!strings.Contains(reason, "read-only") {
			return fmt.Errorf("store %s: %s", name, reason)
		}
		if h := c.Health(context.Background()); h.StateDir == nil {
			return errors.New("Health reports no error")
		}
		return withoutCache(args[0], Choice(args[1]), otherKey)
	})
	// look DIR prints what StoreName and Health report about a state directory that cannot be
	// created.
	childtest.Register("look", func(args []string) error {
		return lookAt(args[0])
	})
	// readonlyhome DIR does the same below a DIR that is mounted read-only.
	childtest.Register("readonlyhome", func(args []string) error {
		if err := mountReadOnly(args[0]); err != nil {
			return err
		}
		return lookAt(filepath.Join(args[0], "not", "yet"))
	})
}

// mountReadOnly makes a directory read-only in the mount namespace of this process, which must be a
// new one.
func mountReadOnly(dir string) error {
	return errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount(dir, dir, "", unix.MS_BIND, ""),
		unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
}

func lookAt(dir string) error {
	c, err := openWith(Options{Dir: dir, Choice: File})
	if err != nil {
		return err
	}
	name, reason := c.StoreName(context.Background())
	fmt.Println(name, reason)
	fmt.Println(c.Health(context.Background()).StateDir)
	return nil
}

// withoutCache does what the command get does without a session, and prints the warnings.
func withoutCache(dir string, store Choice, key Key) error {
	w := &warnings{}
	c, err := openWith(Options{Dir: dir, Choice: store, Warnf: w.warnf})
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, getErr := c.Get(ctx, key)
	var lookErr error
	unlock, err := c.Lock(ctx, key, func() bool {
		_, lookErr = c.GetLocked(ctx, key, testFacts())
		return false
	})
	if err != nil {
		return err
	}
	defer unlock()
	kept, err := c.Put(ctx, key, testSession(), testFacts())
	if !errors.Is(getErr, ErrMiss) || !errors.Is(lookErr, ErrMiss) || err != nil || kept != None {
		return fmt.Errorf("get: %w; GetLocked: %w; put: %v, %w", getErr, lookErr, kept, err)
	}
	fmt.Println(strings.Join(w.all, "\n"))
	return nil
}

func TestReadOnlyHomeCausesOneWarning(t *testing.T) {
	for _, store := range []Choice{Auto, Kernel, File} {
		t.Run("of an unprivileged user "+string(store), func(t *testing.T) {
			cmd := as(t, otherUser)("nocache", string(store))
			home := filepath.Dir(cmd.Args[1])
			if err := errors.Join(os.Chown(home, 0, 0), os.Chmod(home, 0o755)); err != nil {
				t.Fatal(err)
			}
			out, err := cmd.CombinedOutput()
			if err != nil || strings.Count(string(out), "\n") != 1 ||
				!strings.Contains(string(out), "permission denied") {
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
			cmd := childtest.Command(t, "readonly", dir, string(store))
			cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
			out, err := cmd.CombinedOutput()
			if errors.Is(err, syscall.EPERM) ||
				strings.Contains(string(out), "operation not permitted") {
				t.Skipf("SKIPPED: no file system can be mounted here: %v", err)
			}
			if err != nil || strings.Count(string(out), "\n") != 1 ||
				!strings.Contains(string(out), "read-only") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestStateDirectoryThatCannotBeCreatedIsReported(t *testing.T) {
	check := func(t *testing.T, out []byte, err error, why string) {
		t.Helper()
		if err != nil || strings.Count(string(out), why) != 2 {
			t.Errorf("%v: %s", err, out)
		}
	}
	t.Run("in another user's home", func(t *testing.T) {
		cmd := as(t, otherUser)("look")
		home := filepath.Dir(cmd.Args[1])
		if err := errors.Join(os.Chown(home, 0, 0), os.Chmod(home, 0o755)); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.CombinedOutput()
		check(t, out, err, "permission denied")
	})
	t.Run("on a read-only file system", func(t *testing.T) {
		cmd := childtest.Command(t, "readonlyhome", t.TempDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, syscall.EPERM) ||
			strings.Contains(string(out), "operation not permitted") {
			t.Skipf("SKIPPED: no file system can be mounted here: %v", err)
		}
		check(t, out, err, "read-only file system")
	})
	for name, put := range map[string]struct {
		put func(path string) error
		why string
	}{
		"in a file": {func(path string) error {
			return os.WriteFile(path, nil, 0o700)
		}, "not a directory"},
		"in a link that leads nowhere": {func(path string) error {
			return os.Symlink("/nowhere", path)
		}, "no such file"},
		"in a link to itself": {func(path string) error {
			return os.Symlink(path, path)
		}, "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			above := filepath.Join(t.TempDir(), "above")
			if err := put.put(above); err != nil {
				t.Fatal(err)
			}
			for _, dir := range []string{filepath.Join(above, "state"),
				filepath.Join(above, "not", "yet")} {
				out, err := childtest.Command(t, "look", dir).CombinedOutput()
				check(t, out, err, put.why)
			}
		})
	}
}
