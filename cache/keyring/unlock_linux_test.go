package keyring

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/keyringtest"
)

// gnome-keyring 42 crashes if a prompt that is shown is dismissed.
func TestUnansweredPromptDoesNotCrashTheDaemon(t *testing.T) {
	d := keyringtest.Start(t)
	k := new(Keyring)
	if err := k.Put(t.Context(), testItem, "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	d.Lock()
	d.User.Store(&keyringtest.User{Password: "password", Absent: true})
	err := k.Unlock(t.Context(), 500*time.Millisecond)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "was not answered") {
		t.Errorf("no answer: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := k.Unlock(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("interrupted: %v", err)
	}
	if err := k.Status(t.Context(), ResponseLimit); !errors.Is(err, ErrLocked) {
		t.Errorf("status: %v", err)
	}
	d.Unlock()
	if got, err := k.Get(t.Context(), testItem); err != nil || string(got[0]) != "x" {
		t.Errorf("afterwards: %q, %v", got, err)
	}
}

func TestUnlockEndsWithTheDaemon(t *testing.T) {
	d := keyringtest.New(t)
	daemon := d.StartKeyring(true)
	d.Lock()
	d.User.Store(&keyringtest.User{Absent: true})
	got := make(chan error, 1)
	go func() { got <- new(Keyring).Unlock(t.Context(), time.Minute) }()
	keyringtest.WaitFor(t, "the prompt", func() bool { return d.Prompts.Load() > 0 })
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it still waits for the daemon")
	}
}
