// Package shell runs the commands in the shared config files as the SDKs do: in a shell, with the
// environment and stdin of this process. It also limits and cleans their output, kills them with
// their children when the context ends, and passes them the profiles that led to them.
package shell

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/terminal"
)

// Limits of the output in bytes.
const (
	MaxOutput = 64 << 10
	MaxStderr = 4 << 10 // some SDKs read a process's stderr only after its stdout
)

// How long the output is awaited after a command has ended or was killed.
const (
	outputDelay = 2 * time.Second
	killedDelay = 100 * time.Millisecond
)

// Chain returns the profiles that led to this process, see [plan.ChainVariable].
func Chain() []string { return strings.Fields(os.Getenv(plan.ChainVariable)) }

// New returns the process for a command line. The profiles in chain are appended to those that led
// to this process. stderr receives at most [MaxStderr] bytes without control characters, and may be
// nil. The process and its children are killed when ctx ends.
func New(ctx context.Context, line string, chain []string, stderr io.Writer) *exec.Cmd {
	cmd := command(ctx, line)
	cmd.Stdin = os.Stdin
	before := Chain()
	cmd.Env = append(os.Environ(), plan.ChainVariable+"="+strings.Join(append(before, chain...), " "))
	if stderr != nil {
		cmd.Stderr = terminal.NewWriter(stderr, MaxStderr)
	}
	cmd.WaitDelay = outputDelay
	killWithChildren(cmd, len(before) > 0)
	kill := cmd.Cancel
	cmd.Cancel = func() error {
		cmd.WaitDelay = killedDelay // os/exec reads it after Cancel
		return kill()
	}
	return cmd
}

// Output runs a command and returns its stdout without leading and trailing white space. For
// errors see [Failure].
func Output(ctx context.Context, line string, chain []string, stderr io.Writer) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := New(ctx, line, chain, stderr)
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(LimitOutput(cancel), &out)
	if err := cmd.Run(); err != nil {
		if failure := Failure(ctx, err); failure != nil {
			return "", failure
		}
		return "", fmt.Errorf("cannot be run: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

// Errors of [Failure] other than the causes of a context.
var (
	ErrOutputTooLong = errors.New("printed more than 64 KB") // MaxOutput
	ErrNotFound      = errors.New("was not found")
)

// notFound are the exit codes for a command that was not found: that of POSIX shells, and that of
// cmd.exe in a batch file. On its command line, cmd.exe uses 1 for all failures.
var notFound = []int{127, 9009}

// Failure returns why a command failed, worded to follow its name: "ended with exit status 7". The
// text holds nothing that the command printed, because that may be a secret. Failure returns nil if
// err is not a failure of the command or of its context ctx, whose cause it wraps.
func Failure(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrOutputTooLong):
		return cause
	case errors.Is(cause, context.DeadlineExceeded):
		return diag.Reword("did not end within the time allowed", cause)
	case cause != nil:
		return diag.Reword("was interrupted", cause)
	case errors.As(err, &exit):
		if wasInterrupted(exit) { // Ctrl-C may reach the command before it reaches this process
			return diag.Reword("was interrupted", context.Canceled)
		}
		if slices.Contains(notFound, exit.ExitCode()) {
			return ErrNotFound
		}
		return fmt.Errorf("ended with %s", exit.ProcessState)
	case errors.Is(err, exec.ErrWaitDelay):
		return errors.New("left a process behind that keeps its output open")
	}
	return nil
}

// wasInterrupted reports whether Ctrl-C ended a command: by a signal, by the exit code of a shell
// (128 and the signal number), or on Windows by STATUS_CONTROL_C_EXIT.
func wasInterrupted(exit *exec.ExitError) bool {
	const controlCExit = 0xc000013a
	if code := exit.ExitCode(); code == 128+int(syscall.SIGINT) || uint32(code) == controlCExit {
		return true
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGINT
}

// LimitOutput returns a writer that discards its input. After [MaxOutput] bytes it fails and
// cancels with [ErrOutputTooLong].
func LimitOutput(cancel context.CancelCauseFunc) io.Writer {
	return &outputLimit{MaxOutput, cancel}
}

type outputLimit struct {
	left   int
	cancel context.CancelCauseFunc
}

func (l *outputLimit) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		l.cancel(ErrOutputTooLong)
		return 0, ErrOutputTooLong
	}
	return len(p), nil
}
