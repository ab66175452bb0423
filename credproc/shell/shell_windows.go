package shell

import (
	"context"
	"os/exec"
	"strconv"
	"syscall"
)

// inShell gives the line to cmd.exe as it is: with /S that takes away the first and the last quote, and no other. Quotes as
// os/exec would write them, \", are none for cmd.exe, and a path in them would be no command.
func inShell(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "cmd.exe")
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: `cmd.exe /S /C "` + line + `"`}
	return cmd
}

// killWithChildren makes a command end together with the processes that it has started: cmd.exe starts the command
// proper as a child, which would live on.
func killWithChildren(cmd *exec.Cmd, _ bool) {
	cmd.Cancel = func() error {
		if err := exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run(); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
}
