//go:build unix

package shell

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"aws-credproc/internal/terminal"
)

// command returns sh with a command line.
func command(ctx context.Context, line string) *exec.Cmd {
	return exec.CommandContext(ctx, "sh", "-c", line)
}

// killWithChildren makes Cancel kill a command and its children. The command gets its own process
// group, except in two cases. If it is nested in the command of another aws-credproc, it stays in
// that command's group, so that the other aws-credproc can kill it. In the foreground of a terminal
// it stays in the foreground group, because no other group may read from the terminal.
func killWithChildren(cmd *exec.Cmd, nested bool) {
	if nested || terminal.IsAvailable() {
		cmd.Cancel = func() error { return killTree(cmd.Process) }
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

// maxRounds is how often killTree looks for new children.
const maxRounds = 64

// killTree kills a child process and its descendants. It stops all of them first, so that none
// starts another one and no process ID is reused.
func killTree(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	tree := map[int]bool{p.Pid: true}
	for range maxRounds {
		found := false
		for pid, parent := range parents() {
			if tree[parent] && !tree[pid] {
				tree[pid], found = true, true
				_ = syscall.Kill(pid, syscall.SIGSTOP) // fails if it has ended or runs as another user
			}
		}
		if !found {
			break
		}
	}
	delete(tree, p.Pid)
	for pid := range tree {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return p.Kill()
}
