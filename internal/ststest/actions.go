package ststest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// getCallerIdentity needs no permission.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Server) getCallerIdentity(c *caller, p *params) (any, *apiError) {
	if err := p.err(); err != nil {
		return nil, err
	}
	return &getCallerIdentityResult{
		XMLName: resultName("GetCallerIdentity"), ARN: c.arn(), UserID: c.userID(), Account: c.account(),
	}, nil
}

// getSessionToken needs no permission, but the long-term keys of an IAM user.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
func (s *Server) getSessionToken(c *caller, p *params, now time.Time, f Fault) (any, *apiError) {
	duration := p.seconds(900, 129600)
	serial, code := p.text("SerialNumber", serialNumber), p.text("TokenCode", tokenCode)
	if err := p.err(); err != nil {
		return nil, err
	}
	if c.session != nil {
		return nil, denied("Cannot call GetSessionToken with session credentials")
	}
	ses := &session{user: c.user}
	if serial != "" || code != "" {
		if err := s.checkMFA(c, serial, code, now); err != nil {
			return nil, err
		}
		ses.mfa = now
	}
	lifetime := time.Duration(orDefault(duration, 43200)) * time.Second
	return &getSessionTokenResult{XMLName: resultName("GetSessionToken"), Credentials: s.issue(ses, now, lifetime, f)}, nil
}

// checkMFA verifies a token code and uses it up. The device has to be the IAM user's own.
func (s *Server) checkMFA(c *caller, serial, code string, now time.Time) *apiError {
	if serial == "" || code == "" {
		return denied("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. ")
	}
	d, ok := s.devices[serial]
	if !ok || c.user == nil || d.owner != c.user {
		return denied("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user. ")
	}
	if !d.use(code, now) {
		return denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	return nil
}

// assumeRoleRequest is what AssumeRole and AssumeRoleWithWebIdentity have in common.
type assumeRoleRequest struct {
	roleARN, sessionName, sourceIdentity string

	duration   time.Duration // 0: not given
	policies   []*document   // nil: none given
	packed     int           // bytes of policies and tags
	tags       map[string]string
	transitive []string // of these tags
}

// assumeRoleParams takes the common parameters but the tags. The session policies are resolved by [Server.sessionPolicies].
func assumeRoleParams(p *params) (req assumeRoleRequest, policy string, arns []string) {
	req.roleARN = p.required("RoleArn", roleARN)
	req.sessionName = p.required("RoleSessionName", sessionName)
	req.duration = time.Duration(p.seconds(900, 43200)) * time.Second
	policy = p.text("Policy", sessionPolicy)
	arns = p.list("PolicyArns", ".arn", 10, roleARN)
	return req, policy, arns
}

// sessionPolicies reads the policies that are to bound the session.
func (s *Server) sessionPolicies(req *assumeRoleRequest, policy string, arns []string) *apiError {
	req.packed += len(policy) + len(strings.Join(arns, ""))
	if policy != "" {
		doc, err := parsePolicy(policy, identityPolicy)
		if err != nil {
			return fail(http.StatusBadRequest, "MalformedPolicyDocument", "This policy contains a syntax error: "+err.Error())
		}
		req.policies = append(req.policies, doc)
	}
	for _, a := range arns {
		doc, ok := s.managed[a]
		if !ok {
			return invalid("The specified policy " + a + " does not exist or is not attachable.")
		}
		req.policies = append(req.policies, doc)
	}
	return nil
}

// tagsOf reads the session tags into the request.
func tagsOf(req *assumeRoleRequest, keys, values, transitive []string) *apiError {
	req.tags = make(map[string]string, len(keys))
	seen := make(map[string]bool, len(keys)) // keys differ by more than case
	for i, k := range keys {
		lower := strings.ToLower(k)
		if strings.HasPrefix(lower, "aws:") {
			return fail(http.StatusBadRequest, "InvalidParameterValue", "Tag keys that begin with aws: are reserved.")
		}
		if seen[lower] {
			return fail(http.StatusBadRequest, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[lower] = true
		req.tags[k] = values[i]
		req.packed += len(k) + len(values[i])
	}
	for _, k := range transitive {
		if !seen[strings.ToLower(k)] {
			return fail(http.StatusBadRequest, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.")
		}
	}
	req.transitive = transitive
	return nil
}

// assumeRole needs the leave of two documents, the caller's policy and the role's trust policy.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
func (s *Server) assumeRole(c *caller, p *params, now time.Time, f Fault) (any, *apiError) {
	req, policy, arns := assumeRoleParams(p)
	external := p.text("ExternalId", externalID)
	serial, code := p.text("SerialNumber", serialNumber), p.text("TokenCode", tokenCode)
	req.sourceIdentity = p.text("SourceIdentity", sessionName)
	tagKeys, tagValues := p.list("Tags", ".Key", 50, tagKey), p.list("Tags", ".Value", 50, tagValue)
	transitive := p.list("TransitiveTagKeys", "", 50, tagKey)
	if len(tagKeys) != len(tagValues) {
		p.reject("null", "Tags", "Member must have a key and a value each")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if a, err := parseARN(req.roleARN); err != nil || a.service != "iam" || a.kind() != "role" {
		return nil, invalid(req.roleARN + " is invalid")
	}
	if strings.HasPrefix(strings.ToLower(req.sourceIdentity), "aws:") {
		return nil, invalid("SourceIdentity must not begin with aws:")
	}
	// A role session is chained, and so is a role that comes of a GetSessionToken session.
	if c.session != nil && req.duration > time.Hour {
		return nil, invalid("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	}
	if err := s.sessionPolicies(&req, policy, arns); err != nil {
		return nil, err
	}
	if err := tagsOf(&req, tagKeys, tagValues, transitive); err != nil {
		return nil, err
	}

	ctx := c.context(now)
	if serial != "" || code != "" {
		if err := s.checkMFA(c, serial, code, now); err != nil {
			return nil, err
		}
		ctx.setMFA(0)
	}
	ctx["sts:rolesessionname"] = []string{req.sessionName}
	if external != "" {
		ctx["sts:externalid"] = []string{external}
	}
	ctx.setTags(req.tags, req.transitive)
	if err := c.inherit(&req); err != nil {
		return nil, err
	}
	if req.sourceIdentity != "" {
		ctx["sts:sourceidentity"] = []string{req.sourceIdentity}
	}

	// A role that does not exist is denied like one that may not be assumed.
	r := s.roles[req.roleARN]
	ctx.setResource(r)
	for _, action := range req.actions() {
		a := &access{action: action, resource: req.roleARN, context: ctx, principals: []principal{
			{"AWS", c.arn()}, {"AWS", c.principalARN()}, {"AWS", c.account()},
		}}
		if r == nil || !c.may(a) || !allowed([]*document{r.trust}, a) {
			return nil, denied("User: " + c.arn() + " is not authorized to perform: " + action + " on resource: " + req.roleARN)
		}
	}
	return s.sessionOf(r, req, "AssumeRole", now, f)
}

// may evaluates the caller's own policies, and the session policies that bound them.
func (c *caller) may(a *access) bool {
	return allowed(c.policies(), a) && (c.session == nil || c.session.policies == nil || allowed(c.session.policies, a))
}

// inherit adds what a session hands on to the next: its transitive tags and its source identity.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining
func (c *caller) inherit(req *assumeRoleRequest) *apiError {
	if c.session == nil {
		return nil
	}
	if old := c.session.sourceIdentity; old != "" {
		if req.sourceIdentity != "" && req.sourceIdentity != old {
			return denied("User: " + c.arn() + " is not authorized to perform: sts:SetSourceIdentity on resource: " + req.roleARN)
		}
		req.sourceIdentity = old
	}
	for _, key := range c.session.transitive {
		for k := range req.tags {
			if strings.EqualFold(k, key) {
				return fail(http.StatusBadRequest, "InvalidParameterValue",
					"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
			}
		}
	}
	for k, v := range c.session.tags {
		if slices.ContainsFunc(c.session.transitive, func(t string) bool { return strings.EqualFold(t, k) }) {
			req.tags[k] = v
			req.transitive = append(req.transitive, k)
		}
	}
	return nil
}

// actions are the permissions that a request needs. Inherited tags and source identities need theirs as well.
func (req *assumeRoleRequest) actions() []string {
	out := []string{"sts:AssumeRole"}
	if len(req.tags) > 0 {
		out = append(out, "sts:TagSession")
	}
	if req.sourceIdentity != "" {
		out = append(out, "sts:SetSourceIdentity")
	}
	return out
}

func (ctx conditionContext) setTags(tags map[string]string, transitive []string) {
	if len(tags) == 0 {
		return
	}
	for k, v := range tags {
		ctx["aws:requesttag/"+strings.ToLower(k)] = []string{v}
	}
	ctx["aws:tagkeys"] = slices.Sorted(maps.Keys(tags))
	if len(transitive) > 0 {
		ctx["sts:transitivetagkeys"] = slices.Sorted(slices.Values(transitive))
	}
}

func (ctx conditionContext) setResource(r *role) {
	if r == nil {
		return
	}
	for k, v := range r.tags {
		ctx["aws:resourcetag/"+strings.ToLower(k)] = []string{v}
	}
}

// sessionOf makes a session of a role that has been allowed.
func (s *Server) sessionOf(r *role, req assumeRoleRequest, action string, now time.Time, f Fault) (*assumeRoleResult, *apiError) {
	if req.duration > r.max {
		return nil, invalid("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	lifetime := req.duration
	if lifetime == 0 {
		lifetime = time.Hour
	}
	// AWS packs policies and tags into a binary form of unpublished size; this is of the same order.
	const packedLimit = 4096
	percent := (req.packed*100 + packedLimit - 1) / packedLimit
	if percent > 100 {
		return nil, fail(http.StatusBadRequest, "PackedPolicyTooLarge", "Packed size of policy and tags consumes "+itoa(percent)+"% of the allotted space.")
	}
	creds := s.issue(&session{
		role: r, name: req.sessionName, policies: req.policies, tags: req.tags, transitive: req.transitive, sourceIdentity: req.sourceIdentity,
	}, now, lifetime, f)
	return &assumeRoleResult{
		XMLName:          resultName(action),
		AssumedRoleUser:  &xmlAssumedRoleUser{ARN: r.sessionARN(req.sessionName), ID: r.id + ":" + req.sessionName},
		Credentials:      creds,
		PackedPolicySize: percent,
		SourceIdentity:   req.sourceIdentity,
	}, nil
}

func denied(message string) *apiError { return fail(http.StatusForbidden, "AccessDenied", message) }
