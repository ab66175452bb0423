package doctor

import (
	"errors"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// mfaUnread finds an mfa_serial that is not in the role's own profile, where no tool reads it.
func mfaUnread(x *examination) (found []Finding) {
	for _, name := range x.config.names {
		p := x.config.sections[name]
		if p.Get("mfa_serial") == "" {
			continue
		}
		target, wired := profiles.Wired(p)
		switch {
		case wired:
			role := x.config.sections[target]
			if role.Get("mfa_serial") == "" && role.Get("role_arn") != "" {
				found = append(found, x.misplacedMFA(p,
					"mfa_serial is in the profile that tools use, not in that of the role", target))
			}
		case p.Get("role_arn") != "":
			found = append(found, x.mfaWithToken(p)...)
		case x.config.hasProcess(name): // the process uses it
		default:
			if roles := x.rolesWithoutMFA(name); len(roles) > 0 {
				found = append(found, x.misplacedMFA(p,
					"mfa_serial is in the source profile of "+join(roles)+", not in that of the role",
					roles...))
			}
		}
	}
	return found
}

// misplacedMFA reports an mfa_serial that belongs in other profiles.
func (x *examination) misplacedMFA(p profiles.Section, what string, in ...string) Finding {
	serial := strings.Join(strings.Fields(p.Get("mfa_serial")), " ")
	return Finding{
		Severity: Warning, Profile: p.Name, Where: x.config.place(p, "mfa_serial"), What: what,
		Why: "the AWS CLI, the SDKs and aws-credproc ignore it there: they send no MFA code, and if " +
			"the role's trust policy requires MFA, STS denies the call",
		Fix: write("add to [profile "+strings.Join(in, "] and [profile ")+"]", "mfa_serial = "+serial),
	}
}

// mfaWithToken reports an mfa_serial of a role that is assumed with a web identity token.
func (x *examination) mfaWithToken(p profiles.Section) (found []Finding) {
	for _, key := range []string{"web_identity_token_file", "web_identity_token_process"} {
		if p.Get(key) == "" {
			continue
		}
		found = append(found, Finding{
			Severity: Warning, Profile: p.Name, Where: x.config.place(p, "mfa_serial"),
			What: "mfa_serial and " + key + " are in the same profile",
			Why:  "AssumeRoleWithWebIdentity takes no MFA code, so mfa_serial has no effect",
			Fix:  "remove the line mfa_serial",
		})
	}
	return found
}

// rolesWithoutMFA returns the profiles of the roles that are assumed with a source and no MFA code.
func (x *examination) rolesWithoutMFA(source string) (roles []string) {
	for _, name := range x.config.names {
		c, ok := x.chains.byProfile[name]
		if !ok || len(c.Hops) == 0 || c.Source.Profile != source || c.Hops[0].MFASerial != "" {
			continue
		}
		role := c.Hops[0].Profile
		if !slices.Contains(roles, role) && !x.config.adds(role, "mfa_serial") {
			roles = append(roles, role)
		}
	}
	return roles
}

// mfaNoDevice finds roles that require an MFA device that their source cannot have.
func mfaNoDevice(x *examination) (found []Finding) {
	for _, name := range x.config.names {
		c, ok := x.chains.byProfile[name]
		if !ok {
			continue
		}
		role, err := x.opts.Resolver.CheckMFA(c)
		if profiles.CheckMFAARN(x.config.sections[role].Get("mfa_serial")) != nil {
			continue // badARN reports it
		}
		if e := (*diag.Error)(nil); errors.As(err, &e) {
			found = append(found, Finding{
				Severity: Error, Profile: role,
				Where: x.config.place(x.config.sections[role], "mfa_serial"),
				What:  e.What(),
				Why:   "no MFA code can be valid, so the role cannot be assumed",
				Fix:   e.Hint,
			})
		}
	}
	return found
}
