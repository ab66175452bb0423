package proc

import (
	"cmp"
	"os"
	"syscall"
)

// Shell returns the user's shell.
func Shell() string { return cmp.Or(os.Getenv("COMSPEC"), "cmd.exe") }

// Replace is [Command.Run]: Windows cannot replace a process.
func (c Command) Replace() (exitCode int, err error) { return c.Run() }

// forwarded are the signals that must not end this process before its child.
var forwarded = []os.Signal{os.Interrupt, syscall.SIGTERM}

// forward does nothing: the console sends its events (Ctrl-C, Ctrl-Break, close) to the child too.
func forward(*os.Process, os.Signal) {}

// allowTerminalOutput does nothing: a console stops no process that writes.
func allowTerminalOutput() {}

func exitStatus(s *os.ProcessState) int { return s.ExitCode() }
