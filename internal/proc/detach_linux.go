package proc

import (
	"math"

	"golang.org/x/sys/unix"
)

// closeOnExec marks every descriptor above the standard streams close-on-exec.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) != nil { // Linux before 5.11
		closeEachOnExec()
	}
}
