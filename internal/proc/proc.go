// Package proc starts, replaces and detaches processes. Each function does the same on every system;
// the files named for a system hold the differences.
package proc

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// EndSignals returns the signals that ask this process to end: SIGINT, SIGTERM and SIGHUP. It
// leaves out those that were ignored when the process started (nohup, background jobs of a shell),
// so that they stay ignored.
func EndSignals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
	return slices.DeleteFunc(all, signal.Ignored)
}
