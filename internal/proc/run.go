package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"aws-credproc/internal/diag"
)

// Command is a program to run in the place of this one, or as its child.
type Command struct {
	Path      string
	Args, Env []string // Args begins with the command's name
	Stdin     *os.File
}

// Exit codes for a command that cannot be started: those of env(1) and the shells.
const (
	exitCannotRun = 126
	exitNotFound  = 127
)

// StartError is returned for a command that cannot be started.
type StartError struct {
	Err      error
	ExitCode int // 127 if there is no such command, else 126
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

func newStartError(name string, err error) *StartError {
	if errors.Is(err, exec.ErrNotFound) {
		return &StartError{&diag.Error{
			Where:   "exec",
			Problem: fmt.Sprintf("command %q not found on the PATH", name),
			Hint:    "use its path; for a shell's alias or function, run that shell",
		}, exitNotFound}
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	e := &StartError{fmt.Errorf("exec: cannot run %q: %w", name, err), exitCannotRun}
	if errors.Is(err, fs.ErrNotExist) {
		e.ExitCode = exitNotFound
	}
	return e
}

// FindCommand returns the path of a command, found as the operating system does. The error is a
// [*StartError].
func FindCommand(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch e := (*exec.Error)(nil); {
	case errors.Is(err, exec.ErrDot) && runtime.GOOS != "windows":
		return path, nil // the PATH names the current directory on purpose
	case errors.Is(err, exec.ErrNotFound) && isOnPath(name):
		err = syscall.EACCES
	case errors.As(err, &e):
		err = e.Err
	}
	if err != nil {
		return "", newStartError(name, err)
	}
	return path, nil
}

// isOnPath reports whether a directory of the PATH has a file of this name, executable or not.
func isOnPath(name string) bool {
	if filepath.Base(name) != name {
		return false
	}
	return slices.ContainsFunc(filepath.SplitList(os.Getenv("PATH")), func(dir string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && info.Mode().IsRegular()
	})
}

// Run runs the command as a child process and returns its exit code: 128 plus the signal's number
// if a signal ended it. The error is a [*StartError] if the command does not start.
//
// The child is in the same process group, so that it gets the terminal's signals (Ctrl-C, Ctrl-Z);
// this process stays alive. Signals that other processes send to this one are forwarded.
func (c Command) Run() (exitCode int, err error) { return c.run(nil, func() {}) }

// run is Run with attributes of the process. It calls started after the start.
func (c Command) run(attributes *syscall.SysProcAttr, started func()) (exitCode int, err error) {
	cmd := c.process(attributes)
	signals := notifyForwarded()
	err = cmd.Start()
	started()
	if err != nil {
		return 0, newStartError(c.Args[0], err)
	}
	allowTerminalOutput() // after the start: the child would inherit it
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			forward(cmd.Process, s)
		case err := <-done:
			if cmd.ProcessState == nil {
				return 0, fmt.Errorf("exec: cannot wait for %q: %w", c.Args[0], err)
			}
			return exitStatus(cmd.ProcessState), nil
		}
	}
}

// process returns the child process, before its start.
func (c Command) process(attributes *syscall.SysProcAttr) *exec.Cmd {
	return &exec.Cmd{
		Path: c.Path, Args: c.Args, Env: c.Env,
		Stdin: c.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, SysProcAttr: attributes,
	}
}

// notifyForwarded returns a channel for the signals that are passed on to a child.
func notifyForwarded() chan os.Signal {
	signals := make(chan os.Signal, 16)
	for _, s := range forwarded {
		if !signal.Ignored(s) { // the child inherits that it is ignored
			signal.Notify(signals, s)
		}
	}
	return signals
}
