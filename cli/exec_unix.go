//go:build unix

package cli

import (
	"cmp"
	"os"
	"os/signal"
	"syscall"

	"aws-credproc/internal/terminal"
)

// shell is what a person works in.
func shell() string { return cmp.Or(os.Getenv("SHELL"), "/bin/sh") }

// runInstead puts a command in this process's place. It returns only where that fails.
//
// Nothing of ours stays with it: the system makes a new process image dumpable (see harden), sets handled signals back
// to what they do by default, and closes our files; those that we were started with stay open.
func (a *app) runInstead(c job) int {
	notRun := newCannotRun(c.args[0], syscall.Exec(c.path, c.args, c.env))
	a.report(notRun)
	return notRun.code
}

// passedOn are the signals that somebody may send to a command whose process they take us for.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}

// passOn gives a signal to a command. What the terminal sends it has already: an interrupt that comes twice makes many
// programs stop at once, in the middle of something.
func passOn(p *os.Process, s os.Signal) {
	switch s {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP:
		if terminal.IsThere() {
			return
		}
	}
	_ = p.Signal(s) // an error: it has ended, and its exit code is coming
}

// writeFromBackground lets this process write to the terminal while the command, a shell with job control, has it: one may be
// set so that it stops who does (stty tostop), and an endpoint that is stopped answers nobody.
func writeFromBackground() { signal.Ignore(syscall.SIGTTOU) }

// exitStatus is the exit code of a shell for a process that has ended.
func exitStatus(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}
