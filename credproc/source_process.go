package credproc

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"aws-credproc/cache"
	"aws-credproc/credproc/shell"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// processSession runs the profile's credential_process. The SDK's provider parses its output.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
func processSession(ctx context.Context, s source) (cache.Session, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	build := processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
		cmd := shell.New(ctx, s.plan.Chain.Source.Command, chainOfProfiles(s.plan.Chain), s.Stderr)
		cmd.Stdout = shell.LimitOutput(cancel) // the provider adds its own
		return cmd, nil
	})
	found, err := retrieve(ctx, s, processcreds.NewProviderCommand(build,
		func(o *processcreds.Options) { o.Timeout = -1 })) // ctx limits it
	if err == nil {
		return found, nil
	}
	if why := shell.Failure(ctx, err); why != nil {
		return cache.Session{}, commandError(s, "credential_process", why)
	}
	return cache.Session{}, commandHint(s, outputError("credential_process", err))
}

// outputError returns what is wrong with the output of a credential_process.
func outputError(key string, err error) error {
	text := cause(err).Error()
	if isSyntaxError(err) {
		return fmt.Errorf("the output of %s is %s", key, text)
	}
	if strings.HasPrefix(text, "wrong version in process output") {
		return fmt.Errorf(`the output of %s does not have "Version": 1`, key)
	}
	missing, isMissing := strings.CutPrefix(text, "missing ")
	if missing, ok := strings.CutSuffix(missing, " in process output"); ok && isMissing {
		return fmt.Errorf("the output of %s has no %s", key, missing)
	}
	return fmt.Errorf("%s: %w", key, errText(text))
}

// commandHint returns the error of a source's command.
func commandHint(s source, err error) *diag.Error {
	return s.fail(err, "aws-credproc explain "+profiles.Argument(s.plan.Chain.Profile.Name)+
		" prints the command; run it to see what it does")
}

// commandError returns the error of a source's command. key is the setting that configures it.
func commandError(s source, key string, why error) *diag.Error {
	e := commandHint(s, fmt.Errorf("%s %w", key, why))
	switch {
	case errors.Is(why, context.Canceled):
		e.Err, e.Hint = errInterrupted, ""
	case errors.Is(why, context.DeadlineExceeded):
		e.Flags |= diag.Temporary
	case errors.Is(why, shell.ErrNotFound):
		e.Hint = "write the full path of the command: the program that starts it may have another PATH"
	}
	return e
}
