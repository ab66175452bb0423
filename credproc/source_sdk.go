package credproc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/defaults"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
)

// The sources for SSO, aws login, instances and containers are the SDK's own providers, with the
// SDK's own reading of endpoints, CA bundle, proxy and retries from the source's profile. The SDK
// never chooses the kind of source: it prefers static keys to an SSO role, which the AWS CLI does
// not.

// sdkConfig loads the SDK's configuration of the source's profile. It reads the config files again,
// which takes milliseconds.
func sdkConfig(
	ctx context.Context, s source, more ...func(*config.LoadOptions) error,
) (aws.Config, error) {
	trace := func(_ logging.Classification, format string, v ...any) { s.Tracef(format, v...) }
	options := []func(*config.LoadOptions) error{
		// The first three keep variables from being followed: AWS_PROFILE and the files' paths.
		config.WithSharedConfigProfile(s.plan.Chain.Source.Profile),
		config.WithSharedConfigFiles([]string{s.plan.Chain.ConfigPath}),
		config.WithSharedCredentialsFiles([]string{s.plan.Chain.CredentialsPath}),
		config.WithRegion(s.plan.Endpoint.Region),
		config.WithLogger(logging.LoggerFunc(trace)),
		config.WithAPIOptions([]func(*middleware.Stack) error{
			limitAnswers, awsmiddleware.AddUserAgentKeyValue("aws-credproc", s.Version),
		}),
	}
	options = append(options, more...)
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		cfg, err = configWithoutNames(ctx, s, options)
	}
	if err != nil {
		return aws.Config{}, s.fail(fmt.Errorf("the AWS SDK cannot use the profile: %w",
			errText(cause(err).Error())), "")
	}
	// Setting it beforehand would keep the SDK from using a CA bundle.
	client, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		client = awshttp.NewBuildableClient() // the default, for which the SDK sets none
	}
	cfg.HTTPClient = withoutRedirects(withModeLimits(client, cfg))
	return cfg, nil
}

// withModeLimits returns a client with the connection limits of defaults_mode, if that is set. The
// SDK sets them only for a client of its own type.
func withModeLimits(client *awshttp.BuildableClient, cfg aws.Config) *awshttp.BuildableClient {
	mode := cfg.DefaultsMode
	if mode == aws.DefaultsModeAuto {
		mode = defaults.ResolveDefaultsModeAuto(cfg.Region, cfg.RuntimeEnvironment)
	}
	limits, err := defaults.GetModeConfiguration(mode)
	if err != nil { // legacy, the default, which has none
		return client
	}
	return client.WithDialerOptions(func(d *net.Dialer) {
		if limit, ok := limits.GetConnectTimeout(); ok {
			d.Timeout = limit
		}
	}).WithTransportOptions(func(t *http.Transport) {
		if limit, ok := limits.GetTLSNegotiationTimeout(); ok {
			t.TLSHandshakeTimeout = limit
		}
	})
}

// configWithoutNames loads the SDK's configuration from a file that has only the client settings of
// the source's profile. The SDK does not find sections whose names are in quotes. The file holds no
// credentials.
func configWithoutNames(
	ctx context.Context, s source, options []func(*config.LoadOptions) error,
) (cfg aws.Config, err error) {
	const name = "source"
	var text strings.Builder
	text.WriteString("[profile " + name + "]\n")
	for _, key := range []string{
		"ca_bundle", "defaults_mode", "ec2_metadata_service_endpoint",
		"ec2_metadata_service_endpoint_mode", "ec2_metadata_v1_disabled", "max_attempts", "retry_mode",
		"use_dualstack_endpoint", "use_fips_endpoint",
	} {
		if v := s.plan.Chain.SourceProfile.Get(key); v != "" && !strings.Contains(v, "\n") {
			text.WriteString(key + " = " + v + "\n")
		}
	}
	f, err := os.CreateTemp("", "aws-credproc-*.config")
	if err != nil {
		return aws.Config{}, err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(text.String())
	if err := errors.Join(err, f.Close()); err != nil {
		return aws.Config{}, err
	}
	return config.LoadDefaultConfig(ctx, append(options,
		config.WithSharedConfigProfile(name),
		config.WithSharedConfigFiles([]string{f.Name()}),
		config.WithSharedCredentialsFiles([]string{os.DevNull}))...)
}

// withoutCredentials keeps the SDK from choosing credentials.
func withoutCredentials() config.LoadOptionsFunc {
	return config.WithCredentialsProvider(aws.AnonymousCredentials{})
}

// limitAnswers makes an SDK client read at most maxAnswer bytes of an answer, all of it before
// anything else, as limitedClient does for STS.
func limitAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("limitAnswers", func(
		ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler,
	) (middleware.DeserializeOutput, middleware.Metadata, error) {
		out, metadata, err := next.HandleDeserialize(ctx, in)
		response, ok := out.RawResponse.(*smithyhttp.Response)
		if err != nil || !ok {
			return out, metadata, err
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return out, metadata, err
		}
		response.Body = io.NopCloser(bytes.NewReader(body))
		return out, metadata, nil
	}), middleware.After)
}

// retrieve returns the checked credentials of an SDK provider.
func retrieve(
	ctx context.Context, s source, p aws.CredentialsProvider,
) (found cache.Session, err error) {
	defer func() {
		// The providers dereference what damaged cache files and incomplete answers lack.
		if r := recover(); r != nil {
			s.Tracef("the SDK's provider panicked: %v", r)
			err = errors.New("incomplete credentials")
		}
	}()
	c, err := p.Retrieve(ctx)
	if err != nil {
		return cache.Session{}, err
	}
	found = cache.Session{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
		SessionToken: c.SessionToken, AccountID: c.AccountID,
	}
	if problem := malformed(found); problem != "" {
		return cache.Session{}, errors.New("invalid credentials: " + problem)
	}
	if !c.CanExpire {
		return found, nil
	}
	// The providers do not return when the credentials were issued.
	found.Issued, found.Expiration = s.Now(), c.Expires
	if !found.Expiration.After(found.Issued) {
		return cache.Session{}, fmt.Errorf("the credentials expired at %s",
			found.Expiration.UTC().Format("2006-01-02T15:04:05Z"))
	}
	return found, nil
}

// serviceError returns the error of a source whose provider calls a service. The hint is for errors
// that are not temporary.
func serviceError(s source, service string, err error, hint string) *diag.Error {
	e := s.fail(nil, hint)
	if isTemporary(err) {
		e.Flags |= diag.Temporary
		e.Hint = ""
	}
	var api smithy.APIError
	var send *smithyhttp.RequestSendError
	var response interface{ HTTPStatusCode() int }
	switch {
	case errors.Is(err, context.Canceled):
		e.Err, e.Hint = errInterrupted, ""
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no response from %s before the timeout", service)
		e.Hint = longerHint
		if region, ok := regionOfSource(s); ok {
			region.describe(e, service)
		}
	case errors.As(err, &api) && apiText(api) != "":
		e.Err = errText(fmt.Sprintf("%s refused the request: %s", service, apiText(api)))
	case errors.As(err, &send):
		e.Err = fmt.Errorf("cannot reach %s: %w", service, root(send))
		e.Hint = cmp.Or(diag.FileLimitHint(err), "check the network and the proxy")
		if region, ok := regionOfSource(s); ok {
			region.describe(e, service)
		}
	case errors.As(err, &response) && response.HTTPStatusCode() >= 300:
		e.Err = fmt.Errorf("%s refused the request: status %d", service, response.HTTPStatusCode())
	case isSyntaxError(err):
		e.Err = fmt.Errorf("the response of %s is %w", service, cause(err))
	default:
		e.Err = errText(fmt.Sprintf("%s: %v", service, cause(err)))
	}
	return e
}

// apiText returns the code and message of a refusal, and "" if it has no code: the message is then
// the whole response of a container's endpoint, whatever that is. IAM Identity Center may send no
// message.
func apiText(err smithy.APIError) string {
	code, message := err.ErrorCode(), err.ErrorMessage()
	switch {
	case code == "" || code == unknownError:
		return ""
	case message == "" || message == unknownError:
		return code
	}
	return code + ": " + message
}
