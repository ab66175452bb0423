package signin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"aws-credproc/internal/printable"
)

// Client calls the services of IAM Identity Center for one session.
type Client struct {
	Session Session
	OIDC    *ssooidc.Client
	Portal  *sso.Client
	OIDCURL string        // of the OIDC service, without a path
	Limit   time.Duration // of each call
	Now     func() time.Time
	Tracef  func(format string, args ...any)
}

// ErrDenied means that the user has denied the sign-in.
var ErrDenied = errors.New("the sign-in was denied in the browser")

// ErrExpired means that the user did not sign in in time.
var ErrExpired = errors.New("nobody signed in in time")

// maxWait limits how long a sign-in waits for the user.
const maxWait = 10 * time.Minute

// The grant types of CreateToken.
const (
	codeGrant    = "authorization_code"
	deviceGrant  = "urn:ietf:params:oauth:grant-type:device_code"
	refreshGrant = "refresh_token"
)

// registration is a client that was registered for one sign-in and its renewals.
type registration struct {
	id, secret string
	expires    time.Time
}

// register registers this program for a grant. A registration is valid for 90 days.
func (c *Client) register(ctx context.Context, grant string) (registration, error) {
	in := &ssooidc.RegisterClientInput{
		ClientName: aws.String("aws-credproc"), ClientType: aws.String("public"),
		Scopes: c.Session.Scopes,
	}
	if c.Session.Name != "" {
		in.GrantTypes = []string{grant, refreshGrant}
	}
	if grant == codeGrant {
		in.IssuerUrl = &c.Session.StartURL
		in.RedirectUris = []string{"http://127.0.0.1" + callbackPath}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	out, err := c.OIDC.RegisterClient(ctx, in)
	if err != nil {
		return registration{}, err
	}
	r := registration{aws.ToString(out.ClientId), aws.ToString(out.ClientSecret),
		time.Unix(out.ClientSecretExpiresAt, 0)}
	if !isToken(r.id) || !isToken(r.secret) {
		return registration{}, errors.New("the response has no valid client")
	}
	return r, nil
}

// createToken is one call of CreateToken.
func (c *Client) createToken(
	ctx context.Context, in *ssooidc.CreateTokenInput,
) (*ssooidc.CreateTokenOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	return c.OIDC.CreateToken(ctx, in)
}

// token returns the token of a response to CreateToken.
func (c *Client) token(r registration, out *ssooidc.CreateTokenOutput) (Token, error) {
	t := Token{
		StartURL: c.Session.StartURL, Region: c.Session.Region,
		AccessToken: aws.ToString(out.AccessToken), RefreshToken: aws.ToString(out.RefreshToken),
		ExpiresAt: expiry(c.Now(), out.ExpiresIn).UTC().Format(timeFormat),
		ClientID:  r.id, ClientSecret: r.secret,
		RegistrationExpiresAt: r.expires.UTC().Format(timeFormat),
	}
	if !isToken(t.AccessToken) || t.RefreshToken != "" && !isToken(t.RefreshToken) ||
		out.ExpiresIn <= 0 {
		return Token{}, errors.New("the response has no valid token")
	}
	return t, nil
}

// maxToken limits a token, so that the token file is not larger than readers accept.
const maxToken = 16 << 10

// isToken reports whether s can be a token or an ID: printable ASCII without spaces.
func isToken(s string) bool {
	return s != "" && len(s) <= maxToken &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkPage returns an error if a URL from the service is not one that a browser may be sent to.
// Only a service that is configured with http may name a page with http.
func (c *Client) checkPage(page string) error {
	const maxURL = 4096
	u, err := url.Parse(page)
	base, baseErr := url.Parse(c.OIDCURL)
	switch {
	case err != nil, baseErr != nil, u.Host == "", len(page) > maxURL, u.User != nil,
		strings.ContainsFunc(page, func(r rune) bool { return r <= ' ' || r > '~' }),
		u.Scheme != "https" && (u.Scheme != "http" || base.Scheme != "http"):
		return fmt.Errorf("the page to sign in at is not a valid URL: %s",
			printable.Clean(page, 80))
	}
	return nil
}
