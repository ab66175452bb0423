package cache

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// osKernel is the user keyring (user-keyring(7)). It belongs to the user, not to a login, and ends
// when the machine stops.
type osKernel struct{}

// kernelKeyPerm lets every process of the user find, read and renew a key. By default, only a
// possessor can: a process whose session keyring links to the user keyring. A process may have a
// session keyring without that link, and adding it would change the caller's keyring
// (keyctl_setperm(3); linux/keyctl.h).
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
		err = setTimeout(id)
	}
	if errors.Is(err, unix.EACCES) {
		// Something changed the permissions of this key: treat it as missing. If the kernel refuses
		// every key, add then returns an error.
		return nil, errNoKernelKey
	}
	if err != nil {
		return nil, kernelError(err)
	}
	return b[:min(n, len(b))], nil // n is the length of the payload, which may exceed b
}

func (osKernel) add(description string, payload []byte) error {
	return withNewKey(description, payload, func(id int) error {
		if err := unix.KeyctlSetperm(id, kernelKeyPerm); err != nil {
			return err
		}
		if err := setTimeout(id); err != nil {
			return err
		}
		_, err := unix.KeyctlInt(unix.KEYCTL_LINK, id, unix.KEY_SPEC_USER_KEYRING, 0, 0)
		return err
	})
}

func (osKernel) probe() error {
	const description = "aws-credproc probe"
	return withNewKey(description, []byte("x"), func(int) error {
		_, err := unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", description, 0)
		if errors.Is(err, unix.ENOKEY) {
			return nil
		}
		return err
	})
}

func setTimeout(id int) error {
	seconds := int(kernelKeyLife / time.Second)
	_, err := unix.KeyctlInt(unix.KEYCTL_SET_TIMEOUT, id, seconds, 0, 0)
	return err
}

// withNewKey creates a key in the keyring of a new thread, where no other process sees it yet, and
// calls do with it. Unless do links the key elsewhere, it is deleted with the thread.
func withNewKey(description string, payload []byte, do func(id int) error) error {
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

// kernelError translates the errors of keyctl(2) and add_key(2).
func kernelError(err error) error {
	switch {
	case errors.Is(err, unix.ENOKEY), errors.Is(err, unix.EKEYEXPIRED),
		errors.Is(err, unix.EKEYREVOKED), errors.Is(err, unix.EKEYREJECTED):
		return errNoKernelKey
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), // seccomp, for example
		errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w: kernel keyring: %w", ErrUnavailable, err)
	}
	return fmt.Errorf("kernel keyring: %w", err)
}
