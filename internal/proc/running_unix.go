//go:build unix

package proc

import (
	"errors"
	"syscall"
)

// IsRunning reports whether there is a process with this ID.
func IsRunning(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
