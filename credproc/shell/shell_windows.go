package shell

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
)

// command returns cmd.exe with a command line. With /S, cmd.exe removes only the first and the last
// quote. os/exec would escape quotes as \", which cmd.exe does not support.
func command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd.exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /S /C "` + line + `"`}
	return cmd
}

// killWithChildren makes Cancel kill cmd.exe and its children.
func killWithChildren(cmd *exec.Cmd, _ bool) {
	cmd.Cancel = func() error {
		pid := strconv.Itoa(cmd.Process.Pid)
		if err := exec.Command("taskkill", "/T", "/F", "/PID", pid).Run(); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
}
