package credproc

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

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
	"aws-credproc/profiles"
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
	token, err := ssoToken(ctx, s, cfg, path, login)
	if err != nil {
		return cache.Session{}, err
	}
	client := sso.NewFromConfig(cfg, func(o *sso.Options) {
		o.BaseEndpoint = s.baseEndpoint(plan.ServiceSSO)
	})
	found, err := retrieve(ctx, s, aws.CredentialsProviderFunc(
		func(ctx context.Context) (aws.Credentials, error) {
			return roleCredentials(ctx, client, token, from)
		}))
	switch {
	case err == nil:
		return found, nil
	case errors.As(err, new(*ssotypes.UnauthorizedException)):
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

// roleCredentials returns the credentials of an account and role for a token.
func roleCredentials(
	ctx context.Context, client *sso.Client, token string, from profiles.Source,
) (aws.Credentials, error) {
	out, err := client.GetRoleCredentials(ctx, &sso.GetRoleCredentialsInput{
		AccessToken: &token, AccountId: &from.SSOAccountID, RoleName: &from.SSORoleName,
	})
	if err != nil {
		return aws.Credentials{}, err
	}
	c := out.RoleCredentials
	return aws.Credentials{
		AccessKeyID:     aws.ToString(c.AccessKeyId),
		SecretAccessKey: aws.ToString(c.SecretAccessKey),
		SessionToken:    aws.ToString(c.SessionToken),
		CanExpire:       true, Expires: time.UnixMilli(c.Expiration).UTC(),
		AccountID: from.SSOAccountID,
	}, nil
}

// ssoToken returns a valid token of a sign-in. It refreshes the token of an SSO session if
// necessary. One process at a time does so: all roles of an SSO session share the token, and a
// refresh token may be valid for one use only.
func ssoToken(
	ctx context.Context, s source, cfg aws.Config, path string, login []string,
) (string, error) {
	token, err := validToken(path, s.Now())
	if err == nil {
		return token, nil
	}
	if s.plan.Chain.Source.SSOSession == "" {
		return "", signInFailure(s, ssoService, err, login)
	}
	client := ssooidc.NewFromConfig(cfg, func(o *ssooidc.Options) {
		o.BaseEndpoint = s.baseEndpoint(plan.ServiceOIDC)
	})
	unlock, err := s.Cache.Lock(ctx, sha256.Sum256([]byte("SSO token "+path)), nil)
	if err != nil {
		return "", serviceError(s, ssoService, err, "")
	}
	refreshed, err := ssocreds.NewSSOTokenProvider(client, path).RetrieveBearerToken(ctx)
	unlock()
	if err != nil {
		return "", signInFailure(s, ssoService, err, login)
	}
	return refreshed.Value, nil
}

// validToken returns the token in a file of ~/.aws/sso/cache if it has not expired. The SDK does
// not accept all forms of a time that the AWS CLI does.
func validToken(path string, now time.Time) (string, error) {
	text, err := files.Read(path, plan.MaxTextFile)
	if err != nil {
		return "", err
	}
	var t struct {
		AccessToken string    `json:"accessToken"`
		ExpiresAt   looseTime `json:"expiresAt"`
	}
	err = json.Unmarshal(text, &t)
	switch {
	case err != nil:
		return "", err
	case t.AccessToken == "" || time.Time(t.ExpiresAt).IsZero():
		return "", errors.New("the cached token has no accessToken or no expiresAt")
	case !now.Before(time.Time(t.ExpiresAt)):
		return "", errors.New("the SSO session has expired or is invalid")
	}
	return t.AccessToken, nil
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
