// Package shell runs the commands that the shared config files name: a shell, this process's environment and stdin, as
// the SDKs do. Beside that it bounds and cleans what they say, ends them with their context, and tells them which
// profiles are on the way to them.
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

	"aws-credproc/internal/terminal"
)

// What a command may print and say, and how long its output is waited for after its end.
const (
	MaxOutput   = 64 << 10
	MaxStderr   = 4 << 10 // some SDKs read a helper's stderr only after its stdout
	outputDelay = 2 * time.Second
	killedDelay = 100 * time.Millisecond // where it was ended, and nobody wants its output
)

// WayVariable tells a command the profiles that are on the way to it, with spaces between them.
const WayVariable = "_AWS_CREDPROC_PROFILE_CHAIN"

// Way gives the profiles that are on the way to this process.
func Way() []string { return strings.Fields(os.Getenv(WayVariable)) }

// New makes the process for a command line. way is what comes after the profiles that are on the way to this process.
// stderr hears what it says: MaxStderr at most, without control characters; nil drops it. The process ends with ctx,
// together with what it has started.
func New(ctx context.Context, line string, way []string, stderr io.Writer) *exec.Cmd {
	cmd := inShell(ctx, line)
	cmd.Stdin = os.Stdin
	before := Way()
	cmd.Env = append(os.Environ(), WayVariable+"="+strings.Join(append(before, way...), " "))
	if stderr != nil {
		cmd.Stderr = terminal.NewWriter(stderr, MaxStderr)
	}
	cmd.WaitDelay = outputDelay
	killWithChildren(cmd, len(before) > 0)
	kill := cmd.Cancel
	cmd.Cancel = func() error {
		cmd.WaitDelay = killedDelay // which is read after this
		return kill()
	}
	return cmd
}

// Output runs a command and gives what it prints, without white space around it. The error is in the form of Failure's.
func Output(ctx context.Context, line string, way []string, stderr io.Writer) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cmd := New(ctx, line, way, stderr)
	var out bytes.Buffer
	cmd.Stdout = io.MultiWriter(Allowance(cancel), &out)
	if err := cmd.Run(); err != nil {
		if why := Failure(ctx, err); why != nil {
			return "", why
		}
		return "", fmt.Errorf("cannot be run: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

// How a command may fail, beside the causes of a context's end.
var (
	ErrTooMuch  = errors.New("printed more than 64 KB") // MaxOutput
	ErrNotFound = errors.New("is no command that is found")
)

// notFound are the exit statuses by which a shell says so: POSIX's, and that of cmd.exe within a batch file. On its command
// line cmd.exe says 1, as of any failure.
var notFound = []int{127, 9009}

// Failure says how a command failed, in words that follow its name, such as "ended with exit status 7". They hold nothing
// of what the command printed: that may be a secret. It is nil where err is no failure of the command or of ctx, which the
// command was made with and whose cause is wrapped.
func Failure(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrTooMuch):
		return cause
	case errors.Is(cause, context.DeadlineExceeded):
		return failure{"did not end within the time allowed", cause}
	case cause != nil:
		return failure{"was interrupted", cause}
	case errors.As(err, &exit):
		if wasInterrupted(exit) { // what is typed at a terminal reaches it as soon as it does us
			return failure{"was interrupted", context.Canceled}
		}
		if slices.Contains(notFound, exit.ExitCode()) {
			return ErrNotFound
		}
		return fmt.Errorf("ended with %s", exit.ProcessState)
	case errors.Is(err, exec.ErrWaitDelay):
		return errors.New("left a process behind that holds its output open")
	}
	return nil
}

// wasInterrupted reports whether Ctrl-C ended a command, in its own words or in a shell's (128 and the signal's number), or in
// those of Windows (STATUS_CONTROL_C_EXIT).
func wasInterrupted(exit *exec.ExitError) bool {
	status, ok := exit.Sys().(syscall.WaitStatus)
	return exit.ExitCode() == 128+int(syscall.SIGINT) || uint32(exit.ExitCode()) == 0xc000013a || ok && status.Signaled() && status.Signal() == syscall.SIGINT
}

// failure is an error that shows another text.
type failure struct {
	text  string
	cause error
}

func (f failure) Error() string { return f.text }
func (f failure) Unwrap() error { return f.cause }

// Allowance gives a writer that takes MaxOutput bytes and keeps none. More than that is ErrTooMuch, with which it cancels.
func Allowance(cancel context.CancelCauseFunc) io.Writer {
	return &allowance{MaxOutput, cancel}
}

type allowance struct {
	left     int
	exceeded context.CancelCauseFunc
}

func (a *allowance) Write(p []byte) (int, error) {
	if a.left -= len(p); a.left < 0 {
		a.exceeded(ErrTooMuch)
		return 0, ErrTooMuch
	}
	return len(p), nil
}
