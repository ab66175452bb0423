package cli

import (
	"math"

	"golang.org/x/sys/unix"
)

// closeOnExec keeps every descriptor above the standard streams from processes that are started from now on.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) != nil { // Linux before 5.11
		closeEachOnExec()
	}
}
