//go:build unix

package statedir

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestDefault(t *testing.T) {
	t.Setenv("HOME", "/home/jill")
	inHome := "/home/jill/.local/state/aws-credproc"
	tests := map[string]string{"": inHome, "relative": inHome, "/x/state": "/x/state/aws-credproc"}
	if runtime.GOOS == "darwin" {
		mac := "/home/jill/Library/Application Support/aws-credproc"
		tests = map[string]string{"": mac, "/x/state": mac}
	}
	for xdg, want := range tests {
		t.Setenv("XDG_STATE_HOME", xdg)
		if got, err := Default(); err != nil || got != want {
			t.Errorf("XDG_STATE_HOME=%q: %q, %v", xdg, got, err)
		}
	}
	t.Setenv("HOME", "relative")
	t.Setenv("XDG_STATE_HOME", "")
	if got, err := Default(); err == nil && !filepath.IsAbs(got) {
		t.Errorf("relative home: %q", got)
	}
}

// The chmod command of an error works when it is pasted into a shell.
func TestChmodInErrorsWorks(t *testing.T) {
	base := filepath.Join(t.TempDir(), "it's $HOME; a (b)")
	d, err := Create(base)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(Facts, "x y.json", nil); err != nil {
		t.Fatal(err)
	}
	read := func() error {
		d, err := Open(base)
		if err == nil {
			_, err = d.Read(Facts, "x y.json", 1)
		}
		return err
	}
	for _, part := range []string{"", "facts", "facts/x y.json"} {
		if err := os.Chmod(filepath.Join(base, part), 0o777); err != nil {
			t.Fatal(err)
		}
		command := regexp.MustCompile(`run (chmod .*)\)`).FindStringSubmatch(read().Error())
		if command == nil {
			t.Fatalf("%q: %v", part, read())
		}
		if out, err := exec.Command("sh", "-c", command[1]).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v, %s", command[1], err, out)
		}
		if err := read(); err != nil {
			t.Errorf("after %s: %v", command[1], err)
		}
	}
}

func TestRelativeDirIsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Create("state"); err == nil || !strings.Contains(err.Error(), "absolute") {
		t.Error(err)
	}
}

func TestRootOfTheFileSystemIsRefused(t *testing.T) {
	for _, path := range []string{"/", "//", "/../."} {
		for name, open := range map[string]func(string) (*Dir, error){"Open": Open, "Create": Create} {
			if _, err := open(path); err == nil ||
				!strings.Contains(err.Error(), "the root directory of a file system") {
				t.Errorf("%s %s: %v", name, path, err)
			}
		}
	}
}

// A directory in the place of a file is named by its own path.
func TestDirInThePlaceOfAFileIsNamed(t *testing.T) {
	d, err := Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []Folder{Root, Facts, Sessions} {
		path := filepath.Join(d.Path(), string(folder), "x")
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		want := "replace " + path + ": is a directory"
		if err := d.Write(folder, "x", nil); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if temp, err := d.tempFiles(time.Now(), -time.Minute); len(temp) > 0 || err != nil {
			t.Errorf("left: %v, %v", temp, err)
		}
	}
}

// A directory that is replaced between the check and its use is not used.
func TestReplacedDirIsRefused(t *testing.T) {
	checked, err := os.Lstat(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other := t.TempDir()
	for _, dir := range []string{other, "/"} {
		_, err := openChecked(dir, checked, func() (*os.Root, error) { return os.OpenRoot(dir) })
		if err == nil || !strings.Contains(err.Error(), "was replaced") {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

func TestFileOfAnotherUserIsNotRead(t *testing.T) {
	d, err := Create(t.TempDir())
	if err == nil {
		err = d.Write(Facts, "x", []byte("hush"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(d.Path(), string(Facts), "x"), 12345, -1); err != nil {
		t.Skipf("SKIPPED: only root can change the owner: %v", err)
	}
	if b, err := d.Read(Facts, "x", 10); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("%q, %v", b, err)
	}
}
