package credproc

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

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
	why := errText(innermost(err).Error())
	return cache.Session{}, commandError(s, "credential_process:", why)
}

// commandError returns the error of a source's command. key is the setting that configures it.
func commandError(s source, key string, why error) *diag.Error {
	profile := profiles.Argument(s.plan.Chain.Profile.Name)
	e := s.fail(fmt.Errorf("its %s %w", key, why),
		"run the command by hand; aws-credproc explain "+profile+" shows it")
	switch {
	case errors.Is(why, context.Canceled):
		e.Err, e.Hint = errInterrupted, ""
	case errors.Is(why, context.DeadlineExceeded):
		e.Flags |= diag.Temporary
	case errors.Is(why, shell.ErrNotFound):
		e.Hint = "write the command's whole path: the PATH may differ where your tools are started"
	}
	return e
}
