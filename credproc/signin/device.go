package signin

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc/types"

	"aws-credproc/internal/printable"
)

// DevicePage is where the user confirms a code, on any device.
type DevicePage struct {
	URL     string
	Code    string
	FullURL string // with the code; may be empty
}

// Limits of the polling interval. The default is that of RFC 8628, section 3.5.
const (
	defaultInterval = 5 * time.Second
	maxInterval     = time.Minute
	slowDown        = 5 * time.Second
)

// WithDeviceCode signs in with a code that the user confirms in a browser on any device, as RFC
// 8628 describes. It calls show once with the page and the code.
func (c *Client) WithDeviceCode(
	ctx context.Context, show func(DevicePage),
) (Token, error) {
	r, err := c.register(ctx, deviceGrant)
	if err != nil {
		return Token{}, err
	}
	out, err := c.startDevice(ctx, r)
	if err != nil {
		return Token{}, err
	}
	page, err := c.devicePage(out)
	if err != nil {
		return Token{}, err
	}
	show(page)
	limit := min(expiry(time.Time{}, out.ExpiresIn).Sub(time.Time{}), maxWait)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, ErrExpired)
	defer cancel()
	in := &ssooidc.CreateTokenInput{
		ClientId: &r.id, ClientSecret: &r.secret, DeviceCode: out.DeviceCode,
		GrantType: aws.String(deviceGrant),
	}
	interval := time.Duration(out.Interval) * time.Second
	if interval <= 0 {
		interval = defaultInterval
	}
	answer, err := c.poll(ctx, in, min(interval, maxInterval))
	if err != nil {
		return Token{}, err
	}
	return c.token(r, answer)
}

func (c *Client) startDevice(
	ctx context.Context, r registration,
) (*ssooidc.StartDeviceAuthorizationOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	return c.OIDC.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId: &r.id, ClientSecret: &r.secret, StartUrl: &c.Session.StartURL,
	})
}

// devicePage returns the checked page of a response.
func (c *Client) devicePage(out *ssooidc.StartDeviceAuthorizationOutput) (DevicePage, error) {
	const maxCode = 64
	page := DevicePage{
		URL: aws.ToString(out.VerificationUri), FullURL: aws.ToString(out.VerificationUriComplete),
		Code: printable.Clean(aws.ToString(out.UserCode), maxCode),
	}
	if page.Code == "" || aws.ToString(out.DeviceCode) == "" {
		return DevicePage{}, errors.New("the response has no code")
	}
	if err := c.checkPage(page.URL); err != nil {
		return DevicePage{}, err
	}
	if page.FullURL == "" {
		return page, nil
	}
	return page, c.checkPage(page.FullURL)
}

// poll asks for the token until the user has decided or ctx ends. A failure of the network does not
// end it.
func (c *Client) poll(
	ctx context.Context, in *ssooidc.CreateTokenInput, interval time.Duration,
) (*ssooidc.CreateTokenOutput, error) {
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(interval):
		}
		out, err := c.createToken(ctx, in)
		switch {
		case err == nil:
			return out, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.As(err, new(*types.AuthorizationPendingException)):
		case errors.As(err, new(*types.SlowDownException)), isNetworkError(err):
			c.Tracef("sign-in: polling more slowly: %v", err)
			interval = min(interval+slowDown, maxInterval)
		case errors.As(err, new(*types.ExpiredTokenException)):
			return nil, ErrExpired
		case errors.As(err, new(*types.AccessDeniedException)):
			return nil, ErrDenied
		default:
			return nil, err
		}
	}
}
