package credproc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"

	"aws-credproc/cache"
	"aws-credproc/credproc/shell"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/profiles"
)

// processSession runs the profile's credential_process. The SDK's provider parses and checks what it prints.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
func (w *way) processSession(ctx context.Context) (cache.Session, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := processcreds.NewProviderCommand(processcreds.NewCommandBuilderFunc(func(ctx context.Context) (*exec.Cmd, error) {
		cmd := shell.New(ctx, w.plan.Chain.Source.Command, w.passed(), w.Stderr)
		cmd.Stdout = shell.Allowance(cancel) // the provider adds its own
		return cmd, nil
	}), func(o *processcreds.Options) { o.Timeout = -1 }) // --timeout bounds it
	s, err := w.retrieve(ctx, p)
	if err == nil {
		return s, nil
	}
	if why := shell.Failure(ctx, err); why != nil {
		return cache.Session{}, w.commandError("credential_process", why)
	}
	return cache.Session{}, w.commandError("credential_process:", errText(innermost(err).Error()))
}

// commandError tells why the command that the config names under key gave nothing.
func (w *way) commandError(key string, why error) *diag.Error {
	e := w.sourceError(fmt.Errorf("its %s %w", key, why), "run the command by hand; aws-credproc explain "+profiles.Argument(w.plan.Chain.Profile.Name)+" shows it")
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

// A command may lead back to this helper, directly or through a tool that reads the same config, and so for ever. It is
// told which profiles are on the way to it; whoever needs the same command again on the way is refused. Profiles are
// known by name and files: a command that sets other files is elsewhere.

// passed gives the profiles of this chain, from the one asked for to the source, in the form in which commands are told of
// them: a hash of the files, ':' and the name.
func (w *way) passed() []string {
	sum := sha256.Sum256([]byte(files.Real(w.plan.Chain.ConfigPath) + "\x00" + files.Real(w.plan.Chain.CredentialsPath)))
	prefix := hex.EncodeToString(sum[:4]) + ":"
	names := []string{prefix + w.plan.Chain.Profile.Name}
	for _, h := range slices.Backward(w.plan.Chain.Hops) {
		names = append(names, prefix+h.Profile)
	}
	return slices.Compact(append(names, prefix+w.plan.Chain.Source.Profile))
}

// maxWay bounds the profiles on the way: a command may change what they are known by at each step.
const maxWay = 16

// checkRecursion refuses a chain whose source is a command that is running already and waits for this process.
func (w *way) checkRecursion() error {
	if !w.plan.Chain.Source.RunsCommand() && w.plan.Chain.MFA.Process == "" {
		return nil
	}
	before, now := shell.Way(), w.passed()
	if len(before) > maxWay {
		return w.sourceError(fmt.Errorf("more than %d profiles are on the way to it, each by a command of the one before", maxWay), "let some command use a profile that has credentials of its own")
	}
	if !slices.Contains(before, now[len(now)-1]) {
		return nil
	}
	round := before
	for _, name := range now {
		round = append(round, name)
		if slices.Contains(before, name) {
			break
		}
	}
	for i, name := range round {
		_, round[i], _ = strings.Cut(name, ":")
	}
	key := "credential_process"
	switch {
	case w.plan.Chain.Source.Type == profiles.WebIdentity:
		key = "web_identity_token_process"
	case !w.plan.Chain.Source.RunsCommand():
		key = "mfa_process"
	}
	e := w.sourceError(fmt.Errorf("its %s leads back to it: %s", key, strings.Join(round, " -> ")),
		"let the command of profile "+w.plan.Chain.Source.Profile+" use another profile")
	if key == "mfa_process" {
		e.Where, e.Hint = "get a code of the MFA device "+w.plan.Chain.MFA.Serial, "let mfa_process use another profile, or none"
	}
	return e
}
