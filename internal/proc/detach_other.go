//go:build unix && !linux

package proc

// closeOnExec marks every descriptor above the standard streams close-on-exec.
func closeOnExec() { closeEachOnExec() }
