package credserver

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"aws-credproc/internal/diag"
)

func TestReadToken(t *testing.T) {
	good := strings.Repeat("x", minToken)
	for name, test := range map[string]struct {
		text    string
		mode    os.FileMode
		problem string // "" if the token is read
	}{
		"good":              {good + "\n", 0o600, ""},
		"for the group":     {good, 0o640, ""},
		"longest":           {strings.Repeat("x", maxToken), 0o600, ""},
		"short":             {good[1:], 0o600, "not a token"},
		"empty":             {"", 0o600, "not a token"},
		"space":             {good + " x", 0o600, "not a token"},
		"line feed":         {good + "\n" + good, 0o600, "not a token"},
		"not ASCII":         {good + "é", 0o600, "not a token"},
		"all can write":     {good, 0o602, "every user can write to it"},
		"long":              {strings.Repeat("x", maxToken+1), 0o600, "not a token"},
		"much too long":     {strings.Repeat("x", 1<<20), 0o600, "1 MB"},
		"no file at a path": {},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "it's a token")
			if test.mode != 0 {
				err := os.WriteFile(path, []byte(test.text), 0o600)
				if err := errors.Join(err, os.Chmod(path, test.mode)); err != nil {
					t.Fatal(err)
				}
			}
			if runtime.GOOS == "windows" && test.mode&0o002 != 0 {
				test.problem = ""
			}
			token, err := ReadToken(path)
			switch {
			case test.problem == "":
				if err != nil || token != strings.TrimSpace(test.text) {
					t.Errorf("%q, %v", token, err)
				}
			case err == nil || token != "":
				t.Errorf("%q, %v", token, err)
			case test.problem != "1 MB":
				text := diag.Text(err)
				if hint := diag.Hint(err); !strings.Contains(text, test.problem) ||
					!strings.Contains(hint, `it'\''s a token'`) || strings.Contains(text, good) {
					t.Errorf("%s; hint %s", text, hint)
				}
			}
		})
	}
}

func TestTokenFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows has no modes")
	}
	s := &Server{Options: Options{Token: "hush"}}
	written, err := s.WriteToken()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(written)) })
	created := filepath.Join(t.TempDir(), "token")
	if err := s.CreateToken(created); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{
		written: 0o600, filepath.Dir(written): os.ModeDir | 0o700, created: 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if err := s.CreateToken(created); !errors.Is(err, os.ErrExist) {
		t.Errorf("a file that exists is replaced: %v", err)
	}
}
