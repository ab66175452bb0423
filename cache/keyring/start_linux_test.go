package keyring

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/internal/keyringtest"
)

func TestOnlyStartStartsAService(t *testing.T) {
	d := keyringtest.New(t)
	testEach(t, ErrNotStarted)
	if d.HasService() {
		t.Fatal("a Secret Service runs")
	}
	for range 2 { // the second time, it runs
		if err := new(Keyring).Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var pid uint32
	err := d.Conn.BusObject().Call(dbusName+".GetConnectionUnixProcessID", 0, ssName).Store(&pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(int(pid), syscall.SIGTERM) })
	// It has no collection: no user has logged in.
	err = new(Keyring).Status(t.Context(), ResponseLimit)
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "neither a collection") {
		t.Errorf("status: %v", err)
	}
}

func TestStartWithoutAServiceToStart(t *testing.T) {
	for name, address := range map[string]string{
		"no bus": "", "not a bus": "unix:path=" + t.TempDir() + "/none",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
			if err := new(Keyring).Start(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
