package profiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func writeText(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readText(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// setP returns an edit that sets a key of the profile p in the config file.
func setP(value string) func(*Editor) error {
	return func(e *Editor) error { return e.Set(ConfigFile, "p", "a", value) }
}

// names returns the names in a directory, joined.
func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

func TestUpdateKeepsFileAttributes(t *testing.T) {
	dir := t.TempDir()
	dotfiles := filepath.Join(dir, "dotfiles")
	if err := os.Mkdir(dotfiles, 0o700); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(dotfiles, "aws")
	path, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	writeText(t, target, "\ufeff[profile p]\r\na = 1")
	if err := os.Chmod(target, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("dotfiles", "aws"), path); err != nil {
		t.Skipf("SKIPPED: no links here: %v", err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(target, 1234, 1235); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(target)
	if err != nil {
		t.Fatal(err)
	}
	backups, err := Update(t.Context(), path, credentials, setP("2"))
	if err != nil || len(backups) != 1 || backups[0] != path+".aws-credproc.bak" {
		t.Fatalf("backups %q, %v", backups, err)
	}
	backups, err = Update(t.Context(), path, credentials, setP("3"))
	if err != nil || len(backups) != 0 {
		t.Fatalf("the second time: backups %q, %v", backups, err)
	}

	if got := readText(t, target); got != "\ufeff[profile p]\r\na = 3" {
		t.Errorf("the file is %q", got)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	after, err := os.Stat(target)
	if err != nil {
		t.Fatal(err)
	}
	if before.Mode() != after.Mode() || owner(before) != owner(after) {
		t.Errorf(
			"mode and owner were %v %s, and are %v %s", before.Mode(), owner(before), after.Mode(),
			owner(after),
		)
	}
	if got := readText(t, path+".aws-credproc.bak"); got != "\ufeff[profile p]\r\na = 1" {
		t.Errorf("the backup is %q", got)
	}
	info, err := os.Stat(path + ".aws-credproc.bak")
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the backup's mode is %v, %v", info.Mode(), err)
	}
	const want = "config config.aws-credproc.bak dotfiles; aws aws.aws-credproc.lock"
	if got := names(t, dir) + "; " + names(t, dotfiles); got != want {
		t.Errorf("the folders hold %s", got)
	}
}

// owner returns the user and group, if the system has them.
func owner(info fs.FileInfo) string {
	s := fmt.Sprintf("%+v", info.Sys())
	_, s, _ = strings.Cut(s, "Uid:")
	s, _, _ = strings.Cut(s, " X")
	return s
}

func TestUpdateCreatesFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, ".aws", "config")
	add := func(e *Editor) error { return e.AddProfile(ConfigFile, "p") }
	backups, err := Update(t.Context(), path, filepath.Join(dir, ".aws", "credentials"), add)
	if err != nil || len(backups) > 0 {
		t.Fatalf("backups %q, %v", backups, err)
	}
	if got := readText(t, path); got != "[profile p]\n" {
		t.Errorf("the file is %q", got)
	}
	for path, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(path)
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
		}
	}

	// A symbolic link to a missing file.
	link := filepath.Join(dir, "link")
	if err := os.Symlink("to", link); err != nil {
		t.Skipf("SKIPPED: no links here: %v", err)
	}
	if _, err := Update(t.Context(), link, filepath.Join(dir, "credentials"), add); err != nil {
		t.Fatal(err)
	}
	if got := readText(t, filepath.Join(dir, "to")); got != "[profile p]\n" {
		t.Errorf("the file behind the link is %q", got)
	}
}

func TestUpdateRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, config, credentials string) func(*Editor) error
		want    string
	}{
		"a file that another program changed": {func(t *testing.T, config, _ string) func(*Editor) error {
			return func(e *Editor) error {
				writeText(t, config, "[profile p]\na = theirs\n")
				return setP("ours")(e)
			}
		}, "another program has changed the file"},
		"the other file has changed": {func(t *testing.T, _, credentials string) func(*Editor) error {
			return func(e *Editor) error {
				writeText(t, credentials, "[theirs]\n")
				return setP("ours")(e)
			}
		}, "credentials: another program has changed the file"},
		"an edit that fails": {func(*testing.T, string, string) func(*Editor) error {
			return func(e *Editor) error { return errors.Join(setP("ours")(e), errors.New("no")) }
		}, "no"},
		"a read-only file": {func(t *testing.T, config, _ string) func(*Editor) error {
			if err := os.Chmod(config, 0o400); err != nil {
				t.Fatal(err)
			}
			return setP("ours")
		}, "cannot be written: read-only"},
		"a file that is too large": {func(t *testing.T, config, _ string) func(*Editor) error {
			text := "[profile p]\na = 1\n#"
			writeText(t, config, text+strings.Repeat("x", maxEditSize))
			return setP("ours")
		}, "is larger than 4 MB, too large to edit"},
		"one of two that cannot be written": {func(t *testing.T, _, credentials string) func(*Editor) error {
			if err := os.Chmod(credentials, 0o400); err != nil {
				t.Fatal(err)
			}
			return func(e *Editor) error {
				return errors.Join(setP("ours")(e), e.AddProfile(CredentialsFile, "ours"))
			}
		}, "credentials: cannot be written: read-only"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
			writeText(t, config, "[profile p]\na = 1\n")
			writeText(t, credentials, "[q]\n")
			_, err := Update(t.Context(), config, credentials, test.prepare(t, config, credentials))
			if !errHas(err, test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if got := readText(t, config) + readText(t, credentials); strings.Contains(got, "ours") {
				t.Errorf("it was written: %q", got)
			}
			if got := names(t, dir); strings.Contains(got, ".tmp") {
				t.Errorf("a temporary file is left: %s", got)
			}
		})
	}
	_, err := Update(t.Context(), os.DevNull, os.DevNull, setP("1"))
	if !errHas(err, "cannot be written") {
		t.Errorf("the null device: %v", err)
	}
	if r, err := prepare(Change{Path: os.DevNull, New: "x"}); err == nil {
		t.Errorf("the null device would be replaced (%v)", discardAll([]*replacement{r}))
	}
}

func TestConcurrentUpdates(t *testing.T) {
	dir := t.TempDir()
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	var wg sync.WaitGroup
	const n = 30
	for i := range n {
		wg.Go(func() {
			_, err := Update(t.Context(), config, credentials, func(e *Editor) error {
				return e.AddProfile(ConfigFile, fmt.Sprint("p", i))
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	files, err := Load(config, credentials)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(files.Names()); got != n {
		t.Errorf("%d profiles are left of %d", got, n)
	}
}

func TestUpdateLockTimeout(t *testing.T) {
	dir := t.TempDir()
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	_, err := Update(t.Context(), config, credentials, func(*Editor) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := Update(ctx, config, credentials, setP("1"))
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) || !errHas(err, "another process is editing the file") {
		t.Errorf("error %v", err)
	}
}

// A move that fails before the files are replaced leaves them unchanged. The copies are removed.
func TestMove(t *testing.T) {
	const config, credentials = "[profile p]\na = 1\n", "[p]\nb = 2\n"
	failure := errors.New("no")
	for name, test := range map[string]struct {
		move    Move
		other   bool // another program writes a file
		err     string
		written bool
		kept    int
	}{
		"success": {written: true},
		"ready fails": {
			move: Move{Ready: func() error { return failure }}, err: "no",
		},
		"done fails": {
			move: Move{Done: func() error { return failure }}, err: "no", written: true,
		},
		"file changed by another program": {
			other: true, err: "another program has changed the file; nothing was written",
		},
		"kept": {move: Move{KeepBackup: func() bool { return true }}, written: true, kept: 2},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			paths := []string{filepath.Join(dir, "config"), filepath.Join(dir, "credentials")}
			writeText(t, paths[0], config)
			writeText(t, paths[1], credentials)
			for _, left := range []string{
				"credentials" + moveSuffix, ".credentials.123.tmp",
				".credentials" + moveSuffix + ".5.tmp", ".config" + backupSuffix + ".7.tmp",
			} {
				writeText(t, filepath.Join(dir, left), "hush") // left by a killed process
			}
			writeText(t, filepath.Join(dir, ".credentials.mine.tmp"), "mine")
			m := test.move
			m.Edit = func(e *Editor) error {
				return errors.Join(e.Set(ConfigFile, "p", "a", "3"), e.Set(CredentialsFile, "p", "b", "3"))
			}
			ready := m.Ready
			m.Ready = func() error {
				for i, want := range []string{config, credentials} {
					if readText(t, paths[i]) != want || readText(t, paths[i]+moveSuffix) != want {
						t.Errorf("%s is not as it was, or not kept", paths[i])
					}
				}
				if test.other {
					writeText(t, paths[1], credentials+"c = d\n")
				}
				if ready != nil {
					return ready()
				}
				return nil
			}
			kept, err := m.Run(t.Context(), paths[0], paths[1])
			if (err == nil) != (test.err == "") || err != nil && !errHas(err, test.err) ||
				len(kept) != test.kept {
				t.Errorf("%v, kept %v", err, kept)
			}
			if got := readText(t, paths[0]) != config; got != test.written {
				t.Errorf("written: %v", got)
			}
			for _, path := range kept {
				if text := readText(t, path); text != config && text != credentials {
					t.Errorf("%s is %q", path, text)
				}
			}
			names := names(t, dir)
			if test.written && (strings.Contains(names, moveSuffix) || strings.Count(names, ".tmp") != 1) {
				t.Errorf("left: %s", names)
			}
		})
	}
}

func TestFailedUpdateRemovesTheLockItCreated(t *testing.T) {
	for before, want := range map[string]string{
		"":         "",
		lockSuffix: "config" + lockSuffix,
	} {
		dir := t.TempDir()
		config := filepath.Join(dir, "config")
		if before != "" {
			writeText(t, config+before, "")
		}
		_, err := Update(t.Context(), config, filepath.Join(dir, "credentials"), setP("1"))
		if got := names(t, dir); err == nil || got != want {
			t.Errorf("left %q, want %q (%v)", got, want, err)
		}
	}
}

func TestUpdateRemovesOldTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	config, credentials := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	writeText(t, config, "[profile p]\n")
	old := time.Now().Add(-2 * leftoverAge)
	for _, name := range []string{
		".config.1.tmp", ".config.aws-credproc.bak.2.tmp", ".credentials.3.tmp",
		".config.x.tmp", ".other.4.tmp", "config" + moveSuffix,
	} {
		writeText(t, filepath.Join(dir, name), "")
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	writeText(t, filepath.Join(dir, ".config.5.tmp"), "") // perhaps in use
	if _, err := Update(t.Context(), config, credentials, setP("1")); err != nil {
		t.Fatal(err)
	}
	const want = ".config.5.tmp .config.x.tmp .other.4.tmp config config.aws-credproc.bak" +
		" config.aws-credproc.import.bak config.aws-credproc.lock"
	if got := names(t, dir); got != want {
		t.Errorf("left %s, want %s", got, want)
	}
}
