//go:build unix

package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/cache/statedir"
)

func TestUnsafeStateDirIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		make func(dir string) error
		want string // a part of the error; "" if the directory is safe
	}{
		"absent":          {func(string) error { return nil }, ""},
		"absent parents":  {func(dir string) error { return os.Remove(filepath.Dir(dir)) }, ""},
		"0700":            {func(dir string) error { return os.Mkdir(dir, 0o700) }, ""},
		"others may read": {func(dir string) error { return mkdir(dir, 0o755) }, ""},
		"group may write": {func(dir string) error {
			return mkdir(dir, 0o770)
		}, "others may write"},
		"others may write": {func(dir string) error {
			return mkdir(dir, 0o702)
		}, "others may write"},
		"sticky as /tmp": {func(dir string) error {
			return mkdir(dir, 0o777|fs.ModeSticky)
		}, "others may write"},
		"read-only": {func(dir string) error { return mkdir(dir, 0o500) }, "is read-only (mode 0500;"},
		"not to be entered": {func(dir string) error {
			return mkdir(dir, 0o644)
		}, "you do not have full access to it (mode 0644;"},
		"without permissions": {func(dir string) error {
			return mkdir(dir, 0)
		}, "you do not have full access to it (mode 0000;"},
		"file": {func(dir string) error {
			return os.WriteFile(dir, nil, 0o600)
		}, "not a directory"},
		"pipe": {func(dir string) error {
			return syscall.Mkfifo(dir, 0o600)
		}, "not a directory"},
		"link": {func(dir string) error {
			return os.Symlink(os.TempDir(), dir)
		}, "is a link"},
		"dead link": {func(dir string) error {
			return os.Symlink("nowhere", dir)
		}, "state directory"},
		"of another user": {func(dir string) error {
			return errors.Join(mkdir(dir, 0o700), os.Chown(dir, 12345, -1))
		}, "another user"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "parent", "state")
			if err := os.Mkdir(filepath.Dir(dir), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := tc.make(dir); errors.Is(err, fs.ErrPermission) {
				t.Skip("only root can make this")
			} else if err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{dir, dir + "/", filepath.Dir(dir) + "/./state"} {
				c, w := openTest(t, File, path)
				store, err := c.Put(t.Context(), testKey, testSession(), testFacts())
				if tc.want == "" {
					if err != nil || store != File {
						t.Errorf("%s: %v, %v", path, store, err)
					}
					w.want(t, 0)
					continue
				}
				// There is no cache and one warning, and nothing fails.
				if err != nil || store != None {
					t.Errorf("%s: put: %v, %v", path, store, err)
				}
				if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
					t.Errorf("%s: get: %v", path, err)
				}
				if _, err := c.GetLocked(t.Context(), testKey,
					testFacts()); !errors.Is(err, ErrMiss) {
					t.Errorf("%s: GetLocked: %v", path, err)
				}
				looked := false
				unlock, err := c.Lock(t.Context(), testKey, func() bool {
					looked = true
					return false
				})
				if err != nil || !looked {
					t.Errorf("%s: lock: %v, looked %v", path, err, looked)
				}
				unlock()
				if err := c.RecordFailure(testKey, testFacts(), errors.New("x")); err != nil {
					t.Errorf("%s: fail: %v", path, err)
				}
				if name, reason := c.StoreName(t.Context()); name != None ||
					!strings.Contains(reason, tc.want) {
					t.Errorf("%s: store %v: %s", path, name, reason)
				}
				if len(w.all) == 1 && !strings.Contains(w.all[0], tc.want) {
					t.Errorf("%s: warning %q", path, w.all[0])
				}
				w.want(t, 1)
			}
		})
	}
}

func mkdir(dir string, mode fs.FileMode) error {
	return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, mode))
}

func TestModesInTheStateDir(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "a", "b")
	c, _ := openTest(t, File, dir)
	unlock, err := c.Lock(t.Context(), testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, c, testKey, testSession(), File)
	unlock()
	n := 0
	err = filepath.WalkDir(filepath.Dir(dir), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := e.Info()
		if err != nil {
			return err
		}
		if want := fs.FileMode(0o600); !fi.IsDir() && fi.Mode() != want ||
			fi.IsDir() && fi.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s: %v", path, fi.Mode())
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), "hush") {
			t.Errorf("%s: a secret", path)
		}
		n++
		return nil
	})
	if err != nil ||
		n != 10 { // a, b, facts, locks, sessions; facts file, two locks, sealed file, key
		t.Errorf("%d entries, %v", n, err)
	}
}

func TestUnsafeFilesInTheStateDirAreRefused(t *testing.T) {
	for name, tc := range map[string]struct{ change func(dir string) error }{
		"sessions for others": {func(dir string) error {
			return os.Chmod(sessionsDir(dir), 0o777)
		}},
		"facts for others": {func(dir string) error { return os.Chmod(factsDir(dir), 0o777) }},
		"key for others": {func(dir string) error {
			return os.Chmod(filepath.Join(dir, fileKey), 0o644)
		}},
		"session for others": {func(dir string) error {
			return os.Chmod(sealedPath(dir, testKey), 0o640)
		}},
		"sessions a link within": {func(dir string) error {
			return link(dir, string(statedir.Sessions), "elsewhere")
		}},
		"sessions a link out": {func(dir string) error {
			return link(dir, string(statedir.Sessions), filepath.Join(dir, "..", "out"))
		}},
		"session a link out": {func(dir string) error {
			return link(dir, filepath.Join(string(statedir.Sessions), testKey.String()),
				filepath.Join(dir, "..", "out"))
		}},
		"session a pipe": {func(dir string) error {
			path := sealedPath(dir, testKey)
			return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			c, _ := openTest(t, File, dir)
			mustPut(t, c, testKey, testSession(), File)
			if err := tc.change(dir); err != nil {
				t.Fatal(err)
			}
			c, _ = openTest(t, File, dir)
			if s, err := c.Get(t.Context(), testKey); err == nil || errors.Is(err, ErrMiss) {
				t.Errorf("got %v, %v", s, err)
			}
		})
	}
}

// link moves a file or directory and creates a link to it in its old place.
func link(dir, name, to string) error {
	target := to
	if !filepath.IsAbs(to) {
		target = filepath.Join(dir, to)
	}
	return errors.Join(os.Rename(filepath.Join(dir, name), target),
		os.Symlink(to, filepath.Join(dir, name)))
}
