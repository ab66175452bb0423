package plan

import (
	"errors"
	"fmt"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// CheckMFA returns the first profile whose mfa_serial can never work, and why: a [*diag.Error].
func CheckMFA(c profiles.Chain, getenv func(string) string) (profile string, err error) {
	p := Plan{Chain: c, Links: linksOf(c, getenv)}
	for n := range p.Links {
		if err := p.CheckMFA(n); err != nil {
			_, profile = p.device(n)
			return profile, err
		}
	}
	return "", nil
}

// device returns the MFA device of link n, "" if it has none, and the profile that configures it.
func (p Plan) device(n int) (serial, profile string) {
	l := p.Links[n]
	switch {
	case l.Role != nil:
		return l.Role.MFASerial, l.Profile
	case len(p.Chain.Hops) > 0:
		return l.Device, p.Chain.Hops[0].Profile
	}
	return l.Device, p.Chain.Profile.Name
}

// CheckMFA returns a [*diag.Error] if link n has an MFA device that can never work. A security key
// (FIDO) has no codes. Only an IAM user has MFA devices: a role, an SSO user and a machine have none.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_sample-code.html
func (p Plan) CheckMFA(n int) error {
	serial, profile := p.device(n)
	if serial == "" {
		return nil
	}
	e := &diag.Error{
		Profile: p.Chain.Profile.Name, Where: p.Links[n].String(),
		Hint: "remove mfa_serial from [profile " + profile + "], " +
			"or use an IAM user's keys as the source",
		Flags: diag.Local,
	}
	if source := sourceWithoutMFA(p, n); source != "" {
		e.Err = fmt.Errorf("mfa_serial is set, but profile %s has the credentials of %s, "+
			"and only IAM users have MFA devices", p.Links[n-1].Profile, source)
		return e
	}
	if IsSecurityKey(serial) {
		e.Where = "" // it may have the same ARN
		e.Err = errors.New("MFA device " + serial + " is a security key, which has no codes")
		e.Hint = "set mfa_serial in [profile " + profile + "] to an authenticator app (arn:...:mfa/NAME); " +
			"an IAM user can have up to 8 devices"
		return e
	}
	return nil
}

// IsSecurityKey reports whether an MFA device is a FIDO security key.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_enable_fido.html
func IsSecurityKey(serial string) bool { return strings.Contains(serial, ":u2f/") }

// sourceWithoutMFA returns what the role of link n is assumed with if that has no MFA devices, and
// "" otherwise.
func sourceWithoutMFA(p Plan, n int) string {
	if p.Links[n].Role == nil {
		return ""
	}
	switch profiles.SourceType(p.Links[n-1].Type) {
	case TypeAssumeRole, profiles.WebIdentity:
		return "a role"
	case profiles.SSO:
		return "SSO"
	case profiles.EC2Metadata, profiles.ECSMetadata:
		return "an instance or container"
	}
	return ""
}
