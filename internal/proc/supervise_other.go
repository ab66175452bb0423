//go:build !linux

package proc

import (
	"errors"
	"os"
)

// RunSupervised is [Command.Run]: only Linux can adopt the descendants of a command. On Unix the
// command inherits f, so that the port of a listener stays taken while a descendant has it open.
func (c Command) RunSupervised(f *os.File, _ string) (exitCode int, err error) {
	release, err := inherit(f)
	if err != nil {
		return 0, err
	}
	return c.run(nil, release)
}

// Supervise returns an error: it is for Linux.
func Supervise([]string, func(processes int)) (exitCode int, err error) {
	return 0, errors.New("not supported on this system")
}
