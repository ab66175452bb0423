//go:build unix && !linux

package proc

import (
	"os"

	"golang.org/x/sys/unix"
)

// inherit lets the processes that are started until release is called inherit f.
func inherit(f *os.File) (release func(), err error) {
	fd, err := inheritable(f)
	if err != nil {
		return nil, err
	}
	return func() { _ = unix.Close(fd) }, nil
}
