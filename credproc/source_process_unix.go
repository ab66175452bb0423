//go:build unix

package credproc

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// killWithChildren makes a command end together with the processes that it has started, by a process group of its own.
// In the foreground of a terminal it stays in ours, since the terminal would stop another group that reads from it, to
// ask for a code, say. There the command alone is ended.
func killWithChildren(cmd *exec.Cmd) {
	if inForeground() {
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != syscall.ESRCH {
			return err
		}
		return os.ErrProcessDone
	}
}

// inForeground reports whether this process may talk to a person at its terminal.
func inForeground() bool {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer tty.Close()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}
