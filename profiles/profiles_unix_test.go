//go:build unix

package profiles

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAPipeIsAnErrorAndNoHang(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(pipe, pipe+".none"); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a pipe: %v", err)
	}
}

// TestAFileThatCannotBeReachedIsNoEmptyFile: only one that is not there is. (Modes would not do: root may read anything.)
func TestAFileThatCannotBeReachedIsNoEmptyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(filepath.Join(file, "config"), file); err == nil || !strings.Contains(err.Error(), "cannot read: not a directory") {
		t.Errorf("below a file: %v", err)
	}
}
