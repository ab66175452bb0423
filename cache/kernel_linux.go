package cache

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// osKernel is the user keyring of keyrings(7), user-keyring(7): it belongs to the user, not to a login, and ends with
// the machine's run.
type osKernel struct{}

// kernelKeyPerm lets every process of the user find, read and renew a key. By default only who possesses a key may,
// that is who has a link to the user keyring in the session keyring: not so in a fresh session keyring, and to put one
// there would change the caller's own (keyctl_setperm(3); bits of linux/keyctl.h).
const kernelKeyPerm = 0x3f000000 | // possessor: all
	0x00010000 | 0x00020000 | 0x00080000 | 0x00200000 // user: view, read, search, set attributes

func (osKernel) read(description string) ([]byte, error) {
	b := make([]byte, 256)
	var n int
	id, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", description, 0)
	if err == nil {
		n, err = unix.KeyctlBuffer(unix.KEYCTL_READ, id, b, 0)
	}
	if err == nil {
		_, err = unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, int(kernelKeyLife/time.Second), 0, 0)
	}
	if errors.Is(err, unix.EACCES) {
		return nil, errNoKernelKey // somebody took our rights to it away; where it is all keys, add says so
	}
	if err != nil {
		return nil, kernelError(err)
	}
	return b[:min(n, len(b))], nil // n is the length that it has, read or not
}

func (osKernel) add(description string, payload []byte) error {
	return inThreadKeyring(description, payload, func(id int) error {
		if err := unix.KeyctlSetperm(id, kernelKeyPerm); err != nil {
			return err
		}
		if _, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, int(kernelKeyLife/time.Second), 0, 0); err != nil {
			return err
		}
		_, err := unix.KeyctlInt(unix.KEYCTL_LINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
		return err
	})
}

func (osKernel) probe() error {
	return inThreadKeyring("aws-credproc probe", []byte("x"), func(int) error {
		_, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", "aws-credproc probe", 0)
		if errors.Is(err, unix.ENOKEY) {
			return nil
		}
		return err
	})
}

// inThreadKeyring makes a key in a keyring of a thread's own, where it can be made ready before others see it, and does
// something with it. What has no other link then ends with the thread.
func inThreadKeyring(description string, payload []byte, do func(id int) error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never undone, so that the thread ends with this function
		id, err := unix.AddKey("user", description, payload, unix.KEY_SPEC_THREAD_KEYRING)
		if err == nil {
			err = do(id)
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return kernelError(err)
	}
	return nil
}

// kernelError sorts the errors of keyctl(2) and add_key(2).
func kernelError(err error) error {
	switch {
	case errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED), errors.Is(err, unix.EKEYREVOKED), errors.Is(err, unix.EKEYREJECTED):
		return errNoKernelKey
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: kernel keyring: %w", ErrUnavailable, err) // seccomp, a kernel without it, a quota
	}
	return fmt.Errorf("kernel keyring: %w", err)
}
