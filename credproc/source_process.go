package credproc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"aws-credproc/cache"
	"aws-credproc/credproc/shell"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// processSession runs the profile's credential_process.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
func processSession(ctx context.Context, s source) (cache.Session, error) {
	out, err := shell.Output(ctx, s.plan.Chain.Source.Command, chainOfProfiles(s.plan.Chain), s.Stderr)
	if err != nil {
		return cache.Session{}, commandError(s, "credential_process", err)
	}
	found, err := retrieve(ctx, s, aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) { return processCredentials(out) }))
	if err != nil {
		return cache.Session{}, commandHint(s, outputError("credential_process", err))
	}
	return found, nil
}

// processCredentials parses the output of a credential_process. It accepts what the AWS CLI does.
func processCredentials(out string) (aws.Credentials, error) {
	if runtime.GOOS == "windows" { // cmd.exe's echo keeps the backslashes, as the SDKs know
		out = strings.ReplaceAll(out, `\"`, `"`)
	}
	var p struct {
		Version         int
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      *looseTime
		AccountID       accountID `json:"AccountId"`
	}
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		return aws.Credentials{}, err
	}
	switch {
	case p.Version != 1:
		return aws.Credentials{}, errOutput(`does not have "Version": 1`)
	case p.AccessKeyID == "":
		return aws.Credentials{}, errOutput("has no AccessKeyId")
	case p.SecretAccessKey == "":
		return aws.Credentials{}, errOutput("has no SecretAccessKey")
	}
	c := aws.Credentials{
		AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretAccessKey, SessionToken: p.SessionToken,
		AccountID: string(p.AccountID),
	}
	if p.Expiration != nil {
		c.CanExpire, c.Expires = true, time.Time(*p.Expiration)
	}
	return c, nil
}

// errOutput is what is wrong with a command's output, worded to follow "the output of KEY".
type errOutput string

func (e errOutput) Error() string { return string(e) }

// outputError returns what is wrong with the output of a credential_process.
func outputError(key string, err error) error {
	text := cause(err).Error()
	if isSyntaxError(err) {
		return fmt.Errorf("the output of %s is %s", key, text)
	}
	if errors.As(err, new(errOutput)) {
		return fmt.Errorf("the output of %s %w", key, err)
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
