package cli

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUserNamespace: a new user namespace has no key of the kernel store. status says so, and get
// requests a new session.
func TestUserNamespace(t *testing.T) {
	for _, command := range [][]string{
		{"unshare", "-r"}, {"bwrap", "--unshare-all", "--share-net", "--dev-bind", "/", "/"},
	} {
		t.Run(command[0], func(t *testing.T) {
			if out, err := exec.Command(command[0], append(command[1:], "true")...).CombinedOutput(); err != nil {
				t.Skipf("SKIPPED: no user namespace can be created: %v, %s", err, out)
			}
			if _, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_USER_KEYRING, true); err != nil {
				t.Skip("SKIPPED: the kernel has no user keyring here")
			}
			s := startSTS(t)
			h := newHelper(t, s)
			h.env = append(h.env, "AWS_CREDPROC_STORE=kernel")
			inside := func(args ...string) (string, error) {
				args = append(append(command[1:len(command):len(command)], h.path), args...)
				cmd := exec.CommandContext(t.Context(), command[0], args...)
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
			if out, err := inside("status", "--json"); err != nil ||
				!strings.Contains(out, `"key_lost": true`) {
				t.Errorf("status --json: %v, %s", err, out)
			}
			if out := h.output(t, "status", "--json"); !strings.Contains(out, `"key_lost": false`) {
				t.Errorf("status --json outside: %s", out)
			}
			if _, err := inside("get", "dev"); err != nil || s.Calls("AssumeRole") != 2 {
				t.Errorf("get: %v, %d calls", err, s.Calls("AssumeRole"))
			}
		})
	}
}
