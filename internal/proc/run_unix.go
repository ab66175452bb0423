//go:build unix

package proc

import (
	"cmp"
	"os"
	"os/signal"
	"syscall"

	"aws-credproc/internal/terminal"
)

// Shell returns the user's shell.
func Shell() string { return cmp.Or(os.Getenv("SHELL"), "/bin/sh") }

// Replace runs the command in the place of this process. It returns only if that fails, with a
// [*StartError]. On Windows, which cannot replace a process, it calls [Command.Run].
//
// The command inherits only the standard streams and what this process itself has inherited. The
// system makes the new process image dumpable (see [guard.Harden]), resets the signals that this process
// handles, and closes close-on-exec files.
func (c Command) Replace() (exitCode int, err error) {
	return 0, newStartError(c.Args[0], syscall.Exec(c.Path, c.Args, c.Env))
}

// forwarded are the signals that are passed on to the child if another process sends them to this
// one.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
}

// forward sends a signal to the child. It leaves out those that the terminal has also sent to the
// child: many programs end immediately, without cleaning up, at a second interrupt.
func forward(p *os.Process, s os.Signal) {
	switch s {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP:
		if terminal.IsAvailable() {
			return
		}
	}
	_ = p.Signal(s) // fails only if the child has ended
}

// allowTerminalOutput lets this process write to the terminal while a child, such as a shell with
// job control, is its foreground process. With "stty tostop" SIGTTOU would stop this process.
func allowTerminalOutput() { signal.Ignore(syscall.SIGTTOU) }

// exitStatus returns the exit code that a shell would return for a process that has ended.
func exitStatus(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}
