package terminal

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS
	// setTermiosFlush also discards input that was not read.
	setTermiosFlush = unix.TCSETSF
	// noKey is the value of a special character that no key has (_POSIX_VDISABLE).
	noKey = 0
)
