package files

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := Read(path, 4); err != nil || !bytes.Equal(b, []byte("text")) {
		t.Errorf("read %q, %v", b, err)
	}
	if _, err := Read(path, 3); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a file above the limit: %v", err)
	}
	if _, err := Read(dir, 4); err == nil || !strings.HasPrefix(err.Error(), dir) {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Read(path+"x", 4); !errors.Is(err, fs.ErrNotExist) ||
		strings.Count(err.Error(), path+"x") != 1 {
		t.Errorf("a missing file: %v", err)
	}
}

func TestRealIsTheSameForEveryNameOfAFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "f"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f", link); err != nil {
		t.Skip(err)
	}
	if Real(path) != Real(link) {
		t.Errorf("%s and %s", Real(path), Real(link))
	}
	if missing := filepath.Join(dir, "missing"); Real(missing) != missing {
		t.Errorf("a missing file: %s", Real(missing))
	}
}

// Files in /proc have the size 0.
func TestReadFileOfUnknownSize(t *testing.T) {
	const path = "/proc/self/status"
	want, err := os.ReadFile(path)
	if err != nil {
		t.Skip(err)
	}
	if b, err := Read(path, 64<<10); err != nil || len(b) < len(want)/2 {
		t.Errorf("%d of %d bytes, %v", len(b), len(want), err)
	}
	if _, err := Read(path, 10); !errors.As(err, new(TooLargeError)) {
		t.Errorf("above the limit: %v", err)
	}
}
