package credproc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/signin"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/sso/types"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
)

// The sources in this file are the SDK's own providers, with the SDK's own reading of all that is beside the point here:
// endpoints, CA bundle, proxy, retries, of the profile that the source is written in. Which kind of source that profile
// is, though, has been decided by the chain. The SDK decides it differently in some cases (of static keys beside an SSO
// role it takes the keys, where the AWS CLI signs in), so it is never asked to choose.

// sdkConfig loads the SDK's config of the profile that the source is written in, without credentials. It reads the
// files a second time and takes milliseconds: this is for the cold way only.
func (w *way) sdkConfig(ctx context.Context, more ...func(*config.LoadOptions) error) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{
		// Each of these keeps a variable from being followed: AWS_PROFILE and the paths of the files.
		config.WithSharedConfigProfile(w.plan.Chain.Source.Profile),
		config.WithSharedConfigFiles([]string{w.plan.Chain.ConfigPath}),
		config.WithSharedCredentialsFiles([]string{w.plan.Chain.CredentialsPath}),
		config.WithRegion(w.plan.Endpoint.Region),
		config.WithLogger(logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) { w.Tracef(format, v...) })),
		config.WithAPIOptions([]func(*middleware.Stack) error{boundAnswers, awsmiddleware.AddUserAgentKeyValue("aws-credproc", w.Version)}),
	}
	cfg, err := config.LoadDefaultConfig(ctx, append(options, more...)...)
	if err != nil {
		return aws.Config{}, w.sourceError(fmt.Errorf("the AWS SDK cannot use the profile: %w", errText(innermost(err).Error())), "correct what it names")
	}
	return cfg, nil
}

// withoutCredentials keeps the SDK from choosing credentials.
func withoutCredentials() config.LoadOptionsFunc {
	return config.WithCredentialsProvider(aws.AnonymousCredentials{})
}

// boundAnswers makes a client of the SDK read no more of an answer than maxAnswer, and all of that before anything else,
// as boundedClient does for STS.
func boundAnswers(stack *middleware.Stack) error {
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("boundAnswers", func(
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

// retrieve asks a provider of the SDK for credentials and checks them.
func (w *way) retrieve(ctx context.Context, p aws.CredentialsProvider) (s cache.Session, err error) {
	defer func() {
		// The providers take some damaged cache files and incomplete answers for whole ones.
		if r := recover(); r != nil {
			w.Tracef("the SDK's provider panicked: %v", r)
			err = errors.New("what it found is incomplete")
		}
	}()
	c, err := p.Retrieve(ctx)
	if err != nil {
		return cache.Session{}, err
	}
	s = cache.Session{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, AccountID: c.AccountID}
	if problem := malformed(s); problem != "" {
		return cache.Session{}, errors.New("what it gave is no credentials: " + problem)
	}
	if !c.CanExpire {
		return s, nil
	}
	// None of the providers tells when the credentials were made, so their life is counted from now.
	s.Issued, s.Expiration = w.Now(), c.Expires
	if !s.Expiration.After(s.Issued) {
		return cache.Session{}, fmt.Errorf("the credentials that it gave are over since %s", s.Expiration.UTC().Format("2006-01-02T15:04:05Z"))
	}
	return s, nil
}

// serviceError says how a source failed whose provider asks a service: unreachable, refused, or an answer that is none.
// mend is for what does not pass.
func (w *way) serviceError(name string, err error, hint string) *diag.Error {
	e := w.sourceError(nil, hint)
	if e.Set(diag.Temporary, isPassing(err)); e.Has(diag.Temporary) {
		e.Hint = "check the network and the proxy, and try again"
	}
	var api smithy.APIError
	var send *smithyhttp.RequestSendError
	var response interface{ HTTPStatusCode() int }
	switch {
	case errors.Is(err, context.Canceled):
		e.Err, e.Hint = errInterrupted, ""
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = fmt.Errorf("no answer from %s within the time allowed", name)
	case errors.As(err, &api) && apiText(api) != "":
		e.Err = errText(fmt.Sprintf("%s refused: %s", name, apiText(api)))
	case errors.As(err, &send):
		e.Err = fmt.Errorf("cannot reach %s: %w", name, root(send))
	case errors.As(err, &response) && response.HTTPStatusCode() >= 300:
		e.Err = fmt.Errorf("%s refused: status %d and no reason", name, response.HTTPStatusCode())
	default:
		e.Err = errText(fmt.Sprintf("%s: %v", name, innermost(err)))
	}
	return e
}

// signInError is serviceError for a step at which all that is wrong is mended by signing in with a command, but for
// what passes.
func (w *way) signInError(name string, err error, signIn []string) *diag.Error {
	e := w.serviceError(name, err, strings.Join(signIn, " "))
	if !e.Has(diag.Temporary) && e.Hint != "" {
		e.Flags |= diag.NeedsUser
		e.SignIn = signIn
	}
	return e
}

// apiText gives the code and message of a refusal, as far as there are any: a container's endpoint may answer without
// the one, IAM Identity Center without the other.
func apiText(err smithy.APIError) string {
	var parts []string
	for _, part := range []string{err.ErrorCode(), err.ErrorMessage()} {
		if part != "" && part != unknownError {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// ssoSession gets the credentials of an account and role of IAM Identity Center, with the token that `aws sso login`
// keeps in ~/.aws/sso/cache.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html
func (w *way) ssoSession(ctx context.Context) (cache.Session, error) {
	const name = "IAM Identity Center (SSO)"
	s := w.plan.Chain.Source
	if s.SSOAccountID == "" {
		return cache.Session{}, w.sourceError(errors.New("it has sso_session "+s.SSOSession+" but no sso_account_id and no sso_role_name"),
			"add both to [profile "+s.Profile+"]; aws configure sso asks for them")
	}
	cfg, err := w.sdkConfig(ctx, withoutCredentials())
	if err != nil {
		return cache.Session{}, err
	}
	cfg.Region = s.SSORegion
	key, login := s.SSOStartURL, []string{"aws", "sso", "login", "--profile", s.Profile}
	if s.SSOSession != "" {
		key, login = s.SSOSession, []string{"aws", "sso", "login", "--sso-session", s.SSOSession}
	}
	path, err := ssocreds.StandardCachedTokenFilepath(key)
	if err != nil {
		return cache.Session{}, w.sourceError(err, "")
	}
	signIn := func(err error) error {
		return w.signInError(name, err, login)
	}
	if err := files.Check(path, plan.MaxTextFile); errors.Is(err, fs.ErrNotExist) {
		return cache.Session{}, signIn(errors.New("nobody has signed in"))
	} else if err != nil {
		return cache.Session{}, w.sourceError(err, strings.Join(login, " "))
	}
	var tokens *ssocreds.SSOTokenProvider
	if s.SSOSession != "" {
		// Asked for by itself first, since the type of its errors does not tell that a person is needed; and by one process
		// at a time, since all roles of the SSO session share the token, and a refresh token may be good for one use.
		tokens = ssocreds.NewSSOTokenProvider(ssooidc.NewFromConfig(cfg), path)
		unlock, err := w.Cache.Lock(ctx, sha256.Sum256([]byte("SSO token "+path)), nil)
		if err != nil {
			return cache.Session{}, w.serviceError(name, err, "")
		}
		_, err = tokens.RetrieveBearerToken(ctx)
		unlock()
		if err != nil {
			return cache.Session{}, signIn(err)
		}
	}
	session, err := w.retrieve(ctx, ssocreds.New(sso.NewFromConfig(cfg), s.SSOAccountID, s.SSORoleName, s.SSOStartURL, func(o *ssocreds.Options) {
		o.SSOTokenProvider, o.CachedTokenFilepath = tokens, path
	}))
	switch {
	case err == nil:
		return session, nil
	case errors.As(err, new(*ssocreds.InvalidTokenError)), errors.As(err, new(*ssotypes.UnauthorizedException)):
		return cache.Session{}, signIn(err)
	}
	return cache.Session{}, w.serviceError(name, err, fmt.Sprintf("check that you may use role %s in account %s", s.SSORoleName, s.SSOAccountID))
}

// loginSession gets the credentials of `aws login`, which keeps them in ~/.aws/login/cache.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-login-credentials.html
func (w *way) loginSession(ctx context.Context) (cache.Session, error) {
	const name = "AWS sign-in"
	s := w.plan.Chain.Source
	login := []string{"aws", "login", "--profile", s.Profile}
	cfg, err := w.sdkConfig(ctx, withoutCredentials())
	if err != nil {
		return cache.Session{}, err
	}
	path, err := logincreds.StandardCachedTokenFilepath(s.LoginSession, w.Getenv("AWS_LOGIN_CACHE_DIRECTORY"))
	if err != nil {
		return cache.Session{}, w.sourceError(err, "")
	}
	err = files.Check(path, plan.MaxTextFile)
	var session cache.Session
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("nobody has signed in")
	case err != nil:
		return cache.Session{}, w.sourceError(err, strings.Join(login, " "))
	default:
		session, err = w.retrieve(ctx, logincreds.New(signin.NewFromConfig(cfg), path))
	}
	if err != nil {
		return cache.Session{}, w.signInError(name, err, login)
	}
	return session, nil
}

// instanceSession gets the credentials of the instance's role from the instance metadata service.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
//
// The profile has a role_arn beside its credential_source, and the SDK's config would give the credentials of that role:
// so only the service's client is taken from it.
func (w *way) instanceSession(ctx context.Context) (cache.Session, error) {
	const hint = "credential_source = Ec2InstanceMetadata works on an EC2 instance that has a role, with AWS_EC2_METADATA_DISABLED not set"
	cfg, err := w.sdkConfig(ctx, withoutCredentials())
	if err != nil {
		return cache.Session{}, err
	}
	session, err := w.retrieve(ctx, ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.NewFromConfig(cfg) }))
	if err != nil {
		e := w.serviceError("the instance metadata service", err, hint)
		if e.Hint != "" { // it was not interrupted
			e.Hint = hint
		}
		return cache.Session{}, e
	}
	return session, nil
}

// containerSession gets the credentials of an ECS task or, with EKS Pod Identity, of a pod.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
//
// The SDK's config knows which endpoint it is, to which hosts the authorization may go, and where that comes from; but
// it gives the credentials of the profile's role. So the options are taken that it makes the container's provider with.
func (w *way) containerSession(ctx context.Context) (cache.Session, error) {
	const name = "the container's credentials endpoint"
	if w.Getenv(plan.ContainerRelativeURI) == "" && w.Getenv(plan.ContainerFullURI) == "" {
		return cache.Session{}, w.sourceError(errors.New("credential_source is EcsContainer, and neither "+plan.ContainerRelativeURI+" nor "+plan.ContainerFullURI+" is set"),
			"this works in an ECS task or an EKS pod with pod identity, which set one")
	}
	if path := w.Getenv(plan.ContainerTokenFile); path != "" {
		if err := files.Check(path, plan.MaxTextFile); err != nil {
			return cache.Session{}, w.sourceError(err, "correct "+plan.ContainerTokenFile)
		}
	}
	var options *endpointcreds.Options
	if _, err := w.sdkConfig(ctx, config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { options = o })); err != nil {
		return cache.Session{}, err
	}
	if options == nil {
		return cache.Session{}, w.sourceError(errors.New("beside its credential_source the profile has static keys, which the AWS SDK prefers"),
			"remove aws_access_key_id and aws_secret_access_key from the profile, or its credential_source")
	}
	session, err := w.retrieve(ctx, endpointcreds.New(options.Endpoint, func(o *endpointcreds.Options) { *o = *options }))
	if err != nil {
		return cache.Session{}, w.serviceError(name, err, "check the task's or pod's role")
	}
	return session, nil
}
