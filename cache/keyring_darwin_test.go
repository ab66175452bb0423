package cache

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"
)

// The exit status of /usr/bin/security is all that it tells.
func TestStatusOfTheKeychainIsKnown(t *testing.T) {
	for status, want := range map[int]error{36: ErrLocked, 51: ErrLocked, 128: ErrLocked, 37: ErrUnavailable, 50: ErrUnavailable, 53: ErrUnavailable} {
		if err := keyringError(exec.Command("/bin/sh", "-c", "exit "+strconv.Itoa(status)).Run()); !errors.Is(err, want) {
			t.Errorf("%d: %v", status, err)
		}
	}
	if err := keyringError(exec.Command("/usr/bin/false").Run()); err == nil || errors.Is(err, ErrLocked) || errors.Is(err, ErrUnavailable) {
		t.Errorf("any other: %v", err)
	}
}
