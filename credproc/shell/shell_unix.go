//go:build unix

package shell

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"aws-credproc/credproc/terminal"
)

func inShell(ctx context.Context, line string) *exec.Cmd {
	return exec.CommandContext(ctx, "sh", "-c", line)
}

// killWithChildren makes a command end together with the processes that it has started, by a process group of its own.
// In the foreground of a terminal it stays in ours, since the terminal would stop another group that reads from it, to
// ask for a code, say. There the command alone is ended.
func killWithChildren(cmd *exec.Cmd) {
	if terminal.IsThere() {
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
