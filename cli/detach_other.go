//go:build unix && !linux

package cli

// closeOnExec keeps every descriptor above the standard streams from processes that are started from now on.
func closeOnExec() { closeEachOnExec() }
