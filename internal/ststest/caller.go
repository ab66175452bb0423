package ststest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// caller is the principal that signed a request.
type caller struct {
	user    *user    // nil for a role session
	role    *role    // nil for a user
	session *session // nil for long-term keys
}

func (c *caller) account() string {
	if c.role != nil {
		return c.role.arn.account
	}
	return c.user.arn.account
}

// arn returns the ARN of the user or of the role session.
func (c *caller) arn() string {
	if c.role != nil {
		return c.role.sessionARN(c.session.name)
	}
	return c.user.arn.String()
}

func (c *caller) userID() string {
	if c.role != nil {
		return c.role.id + ":" + c.session.name
	}
	return c.user.id
}

// principal returns all forms in which a trust policy may name the caller.
func (c *caller) principal() Principal {
	if c.role != nil {
		return Principal{"AWS": {c.arn(), c.role.arn.String(), c.account()}}
	}
	return Principal{"AWS": {c.arn(), c.account()}}
}

// may reports whether the caller's policies allow the access.
func (c *caller) may(a *access) bool {
	if c.session != nil && c.session.policy != nil && !c.session.policy.allows(a) {
		return false
	}
	if c.role != nil {
		return c.role.policy.allows(a)
	}
	return c.user.policy.allows(a)
}

// context returns the condition keys of the caller.
func (c *caller) context(now time.Time) map[string]string {
	ctx := map[string]string{}
	switch {
	case c.session == nil: // with long-term keys the MFA keys are absent
	case c.session.mfa.IsZero():
		ctx[keyMFAPresent] = "false"
	default:
		setMFA(ctx, now.Sub(c.session.mfa))
	}
	return ctx
}

func setMFA(ctx map[string]string, age time.Duration) {
	ctx[keyMFAPresent] = "true"
	ctx[keyMFAAge] = strconv.Itoa(int(age / time.Second))
}

// inherit adds the caller's source identity and transitive tags to a request. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html (role chaining).
func (c *caller) inherit(req *roleRequest) *apiError {
	if c.session == nil {
		return nil
	}
	if old := c.session.sourceIdentity; old != "" {
		if req.sourceIdentity != "" && req.sourceIdentity != old {
			return unauthorized(c, "sts:SetSourceIdentity", req.roleARN)
		}
		req.sourceIdentity = old
	}
	isTransitive := func(key string) bool {
		return slices.ContainsFunc(c.session.transitive, func(t string) bool {
			return strings.EqualFold(t, key)
		})
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(req.tags)), isTransitive) {
		return badRequest("InvalidParameterValue", "One of the specified transitive tag keys can't "+
			"be set because it conflicts with a transitive tag key from the calling session.")
	}
	for k, v := range c.session.tags {
		if isTransitive(k) {
			req.tags[k] = v
			req.transitive = append(req.transitive, k)
		}
	}
	return nil
}
