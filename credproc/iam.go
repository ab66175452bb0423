package credproc

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/printable"
	"aws-credproc/profiles"
)

// iamClient calls the actions of IAM that replace an access key.
type iamClient struct {
	sdk     *iam.Client
	http    *limitedClient
	url     string        // of the endpoint
	session cache.Session // signs the calls
	profile string
	limit   time.Duration // of a call; 0 if its context has one
}

// newIAMClient returns a client for the partition of a user, with the connection settings of a
// chain's profile and the environment.
func (r *Resolver) newIAMClient(
	c profiles.Chain, e plan.Endpoint, partition string, s cache.Session,
) (*iamClient, error) {
	url, err := iamURL(c, e, partition, r.Getenv)
	if err != nil {
		return nil, err
	}
	cfg, limited, err := r.connect(c.Profile, "IAM")
	if err != nil {
		return nil, err
	}
	cfg.Region = plan.DefaultRegion(partition) // of the signature: a partition has one IAM
	sdk := iam.NewFromConfig(cfg, func(o *iam.Options) {
		o.BaseEndpoint = &url
		o.Retryer = r.watchRetries(o.Retryer, c.Profile.Name)
	})
	return &iamClient{sdk: sdk, http: limited, url: url, session: s, profile: c.Profile.Name}, nil
}

// iamURL returns the endpoint for the partition of a user: the configured one, as in the SDKs, or
// that of the partition. The error is a [*diag.Error].
func iamURL(
	c profiles.Chain, e plan.Endpoint, partition string, getenv func(string) string,
) (string, error) {
	configured, err := serviceEndpoint(iam.ServiceID, c.Profile, c.Services, getenv)
	if err != nil || configured.URL != "" {
		return configured.URL, err
	}
	region := plan.DefaultRegion(partition)
	resolved, err := iam.NewDefaultEndpointResolverV2().ResolveEndpoint(context.Background(),
		iam.EndpointParameters{Region: &region, UseFIPS: &e.FIPS, UseDualStack: &e.DualStack})
	// DefaultRegion returns that of partition aws for one that it does not know.
	isUnknown := partition != "aws" && region == plan.DefaultRegion("aws")
	if err != nil || isUnknown {
		return "", &diag.Error{
			Profile: c.Profile.Name, Where: "IAM endpoint", Flags: diag.Local,
			Err:  errors.New("not known for the partition " + partition + " with these settings"),
			Hint: "set AWS_ENDPOINT_URL_IAM",
		}
	}
	return resolved.URI.String(), nil
}

// callIAM calls an action. If the response did not come from IAM, the error is no
// [smithy.APIError].
func callIAM[In, Out any](
	ctx context.Context, c *iamClient, action string,
	call func(*iam.Client, context.Context, *In, ...func(*iam.Options)) (*Out, error), in *In,
	options ...func(*iam.Options),
) (*Out, error) {
	if c.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.limit)
		defer cancel()
	}
	sign := func(o *iam.Options) { o.Credentials = credentialsOf(c.session) }
	out, err := call(c.sdk, ctx, in, append(options, sign)...)
	var api smithy.APIError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return nil, err // perhaps after a response that was to be repeated
	case errors.As(err, &api):
		code, message := c.http.refused(api, err)
		if code == unknownError {
			return nil, errBadAnswer{message}
		}
		return nil, errors.Join(&smithy.GenericAPIError{Code: code, Message: message}, err)
	case err == nil && c.http.root == "":
		return nil, errBadAnswer{"not valid XML"} // which the SDK does not read for some actions
	case c.http.root != "" && c.http.root != action+"Response":
		return nil, errBadAnswer{"another document"}
	}
	return out, err
}

// explain returns the error of a failed action as a user reads it.
func (c *iamClient) explain(err error, action string) *diag.Error {
	e := &diag.Error{Profile: c.profile, Where: action, Err: err}
	e.Set(diag.Temporary, isTemporary(err))
	var api smithy.APIError
	if !errors.As(err, &api) {
		explainNoAnswer(e, err, "IAM", printable.Mask(c.url))
		return e
	}
	code, message := api.ErrorCode(), strings.TrimRight(api.ErrorMessage(), ". \n")
	if e.Has(diag.Temporary) {
		e.Err = errText("IAM is temporarily unavailable: " + code + ": " + message)
		return e
	}
	caller, rest, ok := cutDenial(message)
	if !ok {
		e.Set(diag.Denied, isDeniedCode(code))
		e.Err = errText(code + " for access key " + shownKeyID(c.session.AccessKeyID) + ": " + message)
		return e
	}
	e.Flags |= diag.Denied
	text := code + " for " + caller
	if strings.Contains(rest, "explicit deny") {
		text += " (explicit deny)"
	}
	e.Err = errText(text)
	e.Hint = "a policy of the user must allow iam:" + action
	if c.session.SessionToken == "" {
		e.Hint += "; if it requires MFA, set mfa_serial in [profile " + c.profile + "]"
	}
	return e
}
