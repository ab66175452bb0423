package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// awsLogin runs "aws login" for a chain whose source has a login_session.
func awsLogin(ctx context.Context, a *app, c profiles.Chain) error {
	fail := func(err error, hint string) error {
		return &diag.Error{Profile: c.Source.Profile, Where: "aws login", Err: err, Hint: hint}
	}
	command := []string{"aws", "login", "--profile", c.Source.Profile}
	line := strings.Join(command, " ")
	if why := oldAWSCLI(ctx, command); why != "" {
		return fail(errors.New(why), "install version 2.32, then run "+line)
	}
	a.say("%s: running %s", c.Source.Profile, line)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, a.stderr, a.stderr
	if err := cmd.Run(); err != nil {
		return fail(err, "")
	}
	return nil
}

// oldAWSCLI returns why the AWS CLI in the PATH has no "aws login", which came with 2.32: it is
// older, or there is none. It returns "" otherwise.
func oldAWSCLI(ctx context.Context, command []string) string {
	const limit = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], "--version")
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput() // old versions print it on stderr
	if errors.Is(err, exec.ErrNotFound) {
		return "the AWS CLI is not in the PATH"
	}
	word, _, _ := strings.Cut(string(out), " ")
	version, ok := strings.CutPrefix(word, "aws-cli/")
	if !ok {
		return ""
	}
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d.", &major, &minor); err != nil {
		return ""
	}
	if major < 2 || major == 2 && minor < 32 {
		return fmt.Sprintf("the AWS CLI in the PATH is version %d.%d, which has no login", major, minor)
	}
	return ""
}

// withoutSignIn returns a failure that a sign-in would fix, with a hint about why that cannot run.
func withoutSignIn(failed error, why string, command []string) error {
	var e *diag.Error
	if !errors.As(failed, &e) {
		return failed
	}
	changed := *e
	changed.Hint = why + ": install version 2.32, then run " + strings.Join(command, " ")
	return &changed
}
