package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/keyringtest"
	"aws-credproc/internal/ssotest"
	"aws-credproc/internal/ststest"
)

// mountSmallDisk mounts a small file system at the path of a directory.
func mountSmallDisk(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a file system needs root")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=256k,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
}

// fillDisk leaves no space on a small disk, until the file whose path it returns is removed.
func fillDisk(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "large")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err = io.CopyN(f, zeros{}, 1<<20); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return path
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestFullDisk: with no space for a session, refresh fails and the older one is returned. Sessions can
// be deleted, and get works without a cache.
func TestFullDisk(t *testing.T) {
	for _, store := range []string{"file", "kernel"} {
		t.Run(store, func(t *testing.T) {
			h := newHelper(t, startSTS(t))
			h.env = append(h.env, "AWS_CREDPROC_STORE="+store)
			state := filepath.Join(h.dir, "state")
			mountSmallDisk(t, state)
			old := h.output(t, "get", "dev")
			fillDisk(t, state)
			stdout, stderr, err := h.run(t, "refresh", "dev")
			if exitStatus(err) != exitFailed || stdout != "" ||
				!strings.Contains(stderr, "no space left on device\n") ||
				!strings.Contains(stderr, "dev: a new session was obtained, but it could not be cached") {
				t.Errorf("refresh: %v, %s%s", err, stdout, stderr)
			}
			if got := h.output(t, "get", "dev"); got != old {
				t.Errorf("get: %s, want %s", got, old)
			}
			if stdout, stderr, err = h.run(t, "clear", "dev"); err != nil || stderr != "" {
				t.Errorf("clear: %v, %s%s", err, stdout, stderr)
			}
			fillDisk(t, state)
			if got, _, err := h.run(t, "get", "dev"); err != nil || got == old {
				t.Errorf("get without a cache: %v", err)
			}
		})
	}
}

// TestEditsOfUnwritableDisk: on a disk that is full or read-only, commands that would change a file
// fail, say why, and leave the files as they were.
func TestEditsOfUnwritableDisk(t *testing.T) {
	const serial = "arn:aws:iam::" + testAccount + ":mfa/jill"
	for name, test := range map[string]struct {
		make func(t *testing.T, dir string)
		why  string
	}{
		"full": {func(t *testing.T, dir string) { fillDisk(t, dir) }, "no space left on device"},
		"read-only": {func(t *testing.T, dir string) {
			if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, "read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			keyringtest.Start(t)
			h := newSignInHelper(t, ssotest.Settings{Consent: ssotest.Allow})
			before := map[string]string{
				"config": "[profile role]\nrole_arn = " + testRole + "\nsource_profile = base\n" +
					"[profile mfa]\nmfa_serial = " + serial + "\n" + corpConfig,
				"credentials": keysSection("base", ststest.AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "secret"}),
			}
			dir := filepath.Join(h.dir, "disk")
			mountSmallDisk(t, dir)
			for name, text := range before {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			h.env = append(h.env, "HOME="+dir, "AWS_CONFIG_FILE="+filepath.Join(dir, "config"),
				"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(dir, "credentials"),
				"AWS_CREDPROC_STATE_DIR="+filepath.Join(dir, "state"))
			test.make(t, dir)
			fails := func(args []string, stdout, stderr string, err error) {
				t.Helper()
				if exitStatus(err) != exitFailed || stdout != "" || !strings.Contains(stderr, test.why+"\n") {
					t.Errorf("%s: %v, %s%s", args, err, stdout, stderr)
				}
			}
			for _, args := range [][]string{
				{"setup", "role", "--yes"}, {"import", "base", "--yes"},
				{"mfa", "add", serial, "--timeout", "1s"},
			} {
				cmd := h.command(t, args...)
				var stdout, stderr bytes.Buffer
				cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), &stdout, &stderr
				err := cmd.Run()
				fails(args, stdout.String(), stderr.String(), err)
			}
			args := []string{"login", "--sso-session", "corp"}
			_, wait := h.start(t, args...)
			visit(t, h.openedURL(t))
			stdout, stderr, err := wait()
			fails(args, stdout, stderr, err)
			for name, want := range before {
				if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != want {
					t.Errorf("%s: %q, %v", name, b, err)
				}
			}
			if left, err := filepath.Glob(filepath.Join(dir, ".aws", "sso", "cache", "*")); len(left) > 0 {
				t.Errorf("left: %q, %v", left, err)
			}
		})
	}
}

// TestKeyringOnFullDisk: GNOME Keyring refuses sessions and keys while its disk is full. Sessions are
// in another store until refresh is run.
func TestKeyringOnFullDisk(t *testing.T) {
	s := startSTS(t)
	d := keyringtest.New(t)
	dir := filepath.Join(os.Getenv("XDG_DATA_HOME"), "keyrings")
	mountSmallDisk(t, dir)
	d.StartKeyring(true)
	large := fillDisk(t, dir)
	h := newHelper(t, s)
	h.env = append(h.env, "AWS_CREDPROC_STORE=auto")
	credentials, err := os.ReadFile(filepath.Join(h.dir, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, stderr, err := h.run(t, "get", "dev"); err != nil || stderr != "" {
			t.Errorf("get: %v, %s", err, stderr)
		}
	}
	if n := s.Calls("AssumeRole"); n != 1 {
		t.Errorf("%d calls", n)
	}
	const refused = "New sessions: kernel store (keyring: refused the last session: Couldn't create item: "
	if out := h.output(t, "status"); !strings.Contains(out, refused) {
		t.Errorf("status: %s", out)
	}
	_, stderr, err := h.run(t, "import", "base", "--yes")
	if exitStatus(err) != exitFailed || !strings.Contains(stderr, "import: keyring: Couldn't create item: ") {
		t.Errorf("import: %v, %s", err, stderr)
	}
	if b, err := os.ReadFile(filepath.Join(h.dir, "credentials")); string(b) != string(credentials) {
		t.Errorf("import has changed the file: %v", err)
	}
	if err := os.Remove(large); err != nil {
		t.Fatal(err)
	}
	h.output(t, "refresh", "dev")
	if out := h.output(t, "status"); !strings.Contains(out, "New sessions: keyring (unlocked)") {
		t.Errorf("status after refresh: %s", out)
	}
}

// TestRefreshOnFullDiskWithSessionInKeyring: refresh fails if the next get returns the older session,
// whose facts another state directory has.
func TestRefreshOnFullDiskWithSessionInKeyring(t *testing.T) {
	keyringtest.Start(t)
	h := newHelper(t, startSTS(t))
	h.env = append(h.env, "AWS_CREDPROC_STORE=keyring")
	old := h.output(t, "get", "dev")
	dir := filepath.Join(h.dir, "disk")
	mountSmallDisk(t, dir)
	fillDisk(t, dir)
	h.env = append(h.env, "AWS_CREDPROC_STATE_DIR="+dir)
	stdout, stderr, err := h.run(t, "refresh", "dev")
	if exitStatus(err) != exitFailed || stdout != "" ||
		!strings.Contains(stderr, "no space left on device\n") {
		t.Errorf("refresh: %v, %s%s", err, stdout, stderr)
	}
	if got, _, err := h.run(t, "get", "dev"); err != nil || got != old {
		t.Errorf("get returns another session than before, %v", err)
	}
}
