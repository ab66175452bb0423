// Package plan describes how to obtain the credentials of a profile: the steps of its chain, the
// cache key of the session after each step, and the STS endpoint. It also holds the rules that need
// nothing else: lifetimes, the default session name, IAM policies, and the JSON that is printed.
//
// The package uses no AWS SDK and no network. It reads the session policies that a chain names.
package plan

import (
	"cmp"
	"fmt"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/profiles"
)

// MaxTextFile is the size limit, in bytes, of a file that holds a token or a policy.
const MaxTextFile = 64 << 10

// Plan describes how to obtain the credentials of a profile. It is not modified after [New].
type Plan struct {
	Chain    profiles.Chain // file:// session policies are replaced by their content
	Links    []Link         // at least one: the source
	Endpoint Endpoint
	Services []Service // with a configured endpoint, other than STS
}

// New returns the plan for a chain. It reads the environment with getenv and the session policies
// that the chain names. The error is a [*diag.Error].
func New(c profiles.Chain, getenv func(string) string) (Plan, error) {
	e, err := EndpointOf(c, getenv)
	switch {
	case err != nil && needsRegion(c):
		return Plan{}, err
	case err != nil: // a mistake in a setting that this chain does not use
		e = Endpoint{Region: DefaultRegion(Partition(c))}
	}
	if err := checkDurations(c, e); err != nil {
		return Plan{}, err
	}
	if c, err = withPolicyText(c); err != nil {
		return Plan{}, err
	}
	services, err := servicesOf(c, getenv)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Chain: c, Links: linksOf(c, getenv), Endpoint: e, Services: services}
	p.setKeys(getenv)
	return p, nil
}

// needsRegion reports whether a call depends on the region or endpoint of the selected profile: one
// of STS, or of the sign-in service.
func needsRegion(c profiles.Chain) bool {
	return len(c.Hops) > 0 || c.MFA != (profiles.MFA{}) ||
		c.Source.Type == profiles.WebIdentity || c.Source.Type == profiles.Login
}

// checkDurations returns an error if STS would refuse the duration of a role's session because
// another role assumes it. Only AWS is known to refuse it, not a configured endpoint.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
func checkDurations(c profiles.Chain, e Endpoint) error {
	hop := c.TooLong()
	if hop == nil || e.URL != "" {
		return nil
	}
	return &diag.Error{
		Profile: hop.Profile,
		Setting: "duration_seconds",
		Problem: fmt.Sprintf("the duration is %d seconds, and AWS allows %d for a role that another "+
			"role assumes", int(hop.Duration.Seconds()), int(profiles.MaxChainedDuration.Seconds())),
		Hint: "use a duration_seconds or --duration of an hour or less",
	}
}

// Last returns the index of the last link, whose session is the result.
func (p Plan) Last() int { return len(p.Links) - 1 }

// IsCached reports whether the session after link n is cached. All are, except those of a source
// without an expiration.
func (p Plan) IsCached(n int) bool { return n > 0 || p.Chain.Source.IsTemporary() }

// Key returns the cache key of the session after link n.
func (p Plan) Key(n int) cache.Key { return p.Links[n].key }

// Account returns the account that the session after link n must belong to: that of the role, of
// the SSO role, or of the sign-in. It returns "" if that is not known beforehand.
func (p Plan) Account(n int) string {
	if l := p.Links[n]; l.Role != nil {
		return AccountOf(l.Role.RoleARN)
	}
	if n > 0 {
		return ""
	}
	s := p.Chain.Source
	switch s.Type {
	case profiles.WebIdentity:
		return AccountOf(s.RoleARN)
	case profiles.SSO:
		return s.SSOAccountID
	case profiles.Login:
		return AccountOf(s.LoginSession)
	}
	return ""
}

// CheckAccount returns an error if a session belongs to another account than [Plan.Account]. A
// session whose account is not known is accepted: some stand-ins for STS return none.
func (p Plan) CheckAccount(n int, s cache.Session) error {
	want := p.Account(n)
	if want == "" || s.AccountID == "" || s.AccountID == want {
		return nil
	}
	got := "another account"
	if isAccount(s.AccountID) {
		got = "account " + s.AccountID
	}
	return fmt.Errorf("the session belongs to %s, not to account %s", got, want)
}

// Facts returns the facts about the session after link n that are known before it exists.
func (p Plan) Facts(n int) cache.Facts {
	l := p.Links[n]
	f := cache.Facts{Profile: l.Profile, Type: l.Type, Source: p.Links[max(n-1, 0)].Profile}
	switch {
	case l.Role != nil:
		f.RoleARN = l.Role.RoleARN
	case n == 0:
		f.RoleARN = p.Chain.Source.RoleARN
	}
	return f
}

// Partition returns the partition of the chain's last role, or else of its MFA device. The default
// is "aws".
func Partition(c profiles.Chain) string {
	arn := cmp.Or(c.Source.RoleARN, c.MFA.Serial)
	if n := len(c.Hops); n > 0 {
		arn = c.Hops[n-1].RoleARN
	}
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}

// AccountOf returns the account ID in an ARN, and "" if it has none.
func AccountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || !isAccount(parts[4]) {
		return ""
	}
	return parts[4]
}

func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

// withPolicyText returns the chain with the content of each file:// session policy. This is what
// STS receives, and what the cache key depends on.
func withPolicyText(c profiles.Chain) (profiles.Chain, error) {
	var err error
	if c.Source.Policy, err = policyText(c, c.Source.Profile, c.Source.Policy); err != nil {
		return profiles.Chain{}, err
	}
	hops := make([]profiles.Hop, len(c.Hops))
	for i, h := range c.Hops {
		if h.Policy, err = policyText(c, h.Profile, h.Policy); err != nil {
			return profiles.Chain{}, err
		}
		hops[i] = h
	}
	c.Hops = hops
	return c, nil
}

// policyText returns the session policy of a profile of the chain.
func policyText(c profiles.Chain, profile, policy string) (string, error) {
	path, isFile := profiles.PolicyFile(policy)
	if !isFile {
		return policy, nil
	}
	fail := func(err error) (string, error) {
		return "", &diag.Error{
			Profile: c.Profile.Name, Where: "policy of profile " + profile, Err: err,
			Hint: "correct policy in [profile " + profile + "], or the file",
		}
	}
	b, err := files.Read(path, MaxTextFile)
	if err != nil {
		return fail(err)
	}
	text := strings.TrimSpace(string(b))
	if err := profiles.CheckPolicy(text); err != nil {
		return fail(fmt.Errorf("%s %w", path, err))
	}
	return text, nil
}
