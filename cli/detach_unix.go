//go:build unix

package cli

import (
	"os/exec"
	"syscall"
)

// startDetached starts a process that outlives this one and holds nothing of its caller's: a session of its own, so
// that no terminal and no signal reaches it, /dev/null for its standard streams, and none of the descriptors that the
// caller may have handed down, such as a pipe whose end somebody is waiting for. The working directory stays, since
// paths in a config may be relative.
func startDetached(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	closeOnExec()
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// closeEachOnExec marks the descriptors above the standard streams one by one, as far as one of a usual number goes.
func closeEachOnExec() {
	for fd := 3; fd < 1024; fd++ {
		syscall.CloseOnExec(fd)
	}
}
