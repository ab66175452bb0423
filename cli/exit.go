package cli

import (
	"cmp"
	"errors"

	"github.com/spf13/cobra"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/proc"
	"aws-credproc/internal/tui"
)

// Exit codes. They are part of the interface.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitNeedsUser = 3 // the user is needed and cannot be asked here
)

// failure is the error of a command that was understood. Errors not wrapped in failure are usage
// errors.
type failure struct {
	err      error
	exitCode int
	printed  bool // the error has been printed
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail wraps err in a failure. It returns nil if err is nil, and err itself if it is a failure.
func fail(err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	f = &failure{err: err, exitCode: exitFailed}
	var start *proc.StartError
	switch {
	case errors.As(err, &start):
		f.exitCode = start.ExitCode
	case diag.Has(err, diag.NeedsUser):
		f.exitCode = exitNeedsUser
	}
	return f
}

// printed is fail for an error that has been printed.
func printed(err error) error {
	var f *failure
	if !errors.As(fail(err), &f) {
		return nil // err is nil
	}
	printed := *f
	printed.printed = true
	return &printed
}

// errPrinted is a failure that has been printed.
var errPrinted = &failure{err: errors.New("failed"), exitCode: exitFailed, printed: true}

// exit prints the error of a command and returns its exit code.
func (a *app) exit(cmd *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	a.releaseStderr()
	var f *failure
	switch {
	case !errors.As(err, &f):
		hint := cmp.Or(diag.Hint(err), "see "+cmd.CommandPath()+" --help")
		a.write(tui.Red, diag.WithHint(err.Error(), hint))
		return exitUsage
	case errors.Is(err, errStdoutClosed) && onlyShows(cmd):
		return exitDone
	case !f.printed:
		a.report(err)
	}
	return f.exitCode
}

// onlyShows reports whether a command changes nothing and prints no credentials. If the reader of
// its stdout has gone, nothing is lost.
func onlyShows(cmd *cobra.Command) bool {
	switch cmd.Name() {
	case "list", "status", "doctor", "explain":
		return true
	case "setup":
		dryRun, err := cmd.Flags().GetBool("dry-run")
		return err == nil && dryRun
	}
	return cmd.Name() == "completion" || cmd.HasParent() && cmd.Parent().Name() == "completion"
}
