package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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

// mfa add does not let the user register a device whose seed is lost if the keyring is killed.
func TestSeedIsOnDiskBeforeTheSecondCode(t *testing.T) {
	const late = "the keyring may not have written the seed to disk yet"
	const lost = "the keyring has lost the seed"
	data := t.TempDir()
	wallet := filepath.Join(data, "kwalletd", keyringtest.Wallet+".kwl")
	if err := os.Mkdir(filepath.Dir(wallet), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func() {
		if err := os.WriteFile(wallet, nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	for name, test := range map[string]struct {
		service     keyringtest.Behavior
		late, isOut bool
	}{
		"oo7":       {late: true},
		"KeePassXC": {service: keyringtest.Behavior{IsKeePassXC: true}, late: true},
		"KWallet": {service: keyringtest.Behavior{IsKWallet: true, Created: func(*keyringtest.StandIn) {
			time.Sleep(500 * time.Millisecond) // the first code is printed before
			write()
		}}},
		"KWallet that was killed": {service: keyringtest.Behavior{IsKWallet: true,
			Created: func(s *keyringtest.StandIn) {
				time.Sleep(500 * time.Millisecond)
				s.ForgetSecrets()
				if err := os.Remove(wallet); err != nil {
					t.Error(err)
				}
			}}, late: true, isOut: true},
	} {
		t.Run(name, func(t *testing.T) {
			write()
			keyringtest.StartStandIn(t, test.service)
			h := newHelper(t, startSTS(t))
			h.env = append(h.env, "XDG_DATA_HOME="+data)
			cmd := h.command(t, "mfa", "add", "arn:aws:iam::123456789012:mfa/jill", "--timeout", "1s")
			cmd.Stdin = strings.NewReader("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
			out, err := cmd.CombinedOutput()
			text := string(out)
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if !strings.Contains(text, "first code: ") || strings.Contains(text, late) != test.late ||
				strings.Contains(text, lost) != test.isOut || test.isOut && err == nil {
				t.Errorf("%v: %s", err, text)
			}
		})
	}
}

// import keeps no copy of the key if KWallet has written it to disk, as it does when it is asked to.
func TestImportKeepsCopyOnlyOfWhatMayBeLost(t *testing.T) {
	data := t.TempDir()
	wallet := filepath.Join(data, "kwalletd", keyringtest.Wallet+".kwl")
	if err := os.Mkdir(filepath.Dir(wallet), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func() {
		if err := os.WriteFile(wallet, nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	for name, test := range map[string]struct {
		service keyringtest.Behavior
		copies  int
	}{
		"oo7":       {keyringtest.Behavior{}, 1},
		"KeePassXC": {keyringtest.Behavior{IsKeePassXC: true}, 1},
		"KWallet":   {keyringtest.Behavior{IsKWallet: true, Sync: write}, 0},
		"KWallet that was killed": {keyringtest.Behavior{IsKWallet: true, Sync: func() {
			if err := os.Remove(wallet); err != nil {
				t.Error(err)
			}
		}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			write()
			keyringtest.StartStandIn(t, test.service)
			h := newHelper(t, startSTS(t))
			h.env = append(h.env, "XDG_DATA_HOME="+data, "XDG_CONFIG_HOME="+data)
			_, stderr, err := h.run(t, "import", "base", "--yes")
			if err != nil {
				t.Fatalf("%v: %s", err, stderr)
			}
			copies, err := filepath.Glob(filepath.Join(h.dir, "credentials.*.bak"))
			if err != nil || len(copies) != test.copies {
				t.Errorf("copies: %q, %v", copies, err)
			}
			if strings.Contains(stderr, "may not have written the key to disk yet") != (test.copies > 0) {
				t.Errorf("stderr: %s", stderr)
			}
		})
	}
}
