package credproc

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/middleware"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// stsClient calls STS for one chain, at the endpoint and with the connection settings of its
// profile and the environment.
type stsClient struct {
	options  sts.Options
	watch    func(*sts.Options) // an option of every SDK client
	endpoint plan.Endpoint
	now      func() time.Time
	warnf    func(string, ...any)
	http     *limitedClient
}

// with returns an SDK client that signs with a session's credentials.
func (c *stsClient) with(s cache.Session) *sts.Client {
	o := c.options
	o.Credentials = credentialsOf(s)
	return sts.New(o, c.watch)
}

// credentialsOf returns the provider of a session's credentials.
func credentialsOf(s cache.Session) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: s.AccessKeyID, SecretAccessKey: s.SecretAccessKey, SessionToken: s.SessionToken,
		}, nil
	})
}

// getSessionToken exchanges the keys of a user, and a code of their MFA device if there is one, for
// a session.
func (c *stsClient) getSessionToken(
	ctx context.Context, keys cache.Session, m profiles.MFA, code string,
) (cache.Session, error) {
	in := &sts.GetSessionTokenInput{DurationSeconds: seconds(m.Session)}
	if m.Serial != "" {
		in.SerialNumber, in.TokenCode = &m.Serial, &code
	}
	out, err := c.with(keys).GetSessionToken(ctx, in)
	if err != nil {
		return cache.Session{}, err
	}
	s, err := c.sessionOf(out.Credentials, out.ResultMetadata)
	s.AccountID = cmp.Or(keys.AccountID, plan.AccountOf(m.Serial))
	return s, err
}

// assumeRole assumes a role with the credentials of caller, and with an MFA code if that is not
// nil.
func (c *stsClient) assumeRole(
	ctx context.Context, caller cache.Session, h profiles.Hop, code *string,
) (cache.Session, error) {
	in := &sts.AssumeRoleInput{
		RoleArn: &h.RoleARN, RoleSessionName: aws.String(plan.SessionName(h.RoleSessionName)),
		TransitiveTagKeys: h.TransitiveTagKeys,
	}
	if h.ExternalID != "" {
		in.ExternalId = &h.ExternalID
	}
	if h.Duration != 0 {
		in.DurationSeconds = seconds(h.Duration)
	}
	if h.SourceIdentity != "" {
		in.SourceIdentity = &h.SourceIdentity
	}
	for _, t := range h.SessionTags {
		in.Tags = append(in.Tags, types.Tag{Key: &t.Key, Value: &t.Value})
	}
	in.Policy, in.PolicyArns = policyParams(h.Policy, h.PolicyARNs)
	if code != nil {
		in.SerialNumber, in.TokenCode = &h.MFASerial, code
	}
	out, err := c.with(caller).AssumeRole(ctx, in)
	if err != nil {
		return cache.Session{}, err
	}
	return c.roleSession(out.Credentials, out.AssumedRoleUser, h.RoleARN, out.ResultMetadata)
}

// assumeRoleWithWebIdentity assumes a source's role with a token. The call is not signed.
func (c *stsClient) assumeRoleWithWebIdentity(
	ctx context.Context, token string, s profiles.Source,
) (cache.Session, error) {
	in := &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &s.RoleARN, RoleSessionName: aws.String(plan.SessionName(s.RoleSessionName)),
		WebIdentityToken: &token,
	}
	in.Policy, in.PolicyArns = policyParams(s.Policy, s.PolicyARNs)
	out, err := sts.New(c.options, c.watch).AssumeRoleWithWebIdentity(ctx, in, func(o *sts.Options) {
		// STS also returns this error for a valid token until it has the provider's keys. The SDK's
		// web identity provider retries it too.
		invalid := (&types.InvalidIdentityTokenException{}).ErrorCode()
		o.Retryer = retry.AddWithErrorCodes(o.Retryer, invalid)
	})
	if err != nil {
		return cache.Session{}, err
	}
	return c.roleSession(out.Credentials, out.AssumedRoleUser, s.RoleARN, out.ResultMetadata)
}

func seconds(d time.Duration) *int32 { return aws.Int32(int32(d / time.Second)) }

// policyParams returns the session policies as parameters of a call.
func policyParams(
	policy string, arns []string,
) (text *string, list []types.PolicyDescriptorType) {
	if policy != "" {
		text = &policy
	}
	for _, arn := range arns {
		list = append(list, types.PolicyDescriptorType{Arn: &arn})
	}
	return text, list
}

// roleSession returns the session of a role in a response of STS. It returns an error for a session
// of another account.
func (c *stsClient) roleSession(
	credentials *types.Credentials, user *types.AssumedRoleUser, roleARN string,
	metadata middleware.Metadata,
) (cache.Session, error) {
	s, err := c.sessionOf(credentials, metadata)
	if err != nil || user == nil {
		return s, err
	}
	s.AccountID = plan.AccountOf(aws.ToString(user.Arn))
	want := plan.AccountOf(roleARN)
	if want != "" && s.AccountID != "" && s.AccountID != want {
		return cache.Session{}, errBadAnswer{
			"the session belongs to account " + s.AccountID + ", and the role to account " + want,
		}
	}
	return s, nil
}

// sessionOf returns the session in a response of STS. Issued is the time of STS's clock. It returns
// an error for a response that cannot be from STS; a proxy may have sent or changed it.
func (c *stsClient) sessionOf(
	credentials *types.Credentials, metadata middleware.Metadata,
) (cache.Session, error) {
	if credentials == nil {
		return cache.Session{}, errBadAnswer{"no credentials"}
	}
	s := cache.Session{
		AccessKeyID:     aws.ToString(credentials.AccessKeyId),
		SecretAccessKey: aws.ToString(credentials.SecretAccessKey),
		SessionToken:    aws.ToString(credentials.SessionToken),
		Issued:          c.now(), Expiration: aws.ToTime(credentials.Expiration),
	}
	// A Date header later than the expiration was set by a proxy.
	date, ok := awsmiddleware.GetServerTime(metadata)
	if ok && s.Expiration.After(date) {
		c.warnSkew(s.Issued.Sub(date))
		s.Issued = date
	}
	lifetime := s.Expiration.Sub(s.Issued)
	switch problem := malformed(s); {
	case problem != "":
		return cache.Session{}, errBadAnswer{problem}
	case s.SessionToken == "":
		return cache.Session{}, errBadAnswer{"no session token"}
	case lifetime <= 0:
		return cache.Session{}, errBadAnswer{"the session has already expired"}
	case lifetime > plan.MaxLifetime+plan.MaxSkew:
		return cache.Session{}, errBadAnswer{
			fmt.Sprintf("the session lasts %s, but AWS allows at most %s",
				tui.Span(lifetime), tui.Span(plan.MaxLifetime)),
		}
	}
	return s, nil
}

// warnSkew warns if this machine's clock is far from AWS's.
func (c *stsClient) warnSkew(ahead time.Duration) {
	if ahead.Abs() <= plan.MaxSkew {
		return
	}
	direction := "ahead of"
	if ahead < 0 {
		direction = "behind"
	}
	c.warnf("this machine's clock is %s %s AWS's: set it, since sessions expire by it",
		tui.Span(ahead.Abs()), direction)
}
