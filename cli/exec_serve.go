package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/mfa"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/credserver"
	"aws-credproc/profiles"
)

// startServer starts a credentials server for a profile, once the profile has credentials. It
// returns the variables by which a child process finds the server.
func (x *credentialExport) startServer(
	ctx context.Context, profile string,
) (*credserver.Server, []variable, error) {
	f, err := x.files()
	if err != nil {
		return nil, nil, err
	}
	chain, region, err := x.resolve(f, profile)
	if err != nil {
		return nil, nil, err
	}
	r, err := x.memoryResolver(ctx)
	if err != nil {
		return nil, nil, err
	}
	s, err := r.Credentials(ctx, chain)
	if err != nil {
		return nil, nil, err
	}
	set := x.hideDefault(f)
	r = x.childResolver(r)
	server, err := credserver.Start(credserver.Options{
		Timeout: x.timeout, Grace: grace,
		Lookups: map[string]credserver.Lookup{credserver.Path: x.lookupOf(r, profile)},
		Failed:  func(err error) { x.log.say("%v", err) },
	})
	if err != nil {
		return nil, nil, fmt.Errorf("exec: %w", err)
	}
	set = append(set,
		variable{"AWS_CONTAINER_CREDENTIALS_FULL_URI", server.URL(credserver.Path)},
		variable{"AWS_CONTAINER_AUTHORIZATION_TOKEN", server.Token})
	if file, err := server.WriteToken(); err != nil {
		x.warn("exec: %v; tools that read only the file will not find the token", err)
	} else {
		set = append(set, variable{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file})
	}
	return server, slices.Concat(set, contextVariables(s, region), withoutProxy(os.Getenv)), nil
}

// lookupOf returns a function that calls lookup for a profile.
func (x *credentialExport) lookupOf(r *credproc.Resolver, profile string) credserver.Lookup {
	return func(ctx context.Context) (credserver.Credentials, error) { return x.lookup(ctx, r, profile) }
}

// lookup reads the config files and returns the credentials of a profile. If the session is due for
// renewal, lookup starts the renewal in the background.
func (x *credentialExport) lookup(
	ctx context.Context, r *credproc.Resolver, profile string,
) (c credserver.Credentials, err error) {
	f, err := x.files()
	if err != nil {
		return c, err
	}
	chain, _, err := x.resolve(f, profile)
	if err != nil {
		return c, err
	}
	s, err := r.Credentials(ctx, chain)
	if err != nil {
		return c, err
	}
	if r.ClaimsRenewal(chain, s) {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), x.timeout)
			defer cancel()
			if err := r.Renew(ctx, chain); err != nil {
				x.trace("%v", err) // recorded, and returned when the session can no longer be used
			}
		}()
	}
	return credserver.Credentials{
		AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken,
		AccountID: s.AccountID, Expiration: plan.PrintedExpiration(s, time.Now()),
	}, nil
}

// memoryResolver returns a resolver to use while a child process runs. It also keeps sessions in
// memory: otherwise, with store none, every request would assume the role.
func (x *credentialExport) memoryResolver(ctx context.Context) (*credproc.Resolver, error) {
	startChosenKeyring(ctx, x.app)
	r, err := x.resolver()
	if err != nil {
		return nil, err
	}
	x.log = &throttledLogger{console: x.console}
	r.Warnf = x.log.warn
	r.Cache, err = cache.Open(cache.Options{
		Dir: x.stateDir(), Choice: x.store, Warnf: x.log.warn, Memory: true,
		Keyring: r.Keyring,
	})
	return r, err
}

// childResolver returns a copy of r for use while the child process has the terminal: it asks for
// MFA codes in a window, unless --prompt tty is set.
func (x *credentialExport) childResolver(r *credproc.Resolver) *credproc.Resolver {
	x.log.throttle()
	mode := x.prompt
	if mode == mfa.Auto {
		mode = mfa.GUI
	}
	child := *r
	child.TokenCodes = x.tokenCodes(mode, x.log.warn)
	child.Waiting = nil // the progress line would disturb the child's output
	return &child
}

// throttledLogger writes messages to a terminal that a child process uses: at most one a minute.
type throttledLogger struct {
	*console
	mu        sync.Mutex
	throttled bool
	last      time.Time
}

// throttle starts the limit. Before this call, warnings are printed as usual.
func (l *throttledLogger) throttle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.throttled = true
	l.warnf = l.warn // safe: no request has arrived yet
}

func (l *throttledLogger) warn(format string, args ...any) {
	l.mu.Lock()
	throttled := l.throttled
	l.mu.Unlock()
	if throttled {
		l.say("warning: "+format, args...)
		return
	}
	l.console.warn(format, args...)
}

func (l *throttledLogger) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); now.Sub(l.last) >= time.Minute {
		l.last = now
		l.console.say(format, args...)
		return
	}
	l.trace(format, args...)
}

// hideDefault returns variables that hide the config files in which [default] has credentials:
// every SDK prefers those to an endpoint, so the command would use the wrong credentials.
func (x *credentialExport) hideDefault(f *profiles.Files) (set []variable) {
	p, err := f.Profile("default")
	if err != nil {
		return nil // it does not exist, or no SDK can read it
	}
	hasCredentials := map[string]bool{} // by file
	for key, property := range p.Properties {
		if isCredentialSetting(key) {
			hasCredentials[property.File] = true
		}
	}
	for _, file := range []variable{
		{"credentials", "AWS_SHARED_CREDENTIALS_FILE"}, {"config", "AWS_CONFIG_FILE"},
	} {
		if hasCredentials[file.name] {
			x.warn("[default] in the %s file has credentials, which SDKs prefer to an endpoint; "+
				"the file is hidden from the command (%s=%s)", file.name, file.value, os.DevNull)
			set = append(set, variable{file.value, os.DevNull})
		}
	}
	return set
}

// isCredentialSetting reports whether an SDK takes credentials from a profile with this key, or
// fails because other keys are missing.
func isCredentialSetting(key string) bool {
	switch key {
	case "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "role_arn",
		"source_profile", "credential_source", "credential_process", "web_identity_token_file",
		"login_session":
		return true
	}
	return strings.HasPrefix(key, "sso_")
}

// withoutProxy returns variables that keep requests to the endpoint from going through a proxy.
// Some tools read NO_PROXY, some no_proxy, and some the latter only if the former is not set.
func withoutProxy(getenv func(string) string) (set []variable) {
	isSet := func(name string) bool { return getenv(name) != "" }
	proxies := []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}
	if !slices.ContainsFunc(proxies, isSet) {
		return nil
	}
	names := []string{"NO_PROXY", "no_proxy"}
	if !slices.ContainsFunc(names, isSet) {
		return []variable{{names[0], credserver.Loopback}, {names[1], credserver.Loopback}}
	}
	for _, name := range names {
		if old := getenv(name); old != "" && old != "*" {
			set = append(set, variable{name, old + "," + credserver.Loopback})
		}
	}
	return set
}
