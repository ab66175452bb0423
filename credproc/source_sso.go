package credproc

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/sso/types"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/printable"
	"aws-credproc/profiles"
)

const ssoService = "IAM Identity Center (SSO)"

// ssoSession returns the credentials of an account and role of IAM Identity Center. It uses the
// token that login keeps in ~/.aws/sso/cache, as aws sso login does.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
func ssoSession(ctx context.Context, s source) (cache.Session, error) {
	from := s.plan.Chain.Source
	cfg, err := sdkConfig(ctx, s, withoutCredentials())
	if err != nil {
		return cache.Session{}, err
	}
	cfg.Region = from.SSORegion
	in, err := ssoSignIn(s)
	if err != nil {
		return cache.Session{}, err
	}
	token, err := in.token(ctx, cfg)
	if err != nil {
		return cache.Session{}, err
	}
	client := sso.NewFromConfig(cfg, func(o *sso.Options) {
		o.BaseEndpoint = s.baseEndpoint(plan.ServiceSSO)
	})
	found, err := roleSession(ctx, s, client, token)
	if isUnauthorized(err) {
		in.Tracef("%s: %v; reading the token file again", in.service, err)
		newer, ok := awaitToken(ctx, in.signIn, func(f tokenFile) (string, error) {
			return otherToken(f, token, s.Now())
		})
		if ok {
			found, err = roleSession(ctx, s, client, newer)
		}
	}
	switch {
	case err == nil:
		return found, nil
	case isUnauthorized(err):
		return cache.Session{}, in.fail(err)
	}
	return cache.Session{}, serviceError(s, ssoService, err, fmt.Sprintf(
		"check that you have access to the role %s in account %s",
		from.SSORoleName, from.SSOAccountID))
}

func isUnauthorized(err error) bool {
	return errors.As(err, new(*ssotypes.UnauthorizedException))
}

// loginCommand returns the command that signs in to the SSO source of a chain. It names the profile
// if that has settings of the connection, which login then uses.
func loginCommand(c profiles.Chain) []string {
	p := c.SourceProfile
	ownConnection := p.Get("ca_bundle") != "" || p.Get("services") != "" ||
		p.Get("endpoint_url") != ""
	if c.Source.SSOSession == "" || ownConnection {
		return []string{"aws-credproc", "login", profiles.Argument(c.Source.Profile)}
	}
	return []string{"aws-credproc", "login", "--sso-session",
		printable.ShellWord(c.Source.SSOSession)}
}

// baseEndpoint returns the configured endpoint of a service, and nil if the region decides. The
// cache key depends on it, so the SDK must not choose another one.
func (s source) baseEndpoint(service string) *string {
	if url := s.plan.Service(service).URL; url != "" {
		return &url
	}
	return nil
}

// roleSession returns the credentials of the account and role of a source, for a token.
func roleSession(
	ctx context.Context, s source, client *sso.Client, token string,
) (cache.Session, error) {
	from := s.plan.Chain.Source
	return retrieve(ctx, s, aws.CredentialsProviderFunc(
		func(ctx context.Context) (aws.Credentials, error) {
			return roleCredentials(ctx, client, token, from)
		}))
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

// ssoToken is the sign-in of an SSO session, or of a start URL in the older form.
type ssoToken struct{ signIn }

// ssoSignIn returns the sign-in of a source.
func ssoSignIn(s source) (ssoToken, error) {
	from := s.plan.Chain.Source
	key, command := cmp.Or(from.SSOSession, from.SSOStartURL), loginCommand(s.plan.Chain)
	path, err := ssocreds.StandardCachedTokenFilepath(key)
	if err != nil {
		return ssoToken{}, s.fail(err, "")
	}
	return ssoToken{signIn{s, ssoService, path, command}}, nil
}

// token returns a valid access token. It renews that of an SSO session if necessary.
func (in ssoToken) token(ctx context.Context, cfg aws.Config) (string, error) {
	var redeem func(context.Context, tokenFile) (string, error)
	if in.plan.Chain.Source.SSOSession != "" {
		client := ssooidc.NewFromConfig(cfg, func(o *ssooidc.Options) {
			o.BaseEndpoint = in.baseEndpoint(plan.ServiceOIDC)
		})
		redeem = func(ctx context.Context, f tokenFile) (string, error) {
			return in.redeem(ctx, client, f)
		}
	}
	return withToken(ctx, in.signIn, func(f tokenFile) (string, error) {
		return otherToken(f, "", in.Now())
	}, redeem)
}

// redeem exchanges the refresh token of a file and saves the new tokens.
func (in ssoToken) redeem(
	ctx context.Context, client *ssooidc.Client, f tokenFile,
) (string, error) {
	var t struct{ ClientID, ClientSecret, RefreshToken string }
	if err := json.Unmarshal(f.text, &t); err != nil {
		return "", err
	}
	if t.ClientID == "" || t.ClientSecret == "" || t.RefreshToken == "" {
		return "", errors.New("the SSO session has expired and cannot be refreshed")
	}
	out, err := client.CreateToken(ctx, &ssooidc.CreateTokenInput{
		ClientId: &t.ClientID, ClientSecret: &t.ClientSecret, RefreshToken: &t.RefreshToken,
		GrantType: aws.String("refresh_token"),
	})
	if err != nil {
		return "", err
	}
	token := aws.ToString(out.AccessToken)
	if token == "" || !isGraphic(token) {
		return "", errors.New("the new token has no valid accessToken")
	}
	f.set("accessToken", token)
	f.set("expiresAt", in.Now().Add(time.Duration(out.ExpiresIn)*time.Second))
	if next := aws.ToString(out.RefreshToken); next != "" {
		f.set("refreshToken", next)
	}
	in.save(f)
	return token, nil
}

// otherToken returns the access token in a token file if it has not expired and is not the one that
// was refused. The SDK does not accept all forms of a time that the AWS CLI does.
func otherToken(f tokenFile, refused string, now time.Time) (string, error) {
	var t struct {
		AccessToken string    `json:"accessToken"`
		ExpiresAt   looseTime `json:"expiresAt"`
	}
	err := json.Unmarshal(f.text, &t)
	switch {
	case err != nil:
		return "", err
	case t.AccessToken == "" || time.Time(t.ExpiresAt).IsZero():
		return "", errors.New("the cached token has no accessToken or no expiresAt")
	case !now.Before(time.Time(t.ExpiresAt)) || t.AccessToken == refused:
		return "", errTokenExpired
	}
	return t.AccessToken, nil
}
