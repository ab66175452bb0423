package ststest

import (
	"cmp"
	"fmt"
	"net/http"
	"time"
)

// call is one execution of an action.
type call struct {
	*iam
	caller *caller
	params *params
	now    time.Time
	skew   time.Duration
	fault  Fault
}

// run authenticates a request and executes its action.
func (c *call) run(r *http.Request, body []byte, action, version string) (*result, *apiError) {
	if action == "" {
		return nil, badRequest("MissingAction", "Missing Action")
	}
	unknown := badRequest("InvalidAction",
		fmt.Sprintf("Could not find operation %s for version %s", action, version))
	if do := iamAction(action); do != nil && version == iamVersion {
		if err := c.authenticateIAM(r, body); err != nil {
			return nil, err
		}
		return do(c)
	}
	if version != apiVersion {
		return nil, unknown
	}
	// AssumeRoleWithWebIdentity is unsigned, but a signature that is present must be valid.
	if action != "AssumeRoleWithWebIdentity" || r.Header.Get("Authorization") != "" {
		if err := c.authenticate(r, body, "sts"); err != nil {
			return nil, err
		}
	}
	switch action {
	case "AssumeRole":
		return c.assumeRole()
	case "AssumeRoleWithWebIdentity":
		return c.assumeRoleWithWebIdentity()
	case "GetSessionToken":
		return c.getSessionToken()
	case "GetCallerIdentity":
		return c.getCallerIdentity()
	}
	return nil, unknown
}

// getCallerIdentity needs no permission.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (c *call) getCallerIdentity() (*result, *apiError) {
	if err := c.params.err(); err != nil {
		return nil, err
	}
	return &result{
		ARN: c.caller.arn(), UserID: c.caller.userID(), Account: c.caller.account(),
	}, nil
}

// getSessionToken needs the long-term keys of a user and no permission.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
func (c *call) getSessionToken() (*result, *apiError) {
	p := c.params
	duration := p.seconds(900, 129600)
	serial, code := p.text("SerialNumber", serialNumber), p.text("TokenCode", tokenCode)
	if err := p.err(); err != nil {
		return nil, err
	}
	if c.caller.session != nil {
		return nil, denied("Cannot call GetSessionToken with session credentials")
	}
	ses := &session{user: c.caller.user}
	if serial != "" || code != "" {
		if err := c.checkMFA(serial, code); err != nil {
			return nil, err
		}
		ses.mfa = c.now
	}
	return &result{Credentials: c.issue(ses, cmp.Or(duration, 12*time.Hour))}, nil
}

// checkMFA verifies an MFA code and marks it as used. The device must belong to the caller.
func (c *call) checkMFA(serial, code string) *apiError {
	if serial == "" || code == "" {
		return denied("MultiFactorAuthentication failed, must provide both MFA serial number and " +
			"one time pass code. ")
	}
	d, ok := c.devices[serial]
	if !ok || c.caller.user == nil || d.owner != c.caller.user {
		return denied("MultiFactorAuthentication failed, unable to validate MFA code.  Please " +
			"verify your MFA serial number is valid and associated with this user. ")
	}
	if !d.accept(code, c.now) {
		return denied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
	}
	return nil
}

// issue stores a session and returns its credentials.
func (c *call) issue(ses *session, lifetime time.Duration) *credentials {
	size := 356
	switch c.fault.Kind {
	case LongToken:
		size = cmp.Or(c.fault.Size, size)
	case Expired:
		lifetime = -cmp.Or(c.fault.By, time.Minute)
	}
	id := newID("ASIA")
	ses.secret, ses.token = randomBase64(40), randomBase64(size)
	ses.expires = c.now.Truncate(time.Second).Add(lifetime)
	c.sessions[id] = ses
	return &credentials{
		AccessKeyID: id, SecretAccessKey: ses.secret, SessionToken: ses.token,
		Expiration: ses.expires.UTC().Format(timeFormat),
	}
}
