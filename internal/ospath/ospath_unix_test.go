//go:build unix

package ospath

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestPathsAreThoseOfFilepath(t *testing.T) {
	for _, name := range []string{
		"", ".", "..", "/", "//", "a", "a/", "/a", "/a/b/", "a//b/../c", "../a", "/../a", "./a", `a\b`,
	} {
		for _, f := range []struct {
			name      string
			ours, go_ func(string) string
		}{
			{"Clean", Clean, filepath.Clean},
			{"Base", Base, filepath.Base},
			{"Dir", Dir, filepath.Dir},
			{"ToSlash", ToSlash, filepath.ToSlash},
			{"Join", joinBetween(Join), joinBetween(filepath.Join)},
			{"Abs", withoutError(t, Abs), withoutError(t, filepath.Abs)},
		} {
			if got, want := f.ours(name), f.go_(name); got != want {
				t.Errorf("%s of %q: %q, want %q", f.name, name, got, want)
			}
		}
		if IsAbs(name) != filepath.IsAbs(name) {
			t.Errorf("IsAbs of %q: %t", name, IsAbs(name))
		}
	}
}

func joinBetween(join func(...string) string) func(string) string {
	return func(name string) string { return join(name, "", "x") + join("x", name) + join(name) }
}

func withoutError(t *testing.T, f func(string) (string, error)) func(string) string {
	return func(name string) string {
		path, err := f(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
		}
		return path
	}
}

func TestEvalSymlinksIsThatOfFilepath(t *testing.T) {
	t.Chdir(t.TempDir())
	mustMkdir(t, "a/b")
	mustWrite(t, "a/file", 0o600)
	for link, target := range map[string]string{
		"dir": "a/b", "a/up": "..", "a/b/file": "../file", "abs": t.TempDir() + "/", "loop": "loop/x",
		"none": "missing", "long": "dir/../../dir/./file", "not": "a/file/x", "slash": "a/file/",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"", ".", "..", "../..", "/", "/..", "a", "a/", "a//b/", "a/..", "a/file", "a/file/", "a/file/..",
		"dir", "dir/", "dir/..", "dir/file", "a/up", "a/up/dir/file", "../x/../a", "abs", "abs/..", "loop",
		"none", "none/x", "missing", "missing/..", "long", "not", "slash", "a/up/a/up/a/up/long",
	} {
		for _, name := range []string{name, here + "/" + name} {
			want, wantErr := filepath.EvalSymlinks(name)
			if got, err := EvalSymlinks(name); got != want || (err == nil) != (wantErr == nil) {
				t.Errorf("%s: %q, %v; want %q, %v", name, got, err, want, wantErr)
			}
		}
	}
}

func TestLookPathIsThatOfExec(t *testing.T) {
	t.Chdir(t.TempDir())
	mustMkdir(t, "first/dir")
	mustMkdir(t, "second")
	for _, name := range []string{"first/one", "second/one", "second/two", "second/dir", "here"} {
		mustWrite(t, name, 0o700)
	}
	mustWrite(t, "first/two", 0o600) // not a program
	mustWrite(t, "second/text", 0o600)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	absolute := here + "/first:" + here + "/second/"
	for _, list := range []string{absolute, "", ":", "first:" + absolute, absolute + ":", ":" + absolute} {
		t.Setenv("PATH", list)
		for _, name := range []string{
			"one", "two", "dir", "text", "here", "none", "", ".", "..", "./here", "./none", "first/two",
			here + "/first/one", here + "/first",
		} {
			want, wantErr := exec.LookPath(name)
			got, err := LookPath(name)
			if (err == nil) != (wantErr == nil) || err == nil && got != want {
				t.Errorf("PATH=%s %s: %q, %v; want %q, %v", list, name, got, err, want, wantErr)
			}
		}
	}
}

func mustMkdir(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
}

func mustWrite(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, nil, mode); err != nil {
		t.Fatal(err)
	}
}
