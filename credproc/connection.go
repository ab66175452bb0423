package credproc

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/profiles"
)

const maxAnswer = 1 << 20 // bytes of a response; a large session token has 4096

// newSTSClient returns an STS client for an endpoint, with the connection settings of the chain's
// profile and the environment.
func (r *Resolver) newSTSClient(c profiles.Chain, e plan.Endpoint) (*stsClient, error) {
	cfg, limited, err := r.connect(c.Profile, "STS")
	if err != nil {
		return nil, err
	}
	o := sts.Options{
		HTTPClient: cfg.HTTPClient, APIOptions: cfg.APIOptions,
		RetryMaxAttempts: cfg.RetryMaxAttempts, RetryMode: cfg.RetryMode,
	}
	useEndpoint(&o, e)
	watch := func(o *sts.Options) { o.Retryer = r.watchRetries(o.Retryer, c.Profile.Name) }
	return &stsClient{
		options: o, watch: watch, endpoint: e, now: r.Now, warnf: r.Warnf, http: limited,
	}, nil
}

// connect returns the connection settings of a profile and the environment for an SDK client of a
// service, and its HTTP client.
func (r *Resolver) connect(
	profile profiles.Section, service string,
) (cfg aws.Config, limited *limitedClient, err error) {
	s := connectionSettings{profile: profile, getenv: r.Getenv}
	httpClient, err := s.httpClient()
	if err != nil {
		return cfg, nil, err
	}
	if cfg.RetryMaxAttempts, err = s.maxAttempts(); err != nil {
		return cfg, nil, err
	}
	if cfg.RetryMode, err = s.retryMode(); err != nil {
		return cfg, nil, err
	}
	waiting := waitingClient{withoutRedirects(httpClient), r, profile.Name, service}
	limited = &limitedClient{HTTPClient: waiting}
	cfg.HTTPClient = limited
	cfg.APIOptions = []func(*middleware.Stack) error{
		awsmiddleware.AddUserAgentKeyValue("aws-credproc", r.Version),
	}
	return cfg, limited, nil
}

// connectionSettings reads the settings of a profile's connection to AWS.
type connectionSettings struct {
	profile profiles.Section
	getenv  func(string) string
}

// get returns the value of a variable, or else of a key of the profile, and which of them it is.
func (s connectionSettings) get(variable, key string) (value, from string) {
	if v := s.getenv(variable); v != "" {
		return v, variable
	}
	return s.profile.Get(key), key
}

func (s connectionSettings) fail(setting string, err error, hint string) error {
	return &diag.Error{
		Profile: s.profile.Name, Where: "connection settings", Setting: setting, Err: err,
		Hint: hint, Flags: diag.Local,
	}
}

// httpClient returns the SDK's HTTP client, with the configured CA bundle.
func (s connectionSettings) httpClient() (*awshttp.BuildableClient, error) {
	client := awshttp.NewBuildableClient()
	path, from := plan.CABundle(s.profile, s.getenv)
	if path == "" {
		return client, nil
	}
	pem, err := files.Read(path, plan.MaxCABundle)
	if err != nil {
		hint := cmp.Or(diag.FileLimitHint(err), "correct "+from)
		return nil, s.fail(from, fmt.Errorf("CA bundle: %w", err), hint)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, s.fail(from, fmt.Errorf("CA bundle %s has no PEM certificate", path), "correct "+from)
	}
	return client.WithTransportOptions(func(t *http.Transport) {
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.RootCAs = roots
	}), nil
}

// withoutRedirects returns a client with the settings of c that follows no redirects. The SDK's
// client follows a 307 or 308, and sends what the request contains, such as a token or MFA code, to
// any host that the response names.
func withoutRedirects(c *awshttp.BuildableClient) *http.Client {
	return &http.Client{
		Transport: c.GetTransport(), Timeout: c.GetTimeout(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxAttempts returns the configured number of attempts, and 0 if there is none.
func (s connectionSettings) maxAttempts() (int, error) {
	text, from := s.get("AWS_MAX_ATTEMPTS", "max_attempts")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, s.fail(from, fmt.Errorf("%s is %q, not a number above 0", from, text), "correct "+from)
	}
	return n, nil
}

// retryMode returns the configured retry mode, and "" if there is none. legacy is one of botocore.
func (s connectionSettings) retryMode() (aws.RetryMode, error) {
	text, from := s.get("AWS_RETRY_MODE", "retry_mode")
	if text == "" || strings.EqualFold(text, "legacy") {
		return "", nil
	}
	mode, err := aws.ParseRetryMode(text)
	if err != nil {
		return "", s.fail(from, fmt.Errorf("%s is %q", from, text),
			"set "+from+" to standard or adaptive")
	}
	return mode, nil
}

// limitedClient reads at most maxAnswer bytes of a response, and remembers of the last one what the
// SDK does not read.
//
// It reads the response before the SDK does. The SDK closes the request's body as soon as it has
// the response's header, and net/http, if it has not yet noted that all was sent, then closes the
// connection. That failed some of a hundred single attempts with a 16 KB response.
type limitedClient struct {
	aws.HTTPClient
	refusal []byte // the body of the last response with an error status
	root    string // the root element of the last response; empty if that is not XML
}

func (c *limitedClient) Do(r *http.Request) (*http.Response, error) {
	c.root = ""
	resp, err := c.HTTPClient.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || 300 <= resp.StatusCode && resp.StatusCode < 400 {
		// AWS never sends these. The body of a 101 is the connection, which may not end.
		bad := errBadAnswer{fmt.Sprintf("status %d", resp.StatusCode)}
		return nil, errors.Join(bad, resp.Body.Close())
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if resp.StatusCode >= 400 {
		c.refusal = body
	}
	var document struct{ XMLName xml.Name }
	if xml.Unmarshal(body, &document) == nil {
		c.root = document.XMLName.Local
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
