package credproc

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// sourceSession gets the credentials that a chain starts with. Those without an expiry have no Expiration.
func (w *way) sourceSession(ctx context.Context) (cache.Session, error) {
	s := w.plan.Chain.Source
	switch s.Type {
	case profiles.Static:
		return cache.Session{
			AccessKeyID: s.AccessKeyID, SecretAccessKey: string(s.SecretAccessKey), SessionToken: string(s.SessionToken),
			AccountID: s.AccountID,
		}, nil
	case profiles.Keyring:
		return w.keyringSession(ctx)
	case profiles.Environment:
		return w.environmentSession()
	case profiles.Process:
		return w.processSession(ctx)
	case profiles.WebIdentity:
		return w.webIdentitySession(ctx)
	case profiles.SSO:
		return w.ssoSession(ctx)
	case profiles.Login:
		return w.loginSession(ctx)
	case profiles.EC2Metadata:
		return w.instanceSession(ctx)
	case profiles.ECSMetadata:
		return w.containerSession(ctx)
	}
	return cache.Session{}, w.sourceError(fmt.Errorf("there is no such source as %q", s.Type), "")
}

// environmentSession takes the credentials that are exported to this process.
func (w *way) environmentSession() (cache.Session, error) {
	s := cache.Session{
		AccessKeyID: w.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: w.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: w.Getenv("AWS_SESSION_TOKEN"), AccountID: w.Getenv("AWS_ACCOUNT_ID"),
	}
	for _, v := range []struct{ name, value string }{{"AWS_ACCESS_KEY_ID", s.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", s.SecretAccessKey}} {
		if v.value == "" {
			return cache.Session{}, w.sourceError(errors.New("credential_source is Environment, and "+v.name+" is not set"),
				"export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to this process")
		}
	}
	if problem := malformed(s); problem != "" {
		return cache.Session{}, w.sourceError(errors.New("what is exported is no credentials: "+problem), "export them anew")
	}
	return s, nil
}

// sourceError says why the source gave no credentials.
func (w *way) sourceError(err error, hint string) *diag.Error {
	return &diag.Error{Profile: w.plan.Chain.Profile.Name, Where: w.plan.Links[0].String(), Err: err, Hint: hint}
}

// malformed says what is wrong with the form of credentials, or "". They end up in the header of a request.
func malformed(s cache.Session) string {
	for _, field := range []struct {
		name, value string
		needed      bool
	}{
		{"access key ID", s.AccessKeyID, true}, {"secret access key", s.SecretAccessKey, true},
		{"session token", s.SessionToken, false}, {"account ID", s.AccountID, false},
	} {
		if field.value == "" && field.needed {
			return "there is no " + field.name
		}
		if strings.ContainsFunc(field.value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "the " + field.name + " holds characters that none can have"
		}
	}
	return ""
}
