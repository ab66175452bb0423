package plan

import (
	"time"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// The types of links after the source, in the output of explain and status.
const (
	TypeSessionToken = "session_token"
	TypeAssumeRole   = "assume_role"
)

// ChainVariable is the environment variable with the profiles that led to a command, separated by
// spaces.
const ChainVariable = "_AWS_CREDPROC_PROFILE_CHAIN"

// Link is one step of a chain. Link 0 is the source. The next one may be the session that the code
// of the user's MFA device is exchanged for. Each further one is a role.
type Link struct {
	Type    string
	Profile string        // the profile that configures it
	Role    *profiles.Hop // set if Type is TypeAssumeRole
	Device  string        // the MFA device, if Type is TypeSessionToken and a code is sent

	key cache.Key
}

// IsSessionToken reports whether the link is a GetSessionToken call.
func (l Link) IsSessionToken() bool { return l.Type == TypeSessionToken }

// String returns the name of the step in messages.
func (l Link) String() string {
	switch {
	case l.Role != nil:
		return "AssumeRole " + l.Role.RoleARN
	case l.Device != "":
		return "GetSessionToken with MFA device " + l.Device
	case l.IsSessionToken():
		return "GetSessionToken"
	}
	return "profile " + l.Profile
}

// linksOf returns the links of a chain, without their keys.
func linksOf(c profiles.Chain, getenv func(string) string) []Link {
	links := []Link{{Type: string(c.Source.Type), Profile: c.Source.Profile}}
	if hasSessionToken(c, getenv) {
		links = append(links, Link{
			Type: TypeSessionToken, Profile: c.Source.Profile, Device: c.MFA.Serial,
		})
	}
	for i := range c.Hops {
		links = append(links, Link{Type: TypeAssumeRole, Profile: c.Hops[i].Profile, Role: &c.Hops[i]})
	}
	return links
}

// hasSessionToken reports whether long-term keys are exchanged for a session, and with them the code
// of the chain's MFA device. The session serves every role of the user. A role that is assumed with
// such a session lasts at most an hour; for a longer one, the code goes to AssumeRole. Whether a
// command prints long-term keys is not known before it runs.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
func hasSessionToken(c profiles.Chain, getenv func(string) string) bool {
	if c.MFA.Session == 0 {
		return false
	}
	if len(c.Hops) > 0 && c.Hops[0].Duration > time.Hour {
		return false
	}
	switch c.Source.Type {
	case profiles.Static, profiles.Keyring:
		return c.Source.SessionToken == ""
	case profiles.Environment:
		return getenv("AWS_SESSION_TOKEN") == ""
	case profiles.Process:
		return true
	}
	return false
}
