package cli

import (
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/internal/keyringtest"
)

// With --store keyring, commands that users type start a Secret Service that D-Bus can start; get,
// status and doctor do not.
func TestStoreKeyringStartsTheSecretService(t *testing.T) {
	d := keyringtest.New(t)
	h := newHelper(t, startSTS(t))
	for _, command := range []string{"get dev", "status", "doctor dev"} {
		_, stderr, err := h.run(t, append(strings.Fields(command), "--store", "keyring")...)
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if d.HasService() {
			t.Fatalf("%s has started a service: %s", command, stderr)
		}
	}
	for _, command := range []string{"export dev", "whoami dev", "exec dev -- true",
		"exec dev --serve -- true"} {
		words, rest, _ := strings.Cut(command, " -- ")
		args := append(strings.Fields(words), "--store", "keyring")
		if rest != "" {
			args = append(args, "--", rest)
		}
		if _, stderr, err := h.run(t, args...); err != nil {
			t.Fatalf("%s: %v: %s", command, err, stderr)
		}
		if !d.HasService() {
			t.Errorf("%s has started no service", command)
			continue
		}
		endService(t, d)
	}
}

// endService ends the Secret Service that D-Bus has started.
func endService(t *testing.T, d *keyringtest.Desktop) {
	t.Helper()
	var pid uint32
	err := d.Conn.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0,
		"org.freedesktop.secrets").Store(&pid)
	if err == nil {
		err = syscall.Kill(int(pid), syscall.SIGTERM)
	}
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the service", func() bool { return !d.HasService() })
}

// KeePassXC that asks for each access is a locked keyring: auto caches the session elsewhere, so one
// call is made, and import names the setting.
func TestKeePassXCThatAsksForAccess(t *testing.T) {
	s := startSTS(t)
	keyringtest.StartStandIn(t, keyringtest.Behavior{IsKeePassXC: true, AsksForAccess: true})
	h := newHelper(t, s)
	h.env = append(h.env, "AWS_CREDPROC_STORE=auto")
	for range 2 {
		if _, stderr, err := h.run(t, "get", "dev"); err != nil || stderr != "" {
			t.Fatalf("get: %v: %s", err, stderr)
		}
	}
	if n := s.Calls("AssumeRole"); n != 1 {
		t.Errorf("%d calls of AssumeRole, want 1", n)
	}
	out, _, err := h.run(t, "status")
	if err != nil || !strings.Contains(out, "kernel") {
		t.Errorf("status: %v: %s", err, out)
	}
	_, stderr, err := h.run(t, "import", "base", "--yes")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitNeedsUser ||
		!strings.Contains(stderr, `turn off "Confirm when passwords are retrieved by clients"`) {
		t.Errorf("import: %v: %s", err, stderr)
	}
}
