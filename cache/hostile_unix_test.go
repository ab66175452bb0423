//go:build unix

package cache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws-credproc/cache/statedir"
)

// replace replaces a file of the state directory with what put creates.
func replace(t *testing.T, path string, put func(path string) error) {
	t.Helper()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := put(path); err != nil {
		t.Fatal(err)
	}
}

func TestLockThatIsNotAFileIsRefused(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for name, put := range map[string]func(path string) error{
		"pipe": func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link": func(path string) error { return os.Symlink(elsewhere, path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c, _ := openTest(t, File, dir)
			mustPut(t, c, otherKey, testSession(), File)
			if unlock, err := c.Lock(t.Context(), otherKey, nil); err != nil {
				t.Fatal(err)
			} else {
				unlock()
			}
			replace(t, filepath.Join(dir, "locks", testKey.String()+".lock"), put)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				unlock, err := c.Lock(ctx, testKey, nil)
				if err != nil {
					t.Error(err)
				}
				unlock()
			}()
			select {
			case <-done:
			case <-ctx.Done():
				t.Fatal("Lock hangs")
			}
			if _, err := os.Stat(elsewhere); err == nil {
				t.Error("a link was followed")
			}
		})
	}
}

func TestFactsThatCannotBeReadAreReplacedAndDeleted(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"others have access": func(path string) error {
			return errors.Join(os.WriteFile(path, []byte("{}"), 0o600), os.Chmod(path, 0o644))
		},
		"a link":      func(path string) error { return os.Symlink("/nowhere", path) },
		"a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"an old form": func(path string) error { return os.WriteFile(path, []byte("{}"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			facts := filepath.Join(dir, string(statedir.Facts), testKey.String()+".json")
			c, _ := openTest(t, File, dir)
			mustPut(t, c, testKey, testSession(), File)
			replace(t, facts, put)
			if _, err := readFacts(c.state.dir, testKey); err == nil ||
				strings.Count(err.Error(), ErrCorrupt.Error()) != 1 {
				t.Errorf("got %v", err)
			}
			mustPut(t, c, testKey, testSession(), File)
			if _, err := c.Get(t.Context(), testKey); err != nil {
				t.Errorf("after a new session: %v", err)
			}

			replace(t, facts, put)
			if err := c.Delete(t.Context(), testKey); err != nil {
				t.Errorf("delete: %v", err)
			}
			if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrMiss) {
				t.Errorf("after delete: %v", err)
			}
		})
	}
}

func TestTemporaryFilesOfKilledProcessesAreSwept(t *testing.T) {
	dir := t.TempDir()
	c, w := openTest(t, File, dir)
	mustPut(t, c, testKey, testSession(), File)
	temp := func(age time.Duration, names ...string) (paths []string) {
		for _, name := range names {
			path := filepath.Join(dir, name)
			replace(t, path, func(path string) error {
				return errors.Join(os.WriteFile(path, nil, 0o600),
					os.Chtimes(path, time.Time{}, time.Now().Add(-age)))
			})
			paths = append(paths, path)
		}
		return paths
	}
	old := temp(2*time.Hour, ".tmp-a", "facts/.tmp-b", "sessions/.tmp-c")
	young := temp(time.Minute, "sessions/.tmp-d")
	mustPut(t, c, otherKey, testSession(), File)
	for _, path := range old {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	for _, path := range young {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s, which may still be written, was removed", path)
		}
	}
	writing := temp(0, "sessions/.tmp-e")
	if _, err := c.Clear(t.Context()); err != nil {
		t.Error(err)
	}
	if got := filesIn(t, sessionsDir(dir)); !slices.Equal(got, writing) {
		t.Errorf("after clear: %v, want %v", got, writing)
	}
	w.want(t, 0)
}

// A link in place of a sealed file is not followed.
func TestLinkInPlaceOfASessionIsReplaced(t *testing.T) {
	c, _ := openTest(t, File, "")
	mustPut(t, c, testKey, testSession(), File)
	paths, err := filepath.Glob(filepath.Join(c.opts.Dir, string(statedir.Sessions), "*"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	if err := os.Remove(paths[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", paths[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	session := testSession()
	mustPut(t, c, testKey, session, File)
	if s, err := c.Get(t.Context(), testKey); err != nil || s != session {
		t.Errorf("after the next session: %v", err)
	}
}
