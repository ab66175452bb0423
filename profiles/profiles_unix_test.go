//go:build unix

package profiles

import (
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
