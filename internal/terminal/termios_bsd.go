//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package terminal

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
	// setTermiosFlush also discards input that was not read.
	setTermiosFlush = unix.TIOCSETAF
	// noKey is the value of a special character that no key has (_POSIX_VDISABLE).
	noKey = 0xff
)
