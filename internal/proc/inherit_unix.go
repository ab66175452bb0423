//go:build unix

package proc

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// inheritable returns a duplicate of f that child processes inherit, above the descriptors that
// scripts use. It does not change whether f blocks, as f.Fd would.
func inheritable(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err == nil {
		var dupErr error
		err = raw.Control(func(old uintptr) {
			fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD, 10)
		})
		err = errors.Join(err, dupErr)
	}
	if err != nil {
		return 0, fmt.Errorf("exec: cannot hold the port of the credentials endpoint: %w", err)
	}
	return fd, nil
}
