//go:build unix

package statedir

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestLockAlways checks in which directory a lock is taken. All processes of a user must take it in
// the same one, and never in one of another user.
func TestLockAlways(t *testing.T) {
	mkdir := func(mode os.FileMode) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := func(t *testing.T, path string) {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, path string) {
		if err := os.Symlink(t.TempDir(), path); err != nil {
			t.Fatal(err)
		}
	}
	nothing := func(*testing.T, string) {}
	for name, test := range map[string]struct {
		state, runtime, temp func(t *testing.T, path string)
		want                 string // "" means an error
	}{
		"state directory":                  {nothing, mkdir(0o700), nothing, "state"},
		"runtime directory":                {file, mkdir(0o700), nothing, "runtime/aws-credproc"},
		"state is writable by others":      {mkdir(0o777), mkdir(0o700), nothing, "runtime/aws-credproc"},
		"no runtime directory":             {file, nothing, nothing, "temp"},
		"runtime is writable by others":    {file, mkdir(0o777), nothing, "temp"},
		"runtime is a link":                {file, link, nothing, "temp"},
		"all are files":                    {file, file, file, ""},
		"temporary directory is a link":    {file, nothing, link, ""},
		"temporary directory is writable":  {file, nothing, mkdir(0o777), ""},
		"temporary directory, second time": {file, nothing, mkdir(0o700), "temp"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "runtime"))
			paths := map[string]string{
				"state":                filepath.Join(dir, "state"),
				"runtime/aws-credproc": filepath.Join(dir, "runtime", "aws-credproc"),
				"temp":                 filepath.Join(dir, fmt.Sprintf("aws-credproc-%d", os.Getuid())),
			}
			test.state(t, paths["state"])
			test.runtime(t, filepath.Join(dir, "runtime"))
			test.temp(t, paths["temp"])
			unlock, err := LockAlways(t.Context(), paths["state"], "x")
			if (err == nil) != (test.want != "") {
				t.Errorf("error %v", err)
			}
			for where, path := range paths {
				_, err := os.Stat(filepath.Join(path, "locks", "x.lock"))
				if (err == nil) != (where == test.want) {
					t.Errorf("%s: lock file: %v, want it in %q", where, err, test.want)
				}
			}
			if test.want != "" {
				d, err := Open(paths[test.want])
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				if _, held, err := d.TryLock("x"); held || err != nil {
					t.Errorf("a second process gets the lock: %v, %v", held, err)
				}
			}
			unlock()
		})
	}
}
