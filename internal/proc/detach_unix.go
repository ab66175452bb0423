//go:build unix

package proc

import (
	"os/exec"
	"syscall"
)

// StartDetached starts a process that outlives this one and holds none of its resources. It has a
// session of its own, so that no terminal and no signal of a terminal reaches it, /dev/null as its
// standard streams, and none of the descriptors that this process inherited, such as a pipe on
// whose end the caller waits. The working directory is kept, since paths in a config file may be
// relative.
func StartDetached(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	closeOnExec()
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}

// closeEachOnExec marks the descriptors from 3 to 1023 close-on-exec, one by one.
func closeEachOnExec() {
	for fd := 3; fd < 1024; fd++ {
		syscall.CloseOnExec(fd)
	}
}
