package credproc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

// iamClient calls the actions of IAM that replace an access key. It is not that of the SDK, whose
// tables of all actions would be initialized by every get with a cached session: see
// docs/decisions/rotate.md.
//
// https://docs.aws.amazon.com/IAM/latest/APIReference/
type iamClient struct {
	http      aws.HTTPClient
	endpoint  iamEndpoint
	session   cache.Session
	retryer   aws.Retryer
	userAgent string
	now       func() time.Time
	ahead     time.Duration // how far this machine's clock is ahead of AWS's, if it is far
	waiting   func(text string) (done func())
	profile   string
	limit     time.Duration // of a call; 0 if its context has one
}

// newIAMClient returns a client for the partition of a user, with the connection settings of a
// chain's profile and the environment.
func (r *Resolver) newIAMClient(
	c profiles.Chain, e plan.Endpoint, partition string, s cache.Session,
) (*iamClient, error) {
	settings := connectionSettings{profile: c.Profile, getenv: r.Getenv}
	endpoint, err := iamEndpointOf(c, e, partition, r.Getenv)
	if err != nil {
		return nil, err
	}
	httpClient, err := settings.httpClient()
	if err != nil {
		return nil, err
	}
	attempts, err := settings.maxAttempts()
	if err != nil {
		return nil, err
	}
	return &iamClient{
		http: withoutRedirects(httpClient), endpoint: endpoint, session: s,
		retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			if attempts > 0 {
				o.MaxAttempts = attempts
			}
		}),
		userAgent: "aws-credproc/" + r.Version, now: r.Now, waiting: r.waiting, profile: c.Profile.Name,
	}, nil
}

// Limits of IAM's responses.
const (
	iamVersion     = "2010-05-08"
	maxIAMResponse = 256 << 10
)

// call calls an action and decodes the response into out. It returns the time of AWS's clock, zero
// if that is unknown. If repeatable is false, the call is repeated only if IAM is known not to have
// executed it.
func (c *iamClient) call(
	ctx context.Context, action string, params map[string]string, out any, repeatable bool,
) (time.Time, error) {
	form := url.Values{"Action": {action}, "Version": {iamVersion}}
	for name, value := range params {
		form.Set(name, value)
	}
	defer c.waiting(c.profile + ": waiting for IAM")()
	if c.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.limit)
		defer cancel()
	}
	for attempt := 1; ; attempt++ {
		body, date, err := c.send(ctx, form.Encode())
		if err == nil {
			if err := decodeIAM(body, action, out); err != nil {
				return date, err
			}
			return date, nil
		}
		again := c.retryer.IsErrorRetryable(err)
		if !repeatable {
			again = retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool()
		}
		switch {
		case c.correctClock(err, date):
		case !again || attempt >= c.retryer.MaxAttempts():
			return date, err
		}
		delay, noDelay := c.retryer.RetryDelay(attempt, err)
		if noDelay != nil {
			return date, err
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return date, ctx.Err()
		}
	}
}

// correctClock reports whether a request was refused because this machine's clock is wrong, and
// makes the client sign with AWS's time. It does so once.
func (c *iamClient) correctClock(err error, date time.Time) bool {
	var api smithy.APIError
	if c.ahead != 0 || date.IsZero() || !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
		"InvalidSignatureException":
	default:
		return false
	}
	ahead := c.now().Sub(date)
	if ahead.Abs() <= plan.MaxSkew/2 {
		return false
	}
	c.ahead = ahead
	return true
}

// send sends a form and returns the body of the response.
func (c *iamClient) send(ctx context.Context, form string) (body []byte, date time.Time, err error) {
	request, err := http.NewRequestWithContext(
		ctx, http.MethodPost, c.endpoint.URL, strings.NewReader(form))
	if err != nil {
		return nil, date, errors.New("the endpoint is not a valid URL")
	}
	if request.URL.Path == "" {
		request.URL.Path = "/"
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("User-Agent", c.userAgent)
	sum := sha256.Sum256([]byte(form))
	err = v4.NewSigner().SignHTTP(ctx, aws.Credentials{
		AccessKeyID: c.session.AccessKeyID, SecretAccessKey: c.session.SecretAccessKey,
		SessionToken: c.session.SessionToken,
	}, request, hex.EncodeToString(sum[:]), "iam", c.endpoint.Region, c.now().Add(-c.ahead))
	if err != nil {
		return nil, date, errors.New("the request cannot be signed")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, date, c.sendError(ctx, err)
	}
	defer response.Body.Close()
	if t, err := http.ParseTime(response.Header.Get("Date")); err == nil {
		date = t
	}
	if response.StatusCode < 200 || 300 <= response.StatusCode && response.StatusCode < 400 {
		return nil, date, errBadIAM{fmt.Sprintf("status %d", response.StatusCode)}
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, maxIAMResponse+1))
	switch {
	case err != nil:
		return nil, date, c.sendError(ctx, err)
	case len(body) > maxIAMResponse:
		return nil, date, errBadIAM{"it is too large"}
	case response.StatusCode != http.StatusOK:
		return nil, date, iamRefusal(response, body)
	}
	return body, date, nil
}

// sendError returns the error of a request that got no response.
func (c *iamClient) sendError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &smithyhttp.RequestSendError{Err: err}
}

// decodeIAM decodes the response to an action. Its errors quote nothing of the response, which may
// have a secret.
func decodeIAM(body []byte, action string, out any) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.Token()
		if err != nil {
			return errBadIAM{cause(err).Error()}
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if start.Name.Local != action+"Response" {
			return errBadIAM{"another document"}
		}
		if err := d.DecodeElement(out, &start); err != nil {
			return errBadIAM{cause(err).Error()}
		}
		return nil
	}
}

// errBadIAM means that a response did not come from IAM.
type errBadIAM struct{ why string }

func (e errBadIAM) Error() string { return "the response did not come from IAM: " + e.why }
