package shell

import (
	"os/exec"
	"strconv"
)

// killWithChildren makes a command end together with the processes that it has started: cmd.exe starts the command
// proper as a child, which would live on.
func killWithChildren(cmd *exec.Cmd) {
	cmd.Cancel = func() error {
		if err := exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(cmd.Process.Pid)).Run(); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
}
