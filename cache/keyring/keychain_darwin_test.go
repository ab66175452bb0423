package keyring

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"
)

func TestExitStatusOfSecurity(t *testing.T) {
	for status, want := range map[int]error{
		36: ErrLocked, 51: ErrLocked, 128: ErrLocked,
		37: ErrUnavailable, 50: ErrUnavailable, 53: ErrUnavailable,
	} {
		err := translate(exec.Command("/bin/sh", "-c", "exit "+strconv.Itoa(status)).Run())
		if !errors.Is(err, want) {
			t.Errorf("%d: %v", status, err)
		}
	}
	err := translate(exec.Command("/usr/bin/false").Run())
	if err == nil || errors.Is(err, ErrLocked) || errors.Is(err, ErrUnavailable) {
		t.Errorf("any other: %v", err)
	}
}
