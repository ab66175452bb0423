//go:build unix

package statedir

import (
	"path/filepath"
	"runtime"
	"testing"
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
