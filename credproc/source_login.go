package credproc

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/awsregion"
)

// loginSession returns the credentials of aws login, which keeps them in ~/.aws/login/cache.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-login-credentials.html
func loginSession(ctx context.Context, s source) (cache.Session, error) {
	from := s.plan.Chain.Source
	cfg, err := sdkConfig(ctx, s, withoutCredentials())
	if err != nil {
		return cache.Session{}, err
	}
	path, err := logincreds.StandardCachedTokenFilepath(from.LoginSession,
		s.Getenv("AWS_LOGIN_CACHE_DIRECTORY"))
	if err != nil {
		return cache.Session{}, s.fail(err, "")
	}
	in := login{signIn{s, "AWS sign-in", path, []string{"aws", "login", "--profile", from.Profile}}}
	return withToken(ctx, in.signIn, in.session,
		func(ctx context.Context, f tokenFile) (cache.Session, error) {
			return in.redeem(ctx, cfg, f)
		})
}

// login is the sign-in of aws login. Its token has credentials.
type login struct{ signIn }

// session returns the credentials in a token file if they have not expired.
func (in login) session(f tokenFile) (cache.Session, error) {
	var t struct {
		AccessToken struct {
			AccessKeyID, SecretAccessKey, SessionToken, AccountID string

			ExpiresAt looseTime
		}
	}
	if err := json.Unmarshal(f.text, &t); err != nil {
		return cache.Session{}, err
	}
	access := t.AccessToken
	if !in.Now().Before(time.Time(access.ExpiresAt)) {
		return cache.Session{}, errTokenExpired
	}
	return in.check(aws.Credentials{
		AccessKeyID: access.AccessKeyID, SecretAccessKey: access.SecretAccessKey,
		SessionToken: access.SessionToken, AccountID: access.AccountID,
		CanExpire: true, Expires: time.Time(access.ExpiresAt),
	})
}

// check returns credentials as a session. It returns an error if they are incomplete.
func (in login) check(c aws.Credentials) (cache.Session, error) {
	return retrieve(context.Background(), in.source, aws.CredentialsProviderFunc(
		func(context.Context) (aws.Credentials, error) { return c, nil }))
}

// exchange exchanges a refresh token for the SDK's provider, which proves the possession of the key
// (RFC 9449). It returns errExchanged in place of the result: the provider would write the token
// file in place, without the members that it does not know.
type exchange struct {
	*signin.Client
	out *signin.CreateOAuth2TokenOutput
	err error
}

var errExchanged = errors.New("the token was exchanged")

func (x *exchange) CreateOAuth2Token(
	ctx context.Context, in *signin.CreateOAuth2TokenInput, options ...func(*signin.Options),
) (*signin.CreateOAuth2TokenOutput, error) {
	if x.out, x.err = x.Client.CreateOAuth2Token(ctx, in, options...); x.err != nil {
		return nil, x.err
	}
	return nil, errExchanged
}

// redeem exchanges the refresh token of a file and saves the new tokens.
func (in login) redeem(
	ctx context.Context, cfg aws.Config, f tokenFile,
) (cache.Session, error) {
	cfg.Region = signInRegion(f, cfg.Region)
	x := &exchange{Client: signin.NewFromConfig(cfg, func(o *signin.Options) {
		o.BaseEndpoint = in.baseEndpoint(plan.ServiceSignin)
	})}
	found, err := retrieve(ctx, in.source, logincreds.New(x, f.path))
	switch {
	case isRefusal(x.err):
		return cache.Session{}, refusal{err} // the provider does not always wrap x.err
	case x.err != nil || x.out == nil:
		return found, err
	}
	return in.saveExchange(f, x.out)
}

// signInRegion returns the region of a sign-in, which the AWS CLI prefers to that of the profile.
// Tokens of older sign-ins do not have one.
func signInRegion(f tokenFile, region string) string {
	var t struct{ SignInRegion string }
	if err := json.Unmarshal(f.text, &t); err == nil && awsregion.IsPossible(t.SignInRegion) {
		return t.SignInRegion
	}
	return region
}

// saveExchange saves new tokens and returns their credentials.
func (in login) saveExchange(
	f tokenFile, out *signin.CreateOAuth2TokenOutput,
) (cache.Session, error) {
	token := out.TokenOutput
	if token == nil || token.AccessToken == nil || token.ExpiresIn == nil {
		return cache.Session{}, errors.New("incomplete credentials")
	}
	access := tokenFile{members: map[string]json.RawMessage{}}
	if err := json.Unmarshal(f.members["accessToken"], &access.members); err != nil {
		return cache.Session{}, err
	}
	var accountID string
	if err := json.Unmarshal(access.members["accountId"], &accountID); err != nil {
		return cache.Session{}, err
	}
	c := aws.Credentials{
		AccessKeyID:     aws.ToString(token.AccessToken.AccessKeyId),
		SecretAccessKey: aws.ToString(token.AccessToken.SecretAccessKey),
		SessionToken:    aws.ToString(token.AccessToken.SessionToken),
		AccountID:       accountID, CanExpire: true,
		Expires: in.Now().Add(time.Duration(*token.ExpiresIn) * time.Second),
	}
	found, err := in.check(c)
	if err != nil {
		return cache.Session{}, err
	}
	access.set("accessKeyId", c.AccessKeyID)
	access.set("secretAccessKey", c.SecretAccessKey)
	access.set("sessionToken", c.SessionToken)
	access.set("expiresAt", c.Expires)
	f.set("accessToken", access.members)
	if next := aws.ToString(token.RefreshToken); next != "" {
		f.set("refreshToken", next)
	}
	in.save(f)
	return found, nil
}
