package keyring

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"aws-credproc/internal/keyringtest"
)

const otherUID = 12345

// A bus of another user receives nothing, not even the first byte of the authentication.
func TestBusOfAnotherUserIsUnavailable(t *testing.T) {
	dir := t.TempDir()
	// Nobody but root may connect to the socket of another user in the directory of a test.
	for name, test := range map[string]struct{ socket, address, runtimeDir string }{
		"path":             {filepath.Join(dir, "path"), "unix:path=" + filepath.Join(dir, "path"), ""},
		"abstract":         {"@" + rand.Text(), "unix:abstract=", ""},
		"runtime":          {filepath.Join(dir, "bus"), "", dir},
		"after a dead one": {"@" + rand.Text(), "unix:path=/nonexistent;unix:abstract=", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			var received atomic.Int32
			keyringtest.ListenAs(t, otherUID, test.socket, func(conn net.Conn) {
				n, _ := conn.Read(make([]byte, 64))
				received.Add(int32(n))
				conn.Close()
			})
			address := test.address
			if strings.HasSuffix(address, "=") {
				address += test.socket[1:]
			}
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			t.Setenv("XDG_RUNTIME_DIR", test.runtimeDir)
			testEach(t, ErrOtherUser)
			testEach(t, ErrUnavailable)
			err := new(Keyring).Unlock(t.Context(), ResponseLimit)
			want := fmt.Sprintf("keyring: not available: the D-Bus session bus belongs to another "+
				"user (uid %d)", otherUID)
			if err == nil || err.Error() != want {
				t.Errorf("unlock: %v", err)
			}
			if n := received.Load(); n > 0 {
				t.Errorf("the other user received %d bytes", n)
			}
		})
	}
}

// The file is checked before it is opened. Its owner is not that of the process that listens.
func TestRuntimeSocketOfAnotherUserIsNotDialled(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: changing an owner needs root")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled := make(chan struct{}, 100)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			dialled <- struct{}{}
			conn.Close()
		}
	}()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := os.Chown(path, otherUID, otherUID); err != nil {
		t.Fatal(err)
	}
	testEach(t, ErrOtherUser)
	if len(dialled) > 0 {
		t.Error("the socket was dialled")
	}
}

func TestRuntimeBusThatIsNoSocketIsUnavailable(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bus"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	testEach(t, ErrUnavailable)
	err := new(Keyring).Status(t.Context(), ResponseLimit)
	if !strings.Contains(err.Error(), "$XDG_RUNTIME_DIR/bus is not a socket") {
		t.Error(err)
	}
}

func TestOnlyUnixAddressesAreDialled(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var dialled atomic.Bool
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			dialled.Store(true)
			conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ran := filepath.Join(dir, "ran")
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n: >"+ran+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{
		"tcp:host=127.0.0.1,port=" + port,
		"nonce-tcp:host=127.0.0.1,noncefile=/dev/null,port=" + port,
		"unixexec:path=" + script,
		"launchd:env=HOME", "autolaunch:", "systemd:", "unix:path=relative", "garbage",
		strings.Repeat("x", 4<<10+1),
	} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		err := new(Keyring).Status(t.Context(), ResponseLimit)
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "DBUS_SESSION_BUS_ADDRESS") {
			t.Errorf("%.40s: %v", address, err)
		}
	}
	if _, err := os.Stat(ran); dialled.Load() || err == nil {
		t.Error("an address that is not a unix socket was used")
	}
}

func TestFirstUsableAddressIsUsed(t *testing.T) {
	keyringtest.Start(t)
	own := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	for name, address := range map[string]string{
		"only":        own,
		"escaped":     strings.ReplaceAll(own, "path=/", "path=%2f"),
		"with a guid": own + ",guid=0123456789abcdef0123456789abcdef",
		"last":        "autolaunch:;tcp:host=127.0.0.1,port=1;unix:path=/nonexistent;" + own,
		"first":       own + ";unix:path=/nonexistent",
		"empty ones":  ";;" + own + ";",
		"of many":     strings.Repeat("unix:path=/nonexistent;", 100) + own,
	} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if err := new(Keyring).Status(t.Context(), ResponseLimit); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	if err := new(Keyring).Status(t.Context(), ResponseLimit); err != nil {
		t.Errorf("runtime directory: %v", err)
	}
	if os.Geteuid() == 0 {
		name := "@" + rand.Text()
		keyringtest.ListenAs(t, otherUID, name, func(net.Conn) {})
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract="+name[1:]+";"+own)
		if err := new(Keyring).Status(t.Context(), ResponseLimit); err != nil {
			t.Errorf("after that of another user: %v", err)
		}
	}
}

// A relative XDG_RUNTIME_DIR would name a socket in the working directory.
func TestRelativeRuntimeDirIsIgnored(t *testing.T) {
	keyringtest.Start(t)
	path := strings.TrimPrefix(os.Getenv("DBUS_SESSION_BUS_ADDRESS"), "unix:path=")
	path, _, _ = strings.Cut(path, ",")
	dir := t.TempDir()
	if err := os.Symlink(path, filepath.Join(dir, "bus")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", dir)
	if err := new(Keyring).Status(t.Context(), ResponseLimit); err != nil {
		t.Fatalf("the absolute path: %v", err)
	}
	t.Setenv("XDG_RUNTIME_DIR", ".")
	if err := new(Keyring).Status(t.Context(), ResponseLimit); !errors.Is(err, ErrUnavailable) {
		t.Errorf("the relative path: %v", err)
	}
}
