package main

import (
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// startDetached starts a process that outlives this one and holds nothing of its caller's: no console, no handles.
// The working directory stays, since paths in a config may be relative.
func startDetached(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP,
	}
	if err := cmd.Start(); err != nil { // it inherits its three standard streams only, all of them NUL
		return err
	}
	return cmd.Process.Release()
}
