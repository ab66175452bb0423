package cli

import (
	"cmp"
	"os"
	"syscall"
)

// shell is what a person works in.
func shell() string { return cmp.Or(os.Getenv("COMSPEC"), "cmd.exe") }

// runInstead runs a command: Windows puts none in another's place.
func (a *app) runInstead(c job) int { return a.runBeside(c) }

// passedOn are the signals that must not end us before the command.
var passedOn = []os.Signal{os.Interrupt, syscall.SIGTERM}

// passOn does nothing: both come from the console (Ctrl-C, Ctrl-Break, its closing), which tells the command itself.
func passOn(*os.Process, os.Signal) {}

// writeFromBackground does nothing: a console stops nobody.
func writeFromBackground() {}

// exitStatus is the exit code of a process that has ended.
func exitStatus(s *os.ProcessState) int { return s.ExitCode() }
