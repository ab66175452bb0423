package credproc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// source has the parameters of the functions that obtain the credentials of a source.
type source struct {
	*Resolver
	plan plan.Plan
	sts  func() (*stsClient, error) // returns the plan's client
}

// session obtains the credentials that a chain starts with. Those without an expiry have no
// Expiration.
func (s source) session(ctx context.Context) (cache.Session, error) {
	switch config := s.plan.Chain.Source; config.Type {
	case profiles.Static:
		return cache.Session{
			AccessKeyID: config.AccessKeyID, SecretAccessKey: string(config.SecretAccessKey),
			SessionToken: string(config.SessionToken), AccountID: config.AccountID,
		}, nil
	case profiles.Keyring:
		return keyringSession(ctx, s)
	case profiles.Environment:
		return environmentSession(s)
	case profiles.Process:
		return processSession(ctx, s)
	case profiles.WebIdentity:
		return webIdentitySession(ctx, s)
	case profiles.SSO:
		return ssoSession(ctx, s)
	case profiles.Login:
		return loginSession(ctx, s)
	case profiles.EC2Metadata:
		return instanceSession(ctx, s)
	case profiles.ECSMetadata:
		return containerSession(ctx, s)
	default:
		return cache.Session{}, s.fail(fmt.Errorf("unknown source type %q", config.Type), "")
	}
}

// fail returns the error of a source.
func (s source) fail(err error, hint string) *diag.Error {
	return sourceError(s.plan.Chain, err, hint)
}

// sourceError returns the error of a chain's source. It names the source's profile if that is not
// the selected one.
func sourceError(c profiles.Chain, err error, hint string) *diag.Error {
	e := &diag.Error{Profile: c.Profile.Name, Err: err, Hint: hint}
	if c.Source.Profile != c.Profile.Name {
		e.Where = "profile " + c.Source.Profile
	}
	return e
}

// environmentSession returns the credentials in the environment.
func environmentSession(s source) (cache.Session, error) {
	const keyID, secret = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
	found := cache.Session{
		AccessKeyID: s.Getenv(keyID), SecretAccessKey: s.Getenv(secret),
		SessionToken: s.Getenv("AWS_SESSION_TOKEN"), AccountID: s.Getenv("AWS_ACCOUNT_ID"),
	}
	for _, name := range []string{keyID, secret} {
		if s.Getenv(name) == "" {
			return cache.Session{}, s.fail(
				errors.New("credential_source is Environment, but "+name+" is not set"),
				"export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
		}
	}
	if problem := malformed(found); problem != "" {
		return cache.Session{}, s.fail(
			errors.New("the exported credentials are not valid: "+problem),
			"export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY again")
	}
	return found, nil
}

// malformed returns what is wrong with the form of credentials, and "" if nothing is. They are sent
// in request headers.
func malformed(s cache.Session) string {
	for _, field := range []struct {
		name, value string
		required    bool
	}{
		{"access key ID", s.AccessKeyID, true}, {"secret access key", s.SecretAccessKey, true},
		{"session token", s.SessionToken, false}, {"account ID", s.AccountID, false},
	} {
		if field.value == "" && field.required {
			return "no " + field.name
		}
		if !isGraphic(field.value) {
			return "the " + field.name + " has invalid characters"
		}
	}
	return ""
}

// isGraphic reports whether s is printable ASCII without spaces.
func isGraphic(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
