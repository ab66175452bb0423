package ststest

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// roleRequest holds the parameters of AssumeRole and AssumeRoleWithWebIdentity.
type roleRequest struct {
	roleARN, sessionName, sourceIdentity string

	duration   time.Duration // 0 if not set
	policy     string        // inline session policy
	policyARNs []string
	tags       map[string]string
	transitive []string // keys of tags
}

// roleRequest takes the parameters that both actions have.
func (c *call) roleRequest() *roleRequest {
	p := c.params
	return &roleRequest{
		roleARN:     p.required("RoleArn", roleARN),
		sessionName: p.required("RoleSessionName", sessionName),
		duration:    p.seconds(900, 43200),
		policy:      p.text("Policy", sessionPolicy),
		policyARNs:  p.list("PolicyArns", ".arn", 10, roleARN),
		tags:        map[string]string{},
	}
}

// newSession validates a request and returns the session that it asks for, without credentials.
func (c *call) newSession(req *roleRequest) (*session, *apiError) {
	if err := c.params.err(); err != nil {
		return nil, err
	}
	if _, err := parseARN(req.roleARN, "role"); err != nil {
		return nil, invalid(req.roleARN + " is invalid")
	}
	ses := &session{name: req.sessionName}
	if req.policy != "" {
		p, err := parsePolicy(req.policy)
		if err != nil {
			return nil, badRequest("MalformedPolicyDocument",
				"This policy contains a syntax error: "+err.Error())
		}
		ses.policy = append(ses.policy, p...)
	}
	for _, a := range req.policyARNs {
		p, ok := c.managed[a]
		if !ok {
			return nil, invalid("The specified policy " + a +
				" does not exist or is not attachable.")
		}
		ses.policy = append(ses.policy, p...)
	}
	return ses, nil
}

// assumeRole needs the permission of the caller's policy and of the role's trust policy.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (c *call) assumeRole() (*result, *apiError) {
	p := c.params
	req := c.roleRequest()
	external := p.text("ExternalId", externalID)
	serial, code := p.text("SerialNumber", serialNumber), p.text("TokenCode", tokenCode)
	req.sourceIdentity = p.text("SourceIdentity", sessionName)
	keys, values := p.list("Tags", ".Key", 50, tagKey), p.list("Tags", ".Value", 50, tagValue)
	req.transitive = p.list("TransitiveTagKeys", "", 50, tagKey)
	if len(keys) != len(values) {
		p.reject("null", "Tags", "Member must have a key and a value each")
	}
	ses, err := c.newSession(req)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(strings.ToLower(req.sourceIdentity), "aws:") {
		return nil, invalid("SourceIdentity must not begin with aws:")
	}
	// This includes a role assumed with a GetSessionToken session.
	if c.caller.session != nil && req.duration > time.Hour {
		return nil, invalid("The requested DurationSeconds exceeds the 1 hour session limit for " +
			"roles assumed by role chaining")
	}
	if err := req.setTags(keys, values); err != nil {
		return nil, err
	}

	ctx := c.caller.context(c.now)
	if external != "" {
		ctx[keyExternalID] = external
	}
	if serial != "" || code != "" {
		if err := c.checkMFA(serial, code); err != nil {
			return nil, err
		}
		setMFA(ctx, 0)
	}
	if err := c.caller.inherit(req); err != nil {
		return nil, err
	}
	if err := c.authorize(req, ctx); err != nil {
		return nil, err
	}
	return c.assume(req, ses)
}

// setTags sets the session tags. Tag keys are not case-sensitive.
func (req *roleRequest) setTags(keys, values []string) *apiError {
	seen := make(map[string]bool, len(keys))
	for i, k := range keys {
		lower := strings.ToLower(k)
		if strings.HasPrefix(lower, "aws:") {
			return badRequest("InvalidParameterValue", "Tag keys that begin with aws: are reserved.")
		}
		if seen[lower] {
			return badRequest("InvalidParameterValue",
				"Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[lower] = true
		req.tags[k] = values[i]
	}
	for _, k := range req.transitive {
		if !seen[strings.ToLower(k)] {
			return badRequest("InvalidParameterValue",
				"The specified transitive tag key must be included in the requested tags.")
		}
	}
	return nil
}

// authorize checks the permissions for AssumeRole. A role that does not exist is denied.
func (c *call) authorize(req *roleRequest, ctx map[string]string) *apiError {
	actions := []string{"sts:AssumeRole"}
	if len(req.tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if req.sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	r := c.roles[req.roleARN]
	for _, action := range actions {
		a := &access{
			action: action, resource: req.roleARN, principals: c.caller.principal(), context: ctx,
		}
		if r == nil || !c.caller.may(a) || !r.trust.allows(a) {
			return unauthorized(c.caller, action, req.roleARN)
		}
	}
	return nil
}

func unauthorized(c *caller, action, resource string) *apiError {
	return denied("User: " + c.arn() + " is not authorized to perform: " + action +
		" on resource: " + resource)
}

// assume issues the session of an authorized request.
func (c *call) assume(req *roleRequest, ses *session) (*result, *apiError) {
	r := c.roles[req.roleARN]
	if req.duration > r.max {
		return nil, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for " +
			"this role.")
	}
	percent := req.packedSize()
	if percent > 100 {
		return nil, badRequest("PackedPolicyTooLarge", fmt.Sprintf(
			"Packed size of policy and tags consumes %d%% of the allotted space.", percent))
	}
	ses.role, ses.sourceIdentity = r, req.sourceIdentity
	ses.tags, ses.transitive = req.tags, req.transitive
	return &result{
		Credentials: c.issue(ses, cmp.Or(req.duration, time.Hour)),
		AssumedRoleUser: &assumedRoleUser{
			ARN: r.sessionARN(ses.name), ID: r.id + ":" + ses.name,
		},
		PackedPolicySize: percent,
		SourceIdentity:   req.sourceIdentity,
	}, nil
}

// packedSize returns the size of policies and tags as a percentage of the limit. The size of
// AWS's binary format is not published; this is of the same order.
func (req *roleRequest) packedSize() int {
	const limit = 4096
	size := len(req.policy) + len(strings.Join(req.policyARNs, ""))
	for k, v := range req.tags {
		size += len(k) + len(v)
	}
	return (size*100 + limit - 1) / limit
}
