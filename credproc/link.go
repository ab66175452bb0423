package credproc

import (
	"time"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// The types of a chain's links after its source, in an [Explanation] and in `status`.
const (
	TypeSessionToken = "session_token"
	TypeAssumeRole   = "assume_role"
)

// link is one step of a chain on its way to credentials: link 0 is the source; where the source's user has an MFA device,
// the next one may be the session that its code is turned into; each further one is a role.
type link struct {
	typ     string
	profile string        // in which it is written
	role    *profiles.Hop // of an assume_role
}

// linksOf gives the links of a chain, one at least.
func linksOf(c profiles.Chain, getenv func(string) string) []link {
	links := []link{{typ: string(c.Source.Type), profile: c.Source.Profile}}
	if hasSessionToken(c, getenv) {
		links = append(links, link{typ: TypeSessionToken, profile: c.Source.Profile})
	}
	for i := range c.Hops {
		links = append(links, link{typ: TypeAssumeRole, profile: c.Hops[i].Profile, role: &c.Hops[i]})
	}
	return links
}

// hasSessionToken reports whether the code of a chain's MFA device is turned into a session that serves every role. AWS
// gives one only for a user's long-term keys, and a role that is assumed from it an hour at most; else the code goes to
// AssumeRole. Whose keys a command prints is known only when it has run.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
func hasSessionToken(c profiles.Chain, getenv func(string) string) bool {
	if c.MFA.Serial == "" || c.MFA.Session == 0 || len(c.Hops) > 0 && c.Hops[0].Duration > time.Hour {
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

// name says what link n is, for messages.
func (w *way) name(n int) string {
	switch l := w.links[n]; {
	case l.role != nil:
		return "assume role " + l.role.RoleARN
	case l.typ == TypeSessionToken:
		return "get a session for the MFA device " + w.chain.MFA.Serial
	default:
		return "get the credentials of profile " + l.profile
	}
}

// facts says what the session after link n is, for `status`.
func (w *way) facts(n int) cache.Facts {
	l := w.links[n]
	f := cache.Facts{Profile: l.profile, Type: l.typ, Source: w.links[max(n-1, 0)].profile}
	switch {
	case l.role != nil:
		f.RoleARN = l.role.RoleARN
	case n == 0:
		f.RoleARN = w.chain.Source.RoleARN
	}
	return f
}
