package cli

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStatusInUserNamespace: a new user namespace has no key of the kernel store. status says so, and
// get requests a new session.
func TestStatusInUserNamespace(t *testing.T) {
	if exec.Command("unshare", "-r", "true").Run() != nil {
		t.Skip("SKIPPED: no user namespace can be created")
	}
	s := startSTS(t)
	h := newHelper(t, s)
	h.env = append(h.env, "AWS_CREDPROC_STORE=kernel")
	if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); err != nil {
		t.Skip("SKIPPED: the kernel has no user keyring here")
	}
	inside := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"-r", h.path}, args...)...)
		cmd.Env = h.env
		out, err := cmd.Output()
		return string(out), err
	}
	h.output(t, "get", "dev")
	if _, err := inside("status", "--quiet", "dev"); err == nil {
		t.Error("status --quiet says that there is a session")
	}
	const lost = "1 session in the kernel store cannot be read here: the key is in another user"
	if out, err := inside("status"); err != nil || !strings.Contains(out, lost) {
		t.Errorf("status: %v, %s", err, out)
	}
	if out := h.output(t, "status"); strings.Contains(out, "cannot be read") {
		t.Errorf("status outside: %s", out)
	}
	if _, err := inside("get", "dev"); err != nil || s.Calls("AssumeRole") != 2 {
		t.Errorf("get: %v, %d calls", err, s.Calls("AssumeRole"))
	}
}
