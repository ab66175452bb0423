package credproc

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/sso/types"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc/types"
	"github.com/aws/smithy-go/middleware"

	"aws-credproc/credproc/plan"
	"aws-credproc/credproc/signin"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/internal/printable"
	"aws-credproc/profiles"
)

// SignIn signs in to IAM Identity Center and out again. Its errors are [*diag.Error].
type SignIn struct {
	Session signin.Session

	client signin.Client
	source source // for errors
	clock  *serverClock
}

// NewSignIn returns the sign-in of a session, with the connection settings of a profile, its
// [services] section and the environment. The profile may be empty. limit is the time limit of each
// call of a service.
func (r *Resolver) NewSignIn(
	session signin.Session, profile, services profiles.Section, limit time.Duration,
) (*SignIn, error) {
	connection := connectionSettings{profile: profile, getenv: r.Getenv}
	client, err := connection.httpClient()
	if err != nil {
		return nil, err
	}
	attempts, err := connection.maxAttempts()
	if err != nil {
		return nil, err
	}
	portal, err := serviceEndpoint(plan.ServiceSSO, profile, services, r.Getenv)
	if err != nil {
		return nil, err
	}
	oidc, err := serviceEndpoint(plan.ServiceOIDC, profile, services, r.Getenv)
	if err != nil {
		return nil, err
	}
	s := &SignIn{Session: session, clock: &serverClock{Client: withoutRedirects(client), now: r.Now}}
	s.source = sourceOfSession(r, session, portal, oidc)
	api := []func(*middleware.Stack) error{
		limitAnswers, awsmiddleware.AddUserAgentKeyValue("aws-credproc", r.Version),
	}
	e := plan.Endpoint{
		FIPS:      connection.isTrue("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
		DualStack: connection.isTrue("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
	}
	s.client = signin.Client{
		Session: session, Limit: limit, Now: r.Now, Tracef: r.Tracef,
		OIDC: ssooidc.New(ssooidc.Options{
			HTTPClient: s.clock, Region: session.Region, APIOptions: api,
			BaseEndpoint:     s.source.baseEndpoint(plan.ServiceOIDC),
			RetryMaxAttempts: attempts,
			EndpointOptions: ssooidc.EndpointResolverOptions{
				UseFIPSEndpoint: fipsState(e), UseDualStackEndpoint: dualStackState(e),
			},
		}),
		Portal: sso.New(sso.Options{
			HTTPClient: s.clock, Region: session.Region, APIOptions: api,
			BaseEndpoint:     s.source.baseEndpoint(plan.ServiceSSO),
			RetryMaxAttempts: attempts,
			EndpointOptions: sso.EndpointResolverOptions{
				UseFIPSEndpoint: fipsState(e), UseDualStackEndpoint: dualStackState(e),
			},
		}),
	}
	s.client.OIDCURL, err = oidcURL(session.Region, oidc, e)
	if err != nil {
		return nil, s.explain(err)
	}
	return s, nil
}

// isTrue reports whether a variable or setting is true.
func (s connectionSettings) isTrue(variable, key string) bool {
	value, _ := s.get(variable, key)
	return strings.EqualFold(value, "true")
}

func fipsState(e plan.Endpoint) aws.FIPSEndpointState {
	if e.FIPS {
		return aws.FIPSEndpointStateEnabled
	}
	return aws.FIPSEndpointStateUnset
}

func dualStackState(e plan.Endpoint) aws.DualStackEndpointState {
	if e.DualStack {
		return aws.DualStackEndpointStateEnabled
	}
	return aws.DualStackEndpointStateUnset
}

// oidcURL returns the URL of the OIDC service, which also has the page where users allow a
// sign-in.
func oidcURL(region string, configured plan.Service, e plan.Endpoint) (string, error) {
	params := ssooidc.EndpointParameters{
		Region: &region, UseFIPS: &e.FIPS, UseDualStack: &e.DualStack,
	}
	if configured.URL != "" {
		return configured.URL, nil
	}
	endpoint, err := ssooidc.NewDefaultEndpointResolverV2().
		ResolveEndpoint(context.Background(), params)
	if err != nil {
		return "", err
	}
	return endpoint.URI.String(), nil
}

// sourceOfSession returns a source for the errors of a sign-in.
func sourceOfSession(r *Resolver, s signin.Session, services ...plan.Service) source {
	name := s.Profile
	if s.Name != "" {
		name = "sso-session " + s.Name
	}
	var c profiles.Chain
	c.Profile.Name = name
	c.Source = profiles.Source{
		Type: profiles.SSO, Profile: name, SSOSession: s.Name, SSORegion: s.Region,
		SSOStartURL: s.StartURL,
	}
	return source{Resolver: r, plan: plan.Plan{Chain: c, Services: services}}
}

// WithBrowser signs in with a browser on this machine. show is called with the URL to open.
func (s *SignIn) WithBrowser(ctx context.Context, show func(url string)) (time.Time, error) {
	t, err := s.client.WithBrowser(ctx, show)
	return s.save(ctx, t, err)
}

// WithDeviceCode signs in with a browser on any device. show is called with the page and the code.
func (s *SignIn) WithDeviceCode(
	ctx context.Context, show func(signin.DevicePage),
) (time.Time, error) {
	t, err := s.client.WithDeviceCode(ctx, show)
	return s.save(ctx, t, err)
}

// save saves a token and forgets the failures that the sign-in has fixed. It returns when the token
// expires.
func (s *SignIn) save(ctx context.Context, t signin.Token, err error) (time.Time, error) {
	if err != nil {
		return time.Time{}, s.explain(err)
	}
	expires, err := time.Parse(time.RFC3339, t.ExpiresAt)
	if err != nil {
		return time.Time{}, s.explain(err)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return time.Time{}, s.explain(err)
	}
	err = s.Session.Save(t)
	unlock()
	if err != nil {
		hint := ""
		if errors.Is(err, syscall.ENOSPC) {
			hint = "free some disk space, then sign in again"
		}
		return time.Time{}, s.source.fail(fmt.Errorf("the token cannot be saved: %w", err), hint)
	}
	s.forgetFailures(ctx)
	s.warnOfClock()
	return expires, nil
}

// lock locks the token file against processes that renew the token.
func (s *SignIn) lock(ctx context.Context) (unlock func(), err error) {
	path, err := s.Session.Path()
	if err != nil {
		return nil, err
	}
	return s.source.Cache.LockAlways(ctx, sha256.Sum256([]byte("sign-in "+files.Real(path))))
}

// forgetFailures forgets that other processes needed this sign-in: they would return that for some
// seconds.
func (s *SignIn) forgetFailures(ctx context.Context) {
	facts, err := s.source.Cache.Facts()
	if err != nil {
		s.source.Tracef("%v", err)
	}
	for _, f := range facts {
		if f.Store != "" || !strings.HasPrefix(f.LastHint, "aws-credproc login ") {
			continue
		}
		if err := s.source.Cache.Delete(ctx, f.Key); err != nil {
			s.source.Tracef("%v", err)
		}
	}
}

// Roles returns the roles of all accounts. The user must be signed in. It calls progress with the
// number of accounts that were listed, and of all.
func (s *SignIn) Roles(
	ctx context.Context, progress func(done, all int),
) ([]signin.Role, error) {
	path, err := s.Session.Path()
	if err != nil {
		return nil, s.source.fail(err, "")
	}
	in := ssoToken{signIn{s.source, ssoService, path, []string{s.Session.Command()}}}
	token, err := in.token(ctx, aws.Config{
		Region: s.Session.Region, HTTPClient: s.clock,
		APIOptions: []func(*middleware.Stack) error{limitAnswers},
	})
	if err != nil {
		return nil, err
	}
	roles, err := s.client.Roles(ctx, token, progress)
	if errors.As(err, new(*ssotypes.UnauthorizedException)) {
		return nil, in.fail(err)
	}
	if err != nil {
		return nil, s.explain(err)
	}
	return roles, nil
}

// Logout ends the sign-in at the portal and deletes the token. signedIn is false if there was none.
// The token is deleted even if the portal cannot be reached.
func (s *SignIn) Logout(ctx context.Context) (signedIn bool, err error) {
	t, err := s.Session.Load()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err == nil:
		err = s.client.Logout(ctx, t.AccessToken)
		if errors.As(err, new(*ssotypes.UnauthorizedException)) {
			err = nil // it has expired, or the user has signed out elsewhere
		}
	default:
		s.source.Tracef("%v", err)
		err = nil
	}
	if _, removeErr := s.Session.Remove(); removeErr != nil {
		return true, s.source.fail(removeErr, "")
	}
	if err != nil {
		e := s.explain(err)
		e.Hint = "the token was deleted here; sign out at " + s.Session.StartURL + " too"
		return true, e
	}
	return true, nil
}

// explain returns the error of a sign-in.
func (s *SignIn) explain(err error) *diag.Error {
	command := s.Session.Command()
	var certificate x509.CertificateInvalidError
	switch {
	case errors.Is(err, signin.ErrDenied):
		return s.source.fail(err, command+" tries again")
	case errors.Is(err, signin.ErrExpired):
		return s.source.fail(err, command+" tries again")
	case errors.Is(err, signin.ErrListen):
		return s.source.fail(err, command+" --use-device-code needs no port")
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		return s.source.fail(fmt.Errorf("the certificate of %s is not valid at %s, the time of "+
			"this machine's clock", ssoService, s.source.Now().UTC().Format(time.RFC3339)),
			clockHint())
	}
	e := serviceError(s.source, ssoService, err, command+" tries again")
	if refusesSettings(err) {
		e.Hint = "check sso_start_url and sso_region " + s.place()
	}
	if text := describe(err); text != "" {
		e.Err = errText(e.What() + ": " + text)
	}
	return e
}

// place returns where the session's settings are.
func (s *SignIn) place() string {
	if s.Session.Name != "" {
		return "in [sso-session " + s.Session.Name + "]"
	}
	return "in [profile " + s.Session.Profile + "]"
}

// refusesSettings reports whether the service refused a request because of the session's settings.
func refusesSettings(err error) bool {
	return errors.As(err, new(*types.InvalidRequestException)) ||
		errors.As(err, new(*types.InvalidRequestRegionException)) ||
		errors.As(err, new(*types.InvalidScopeException)) ||
		errors.As(err, new(*types.UnauthorizedClientException))
}

// describe returns the description in a refusal of the OIDC service, which the SDK does not use as
// its message.
func describe(err error) string {
	const limit = 200
	var request *types.InvalidRequestException
	var region *types.InvalidRequestRegionException
	var scope *types.InvalidScopeException
	var grant *types.InvalidGrantException
	var text *string
	switch {
	case errors.As(err, &request):
		text = request.Error_description
	case errors.As(err, &region):
		text = region.Error_description
	case errors.As(err, &scope):
		text = scope.Error_description
	case errors.As(err, &grant):
		text = grant.Error_description
	}
	return printable.Clean(aws.ToString(text), limit)
}

// serverClock is an HTTP client that compares this machine's clock with the service's.
type serverClock struct {
	*http.Client
	now   func() time.Time
	ahead time.Duration // of this machine; 0 if not known
}

func (c *serverClock) Do(r *http.Request) (*http.Response, error) {
	response, err := c.Client.Do(r)
	if err != nil {
		return nil, err
	}
	if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		c.ahead = c.now().Sub(date)
	}
	return response, nil
}

// warnOfClock warns if the clocks differ by more than STS accepts.
func (s *SignIn) warnOfClock() {
	if ahead := s.clock.ahead; ahead.Abs() > plan.MaxSkew {
		s.source.Warnf("%s", diag.WithHint(clockText(ahead), clockHint()))
	}
}
