package cli

import (
	"cmp"
	"strings"

	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

// identity is the owner of the credentials of a session or profile, as tables show it.
type identity struct {
	account string // the account ID, "" if unknown
	role    string // the name of the role, or in parentheses what there is in its place
}

// linkIdentity returns the identity after a link of a chain.
func linkIdentity(p plan.Plan, n int) identity {
	l, source := p.Links[n], p.Chain.Source
	switch {
	case l.Role != nil:
		return roleIdentity(l.Role.RoleARN)
	case l.IsSessionToken():
		return identity{cmp.Or(plan.AccountOf(l.Device), source.AccountID), noRole(l.Type)}
	case source.Type == profiles.WebIdentity:
		return roleIdentity(source.RoleARN)
	case source.Type == profiles.SSO:
		return identity{source.SSOAccountID, source.SSORoleName}
	}
	return identity{source.AccountID, noRole(l.Type)}
}

// roleIdentity returns the account and the name in the ARN of a role, without the role's path.
func roleIdentity(arn string) identity {
	return identity{plan.AccountOf(arn), arn[strings.LastIndexByte(arn, '/')+1:]}
}

// noRole returns what a table shows in place of a role.
func noRole(kind string) string { return "(" + kindText(kind) + ")" }

// kindText returns the words for a source of credentials: a kind in list, or the type of a link.
func kindText(kind string) string {
	switch kind {
	case plan.TypeSessionToken:
		return "MFA session"
	case string(profiles.Static):
		return "access key"
	case string(profiles.Keyring):
		return "key in keyring"
	case string(profiles.Environment):
		return "environment"
	case string(profiles.EC2Metadata):
		return "EC2 instance"
	case string(profiles.ECSMetadata):
		return "container"
	case string(profiles.WebIdentity):
		return "web identity"
	case string(profiles.SSO):
		return "SSO"
	case string(profiles.Login):
		return "aws login"
	case string(profiles.Process):
		return "command"
	case profiles.KindNone:
		return "settings only"
	}
	return kind
}
