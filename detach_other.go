//go:build unix && !linux

package main

// closeOnExec keeps every descriptor above the standard streams from processes that are started from now on.
func closeOnExec() { closeEachOnExec() }
