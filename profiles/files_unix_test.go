//go:build unix

package profiles

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"aws-credproc/internal/users"
)

func TestPipeIsRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(pipe, pipe+".none"); !errHas(err, "not a regular file\nhint: ") {
		t.Errorf("a pipe: %v", err)
	}
}

// Only a missing file is an empty file. (Modes cannot be used here: root may read everything.)
func TestUnreachableFileIsNotEmpty(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(filepath.Join(file, "config"), file)
	if !errHas(err, "cannot be read: not a directory\nhint: ") {
		t.Errorf("below a file: %v", err)
	}
}

// A config file names commands to run, and another user may have put it there.
func TestWorkingDirectoryIsNotReadWithoutHome(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", "") // as if it were not set
	t.Cleanup(func() { currentUser = users.Current })
	for _, dir := range []string{".aws", "~/.aws"} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		writeText(t, dir+"/config", "[profile x]\ncredential_process = evil\n")
	}
	for name, current := range map[string]func() (users.User, error){
		"no user":             func() (users.User, error) { return users.User{}, errors.New("unknown") },
		"user without a home": func() (users.User, error) { return users.User{}, nil },
		"a relative home":     func() (users.User, error) { return users.User{Home: "."}, nil },
	} {
		for _, variable := range []string{"", "~/.aws/config"} {
			currentUser = current
			config, credentials := Paths(func(string) string { return variable })
			f, err := Load(config, credentials)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Chain("x")
			if !errHas(err, "x: home directory not found") || !errHas(err, "hint: set HOME, or ") {
				t.Errorf("%s, AWS_CONFIG_FILE=%s: %v", name, variable, err)
			}
			_, err = Update(t.Context(), config, credentials, setP("1"))
			if !errHas(err, "home directory") {
				t.Errorf("%s: an edit: %v", name, err)
			}
			err = f.Edit().AddProfile(ConfigFile, "y", Setting{"region", "r"})
			if !errHas(err, "home directory not found") {
				t.Errorf("%s: a planned edit: %v", name, err)
			}
		}
	}
	if path, _ := PolicyFile("file://~/p.json"); path != os.DevNull {
		t.Errorf("the policy is read from %s", path)
	}
}

func TestReadableHint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it's a file")
	writeText(t, path, "")
	hint := func() string {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return readableHint(path, info)
	}
	if got, want := hint(), "chmod u+r '"+filepath.Dir(path)+`/it'\''s a file'`; got != want {
		t.Errorf("own file: %s, want %s", got, want)
	}
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Skipf("SKIPPED: only root can change the owner: %v", err)
	}
	if got, want := hint(), "another user owns the file; change its owner or its mode"; got != want {
		t.Errorf("file of another user: %s, want %s", got, want)
	}
}

// Tools replace a config file by renaming a new one, which may be larger, at any time.
func TestReplacedFileIsReadWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	texts := []string{"[default]\n", "[default]\nregion = eu-west-1\n"}
	replace := func(i int) {
		next := path + ".new"
		if err := errors.Join(os.WriteFile(next, []byte(texts[i%2]), 0o600),
			os.Rename(next, path)); err != nil {
			t.Error(err)
		}
	}
	replace(0)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 1; !stop.Load(); i++ {
			replace(i)
		}
	}()
	for range 5000 {
		if got, err := readFile(path); err != nil || !slices.Contains(texts, got) {
			t.Errorf("%q, %v", got, err)
			break
		}
	}
	stop.Store(true)
	<-done
}
