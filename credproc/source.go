package credproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// sourceIdentity is what tells one source from another, for the cache key: what decides whose credentials it gives. It
// is looked up on the warm way too, so nothing in it takes long.
func sourceIdentity(s profiles.Source, getenv func(string) string) []string {
	switch s.Type {
	case profiles.Environment:
		return []string{getenv("AWS_ACCESS_KEY_ID")}
	case profiles.SSO:
		return []string{s.SSOSession, s.SSOStartURL, s.SSOAccountID, s.SSORoleName}
	case profiles.Login:
		return []string{s.LoginSession}
	case profiles.Process:
		return commandIdentity(s.Command, getenv)
	case profiles.WebIdentity:
		identity := append([]string{s.RoleARN, s.RoleSessionName, s.Policy, strings.Join(s.PolicyARNs, ",")}, absolute(s.WebIdentityTokenFile))
		return append(identity, commandIdentity(s.WebIdentityTokenProcess, getenv)...)
	case profiles.EC2Metadata:
		return []string{
			firstOf(getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"), s.MetadataEndpoint),
			firstOf(getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"), s.MetadataEndpointMode), bootID(),
		}
	case profiles.ECSMetadata:
		host, err := os.Hostname() // containers on one machine share its boot ID, and may share a home
		if err != nil {
			host = ""
		}
		return []string{
			getenv(containerRelativeURI), getenv(containerFullURI), getenv(containerTokenFile), bootID(), host,
		}
	}
	return []string{s.AccessKeyID}
}

// commandIdentity tells one command from another. The files that AWS's own tools read are in it, since the same line
// gives other credentials with other files. The working directory is not: a command in the config serves every
// directory, and each would have a session, and a prompt, of its own.
func commandIdentity(command string, getenv func(string) string) []string {
	return []string{command, getenv("AWS_CONFIG_FILE"), getenv("AWS_SHARED_CREDENTIALS_FILE")}
}

// absolute gives the path from the root, so that one relative path does not stand for two files.
func absolute(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// sourceSession gets the credentials that a chain starts with. Those without an expiry have no Expiration.
func (w *way) sourceSession(ctx context.Context) (cache.Session, error) {
	s := w.chain.Source
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
	return &diag.Error{Profile: w.chain.Profile.Name, Where: w.name(0), Err: err, Hint: hint}
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
