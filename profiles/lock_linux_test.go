package profiles

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/internal/diag"
)

// root has created the lock file, after an edit with sudo; or the user may not create it.
func TestLockErrors(t *testing.T) {
	const asUser = "AWS_CREDPROC_TEST_CONFIG"
	if config := os.Getenv(asUser); config != "" {
		_, err := Update(t.Context(), config, config+".none", func(*Editor) error { return nil })
		fmt.Println(diag.Text(err))
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can be another user")
	}
	dir, err := os.MkdirTemp("", "user") // t.TempDir is not accessible to that user
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	const user = 12345
	config, test := filepath.Join(dir, "config"), filepath.Join(dir, "test")
	exe, err := os.ReadFile("/proc/self/exe")
	err = errors.Join(err, os.WriteFile(test, exe, 0o755), os.Chown(dir, user, user),
		os.WriteFile(config+lockSuffix, nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	try := func(want string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), test, "-test.run=^"+t.Name()+"$")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), asUser+"="+config)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %s", err, out)
		}
	}
	try(config + lockSuffix + ": lock file cannot be opened: permission denied\nhint: remove it")
	err = errors.Join(os.Remove(config+lockSuffix), os.Chown(dir, 0, 0), os.Chmod(dir, 0o755))
	if err != nil {
		t.Fatal(err)
	}
	try(config + ": cannot be locked: permission denied\nhint: make the file and its directory writable")
}
