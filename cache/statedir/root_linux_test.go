package statedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRootCreatesNothingInOtherHomes: as with sudo -E, which keeps HOME.
func TestRootCreatesNothingInOtherHomes(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: this is about root")
	}
	home := t.TempDir()
	local := filepath.Join(home, ".local") // of root, from an earlier sudo
	if err := errors.Join(os.Mkdir(local, 0o700), os.Chown(home, 12345, -1)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(home, "state"), filepath.Join(local, "state", "x")} {
		_, err := Create(path)
		if err == nil || !strings.Contains(err.Error(), home+", which belongs to uid 12345") {
			t.Errorf("Create(%s): %v", path, err)
		}
		if err := CheckCreatable(path); err == nil {
			t.Errorf("CheckCreatable(%s): no error", path)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was created", path)
		}
	}
	if left, err := os.ReadDir(local); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	made := filepath.Join(home, "made") // by root, on purpose
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := Create(made)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}
