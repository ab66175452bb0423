//go:build unix

package main

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// controllingTerminal opens the terminal at which this process was started, for a question. From the background there is
// none: a process that reads the terminal there is stopped.
func controllingTerminal() (io.ReadWriteCloser, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("there is no terminal")
	}
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		return nil, errors.Join(errors.New("this process is in the background of its terminal"), tty.Close())
	}
	return tty, nil
}
