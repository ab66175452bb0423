package credproc

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/sso/types"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/files"
)

const ssoService = "IAM Identity Center (SSO)"

// ssoSession returns the credentials of an account and role of IAM Identity Center. It uses the
// token that aws sso login keeps in ~/.aws/sso/cache.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
func ssoSession(ctx context.Context, s source) (cache.Session, error) {
	from := s.plan.Chain.Source
	cfg, err := sdkConfig(ctx, s, withoutCredentials())
	if err != nil {
		return cache.Session{}, err
	}
	cfg.Region = from.SSORegion
	key, login := from.SSOStartURL, []string{"aws", "sso", "login", "--profile", from.Profile}
	if from.SSOSession != "" {
		key = from.SSOSession
		login = []string{"aws", "sso", "login", "--sso-session", from.SSOSession}
	}
	path, err := ssocreds.StandardCachedTokenFilepath(key)
	if err != nil {
		return cache.Session{}, s.fail(err, "")
	}
	if err := checkSignedIn(s, ssoService, path, login); err != nil {
		return cache.Session{}, err
	}
	tokens, err := ssoTokens(ctx, s, cfg, path, login)
	if err != nil {
		return cache.Session{}, err
	}
	client := sso.NewFromConfig(cfg, func(o *sso.Options) {
		o.BaseEndpoint = s.baseEndpoint(plan.ServiceSSO)
	})
	found, err := retrieve(ctx, s, ssocreds.New(client, from.SSOAccountID, from.SSORoleName,
		from.SSOStartURL, func(o *ssocreds.Options) {
			o.SSOTokenProvider, o.CachedTokenFilepath = tokens, path
		}))
	switch {
	case err == nil:
		return found, nil
	case errors.As(err, new(*ssocreds.InvalidTokenError)),
		errors.As(err, new(*ssotypes.UnauthorizedException)):
		return cache.Session{}, signInFailure(s, ssoService, err, login)
	}
	return cache.Session{}, serviceError(s, ssoService, err, fmt.Sprintf(
		"check that you have access to the role %s in account %s",
		from.SSORoleName, from.SSOAccountID))
}

// baseEndpoint returns the configured endpoint of a service, and nil if the region decides. The
// cache key depends on it, so the SDK must not choose another one.
func (s source) baseEndpoint(service string) *string {
	if url := s.plan.Service(service).URL; url != "" {
		return &url
	}
	return nil
}

// ssoTokens returns the token provider of an SSO session with a valid token, refreshed if
// necessary. It returns nil for a profile without an SSO session. It calls the provider because
// later errors of the SDK do not show that a sign-in is needed. One process at a time does so: all
// roles of an SSO session share the token, and a refresh token may be valid for one use only.
func ssoTokens(
	ctx context.Context, s source, cfg aws.Config, path string, login []string,
) (*ssocreds.SSOTokenProvider, error) {
	if s.plan.Chain.Source.SSOSession == "" {
		return nil, nil
	}
	client := ssooidc.NewFromConfig(cfg, func(o *ssooidc.Options) {
		o.BaseEndpoint = s.baseEndpoint(plan.ServiceOIDC)
	})
	tokens := ssocreds.NewSSOTokenProvider(client, path)
	unlock, err := s.Cache.Lock(ctx, sha256.Sum256([]byte("SSO token "+path)), nil)
	if err != nil {
		return nil, serviceError(s, ssoService, err, "")
	}
	_, err = tokens.RetrieveBearerToken(ctx)
	unlock()
	if err != nil {
		return nil, signInFailure(s, ssoService, err, login)
	}
	return tokens, nil
}

// checkSignedIn returns an error if the token file of a sign-in is missing or cannot be read.
func checkSignedIn(s source, service, path string, login []string) error {
	err := files.Check(path, plan.MaxTextFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return signInFailure(s, service, errors.New("not signed in"), login)
	case err != nil:
		return s.fail(err, strings.Join(login, " "))
	}
	return nil
}

// loginSession returns the credentials of aws login, which keeps them in ~/.aws/login/cache.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-login-credentials.html
func loginSession(ctx context.Context, s source) (cache.Session, error) {
	const service = "AWS sign-in"
	from := s.plan.Chain.Source
	login := []string{"aws", "login", "--profile", from.Profile}
	cfg, err := sdkConfig(ctx, s, withoutCredentials())
	if err != nil {
		return cache.Session{}, err
	}
	path, err := logincreds.StandardCachedTokenFilepath(from.LoginSession,
		s.Getenv("AWS_LOGIN_CACHE_DIRECTORY"))
	if err != nil {
		return cache.Session{}, s.fail(err, "")
	}
	if err := checkSignedIn(s, service, path, login); err != nil {
		return cache.Session{}, err
	}
	client := signin.NewFromConfig(cfg, func(o *signin.Options) {
		o.BaseEndpoint = s.baseEndpoint(plan.ServiceSignin)
	})
	found, err := retrieve(ctx, s, logincreds.New(client, path))
	if err != nil {
		return cache.Session{}, signInFailure(s, service, err, login)
	}
	return found, nil
}
