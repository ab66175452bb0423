//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// maxRSS returns the maximum resident set size in bytes. getrusage(2) counts in KiB, on macOS in
// bytes.
func maxRSS(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10
}
