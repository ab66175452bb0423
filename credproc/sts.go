package credproc

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/profiles"
)

// maxCABundle bounds what is read of a CA bundle. That of all public authorities takes 250 KB.
const maxCABundle = 16 << 20

// maxAnswer bounds what is read of an answer of STS. A session token of 4096 bytes is large.
const maxAnswer = 1 << 20

// stsClient calls STS for one chain, at the endpoint and in the way that its profile and the environment configure.
type stsClient struct {
	options  sts.Options
	endpoint plan.Endpoint
	now      func() time.Time
	warnf    func(string, ...any)
	http     *boundedClient
}

func (r *Resolver) newSTSClient(c profiles.Chain, e plan.Endpoint) (*stsClient, error) {
	from := "" // where the setting that was last looked at stands
	fail := func(err error, hint string) (*stsClient, error) {
		return nil, &diag.Error{Profile: c.Profile.Name, Where: "set up the connection to STS", Setting: from, Err: err, Hint: hint, Flags: diag.Local}
	}
	setting := func(variable, key string) string {
		if v := r.Getenv(variable); v != "" {
			from = variable
			return v
		}
		from = key
		return c.Profile.Get(key)
	}
	client := awshttp.NewBuildableClient()
	if path := setting("AWS_CA_BUNDLE", "ca_bundle"); path != "" {
		pem, err := files.Read(path, maxCABundle)
		if err != nil {
			return fail(fmt.Errorf("CA bundle: %w", err), cmp.Or(diag.FileLimitHint(err), "correct AWS_CA_BUNDLE or ca_bundle"))
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return fail(fmt.Errorf("CA bundle %s holds no certificate in PEM form", path), "correct AWS_CA_BUNDLE or ca_bundle")
		}
		client = client.WithTransportOptions(func(t *http.Transport) {
			if t.TLSClientConfig == nil {
				t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			}
			t.TLSClientConfig.RootCAs = roots
		})
	}
	bounded := &boundedClient{HTTPClient: client}
	o := sts.Options{
		HTTPClient: bounded,
		APIOptions: []func(*middleware.Stack) error{awsmiddleware.AddUserAgentKeyValue("aws-credproc", r.Version)},
	}
	if text := setting("AWS_MAX_ATTEMPTS", "max_attempts"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fail(fmt.Errorf("max_attempts is %q, which is no number above zero", text), "correct AWS_MAX_ATTEMPTS or max_attempts")
		}
		o.RetryMaxAttempts = n
	}
	if text := setting("AWS_RETRY_MODE", "retry_mode"); text != "" && !strings.EqualFold(text, "legacy") {
		mode, err := aws.ParseRetryMode(text)
		if err != nil {
			return fail(err, "correct AWS_RETRY_MODE or retry_mode: standard or adaptive")
		}
		o.RetryMode = mode
	}
	useEndpoint(&o, e)
	return &stsClient{options: o, endpoint: e, now: r.Now, warnf: r.Warnf, http: bounded}, nil
}

// with is the way to call STS with a session's credentials.
func (c *stsClient) with(s cache.Session) *sts.Client {
	o := c.options
	o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken}, nil
	})
	return sts.New(o)
}

// getSessionToken turns a code of a user's MFA device, and the user's keys, into a session.
func (c *stsClient) getSessionToken(ctx context.Context, with cache.Session, m profiles.MFA, code string) (cache.Session, error) {
	out, err := c.with(with).GetSessionToken(ctx, &sts.GetSessionTokenInput{
		SerialNumber: &m.Serial, TokenCode: &code, DurationSeconds: aws.Int32(int32(m.Session / time.Second)),
	})
	if err != nil {
		return cache.Session{}, err
	}
	s, err := c.sessionOf(out.Credentials, nil, out.ResultMetadata)
	s.AccountID = cmp.Or(with.AccountID, plan.AccountOf(m.Serial))
	return s, err
}

// assumeRole makes one hop with the credentials of the one before it, and with a code if that is not nil.
func (c *stsClient) assumeRole(ctx context.Context, with cache.Session, h profiles.Hop, code *string) (cache.Session, error) {
	in := &sts.AssumeRoleInput{RoleArn: &h.RoleARN, RoleSessionName: aws.String(plan.SessionName(h.RoleSessionName))}
	if h.ExternalID != "" {
		in.ExternalId = &h.ExternalID
	}
	if h.Duration != 0 {
		in.DurationSeconds = aws.Int32(int32(h.Duration / time.Second))
	}
	if h.SourceIdentity != "" {
		in.SourceIdentity = &h.SourceIdentity
	}
	for _, t := range h.SessionTags {
		in.Tags = append(in.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	in.TransitiveTagKeys = h.TransitiveTagKeys
	in.Policy, in.PolicyArns = policyParams(h.Policy, h.PolicyARNs)
	if code != nil {
		in.SerialNumber, in.TokenCode = &h.MFASerial, code
	}
	out, err := c.with(with).AssumeRole(ctx, in)
	if err != nil {
		return cache.Session{}, err
	}
	return c.sessionOf(out.Credentials, out.AssumedRoleUser, out.ResultMetadata)
}

// assumeRoleWithWebIdentity assumes a source's role with a token, which is all that signs the call.
func (c *stsClient) assumeRoleWithWebIdentity(ctx context.Context, token string, s profiles.Source) (cache.Session, error) {
	in := &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &s.RoleARN, RoleSessionName: aws.String(plan.SessionName(s.RoleSessionName)),
		WebIdentityToken: &token,
	}
	in.Policy, in.PolicyArns = policyParams(s.Policy, s.PolicyARNs)
	out, err := sts.New(c.options).AssumeRoleWithWebIdentity(ctx, in, func(o *sts.Options) {
		// STS says so of good tokens too, while it has not got round to the provider's keys. The SDK's own provider does this.
		o.Retryer = retry.AddWithErrorCodes(o.Retryer, (&types.InvalidIdentityTokenException{}).ErrorCode())
	})
	if err != nil {
		return cache.Session{}, err
	}
	return c.sessionOf(out.Credentials, out.AssumedRoleUser, out.ResultMetadata)
}

// policyParams gives the session policies in the form of a call.
func policyParams(policy string, arns []string) (text *string, list []types.PolicyDescriptorType) {
	if policy != "" {
		text = &policy
	}
	for _, arn := range arns {
		list = append(list, types.PolicyDescriptorType{Arn: &arn})
	}
	return text, list
}

// sessionOf makes a session of STS's answer, issued by STS's own clock, and checks it. An answer from something that is
// not STS, a proxy say, must not become credentials that an SDK then fails with.
func (c *stsClient) sessionOf(credentials *types.Credentials, user *types.AssumedRoleUser, metadata middleware.Metadata) (cache.Session, error) {
	if credentials == nil {
		return cache.Session{}, errBadAnswer{"it holds no credentials"}
	}
	s := cache.Session{
		AccessKeyID: aws.ToString(credentials.AccessKeyId), SecretAccessKey: aws.ToString(credentials.SecretAccessKey),
		SessionToken: aws.ToString(credentials.SessionToken), Issued: c.now(), Expiration: aws.ToTime(credentials.Expiration),
	}
	if user != nil {
		s.AccountID = plan.AccountOf(aws.ToString(user.Arn))
	}
	// A Date that does not go with the expiration is that of something in between.
	if date, ok := awsmiddleware.GetServerTime(metadata); ok && s.Expiration.After(date) {
		if ahead := s.Issued.Sub(date); ahead.Abs() > plan.MaxSkew {
			c.warnf("this machine's clock is %s: set it, or sessions are served too long or not at all", offText(ahead))
		}
		s.Issued = date
	}
	switch problem := malformed(s); {
	case problem != "":
		return cache.Session{}, errBadAnswer{problem}
	case s.SessionToken == "":
		return cache.Session{}, errBadAnswer{"there is no session token"}
	case !s.Expiration.After(s.Issued):
		return cache.Session{}, errBadAnswer{"its session is over already"}
	case s.Expiration.Sub(s.Issued) > plan.MaxLifetime+plan.MaxSkew:
		return cache.Session{}, errBadAnswer{fmt.Sprintf("its session is to last %s, and AWS gives %s at most", s.Expiration.Sub(s.Issued).Round(time.Hour), plan.MaxLifetime)}
	}
	return s, nil
}

// offText says how far a clock is ahead of AWS's, or behind.
func offText(ahead time.Duration) string {
	if ahead < 0 {
		return (-ahead).Round(time.Second).String() + " behind AWS's"
	}
	return ahead.Round(time.Second).String() + " ahead of AWS's"
}

// errBadAnswer says that an answer is none of STS.
type errBadAnswer struct{ why string }

func (e errBadAnswer) Error() string { return "the answer is none of STS: " + e.why }

// boundedClient reads no more of an answer than an answer of STS can have, and remembers the last refusal.
//
// It reads all of the answer before the SDK sees it. The SDK closes the request's body as soon as it has the answer's
// head, and net/http, where it has not come round to noting that all was sent, then closes the connection under the
// answer's rest. Of single attempts with a 16 KB answer that failed some in a hundred.
type boundedClient struct {
	aws.HTTPClient
	refusal []byte // the body of the last answer with an error status
}

func (c *boundedClient) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || 300 <= resp.StatusCode && resp.StatusCode < 400 {
		// STS never answers so. A 101's body is the connection, which nothing ends.
		return nil, errors.Join(errBadAnswer{fmt.Sprintf("status %d", resp.StatusCode)}, resp.Body.Close())
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		c.refusal = body
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// isPassing reports whether the same call may succeed later with nothing changed.
func isPassing(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(errBadAnswer)) {
		return true
	}
	if retry.IsErrorThrottles(retry.DefaultThrottles).IsErrorThrottle(err).Bool() {
		return true
	}
	// Not only smithyhttp.ResponseError has a status: that of a container's endpoint is its own.
	var response interface{ HTTPStatusCode() int }
	if errors.As(err, &response) {
		status := response.HTTPStatusCode()
		return status >= 500 || status == http.StatusTooManyRequests || status < 300
	}
	return retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err).Bool() || errors.As(err, new(*smithyhttp.RequestSendError))
}
