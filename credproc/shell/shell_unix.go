//go:build unix

package shell

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"aws-credproc/internal/terminal"
)

func inShell(ctx context.Context, line string) *exec.Cmd {
	return exec.CommandContext(ctx, "sh", "-c", line)
}

// killWithChildren makes a command end together with the processes that it has started: by a process group of its own,
// unless it is nested, in the group of another helper's command. In the foreground of a terminal too it stays in ours,
// since the terminal would stop another group that reads from it, to ask for a code, say.
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

// mostRounds is how often killTree looks for more: what cannot be stopped may go on starting others.
const mostRounds = 64

// killTree kills a process of ours and those below it, which are stopped first: none starts another meanwhile, nor gives
// its number back. One whose parent has ended is below it no more.
func killTree(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	below := map[int]bool{p.Pid: true}
	for range mostRounds {
		found := false
		for pid, parent := range parents() {
			if below[parent] && !below[pid] {
				below[pid], found = true, true
				_ = syscall.Kill(pid, syscall.SIGSTOP) // an error: it has ended, or is another user's
			}
		}
		if !found {
			break
		}
	}
	delete(below, p.Pid)
	for pid := range below {
		_ = syscall.Kill(pid, syscall.SIGKILL) // likewise
	}
	return p.Kill()
}
