package cli

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"time"

	"aws-credproc/internal/diag"
)

// oldAWSCLI returns why the command of the AWS CLI that signs in cannot be run: the AWS CLI in the
// PATH is version 1, which has no sso login and no login, or there is none. It returns "" otherwise.
func oldAWSCLI(ctx context.Context, command []string) string {
	const limit = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput() // old versions print it on stderr
	switch version, _, _ := strings.Cut(string(out), " "); {
	case errors.Is(err, exec.ErrNotFound):
		return "the AWS CLI is not in the PATH"
	case strings.HasPrefix(version, "aws-cli/1."):
		return "the AWS CLI in the PATH is version 1, which has no " + subcommand(command)
	}
	return ""
}

// subcommand returns the words of a command of the AWS CLI before its first option.
func subcommand(command []string) string {
	words, _, _ := strings.Cut(strings.Join(command[1:], " "), " -")
	return words
}

// withoutSignIn returns a failure that a sign-in would fix, with a hint about why that cannot run.
func withoutSignIn(failed error, why string, command []string) error {
	var e *diag.Error
	if !errors.As(failed, &e) {
		return failed
	}
	changed := *e
	changed.Hint = why + ": install version 2, then run " + strings.Join(command, " ")
	return &changed
}
