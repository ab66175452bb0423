//go:build unix

package credproc

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestTokenFileInReadOnlyDirectory: a refresh token is valid for one use, so the new one is saved
// even if the file cannot be replaced.
func TestTokenFileInReadOnlyDirectory(t *testing.T) {
	dir := filepath.Join(openToAll(t), "cache") // t.TempDir is in a directory of this user
	must(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "token.json")
	must(t, os.WriteFile(path, []byte(`{"refreshToken": "a long one that was used"}`), 0o644))
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe, "as-command", "renew-token")
	cmd.Dir = dir
	if os.Geteuid() == 0 { // root can write to every directory
		const nobody = 65534
		must(t, os.Chown(dir, nobody, nobody))
		must(t, os.Chown(path, nobody, nobody))
		cmd.Path = filepath.Join(openToAll(t), "test")
		must(t, os.Link(exe, cmd.Path))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	must(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if string(text) != `{"refreshToken":"new"}` {
		t.Errorf("token file %s", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// openToAll returns a directory that all users can read.
func openToAll(t *testing.T) string {
	dir, err := os.MkdirTemp("", "credproc-test")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}
