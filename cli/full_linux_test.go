package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// smallDisk mounts a small file system at the state directory of a helper. fill leaves no space.
func smallDisk(t *testing.T, h helper) (fill func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: mounting a file system needs root")
	}
	dir := filepath.Join(h.dir, "state")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=256k,mode=700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return func() {
		f, err := os.Create(filepath.Join(dir, "large"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		_, err = io.CopyN(f, zeros{}, 1<<20)
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
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
			fill := smallDisk(t, h)
			old := h.output(t, "get", "dev")
			fill()
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
			fill()
			if got, _, err := h.run(t, "get", "dev"); err != nil || got == old {
				t.Errorf("get without a cache: %v", err)
			}
		})
	}
}

// TestSetupOnFullDisk changes nothing.
func TestSetupOnFullDisk(t *testing.T) {
	h := newHelper(t, startSTS(t))
	fill := smallDisk(t, h)
	config := filepath.Join(h.dir, "state", "config")
	const before = "[profile dev]\nrole_arn = " + testRole + "\nsource_profile = base\n"
	if err := os.WriteFile(config, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	fill()
	h.env = append(h.env, "AWS_CONFIG_FILE="+config)
	_, stderr, err := h.run(t, "setup", "dev", "--yes")
	if exitStatus(err) != exitFailed || !strings.Contains(stderr, "no space left on device") {
		t.Errorf("%v, %s", err, stderr)
	}
	if b, err := os.ReadFile(config); err != nil || string(b) != before {
		t.Errorf("%q, %v", b, err)
	}
}
