package doctor

import (
	"fmt"

	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

// hasEndpoint reports whether the chain's calls go to a configured endpoint of STS, which may
// accept what AWS refuses.
func (x *examination) hasEndpoint(c profiles.Chain) bool {
	e, err := plan.EndpointOf(c, x.opts.Resolver.Getenv)
	return err == nil && e.URL != ""
}

// noSuchProfile finds that the selected profile does not exist.
func noSuchProfile(x *examination) []Finding {
	return x.faultsOf(checkNoSuchProfile, "there are no credentials to get")
}

// missingSource finds roles without credentials to assume them with.
func missingSource(x *examination) []Finding {
	return x.faultsOf(checkMissingSource, "there are no credentials to assume the role with")
}

// cycle finds source profiles that form a cycle.
func cycle(x *examination) (found []Finding) {
	for _, c := range x.chains.cycles(checkCycle) {
		found = append(found, Finding{
			Severity: Error, Profile: c[0], Where: x.config.sourcePlace(c[0]),
			What: "source_profile loop: " + c.Error(),
			Why:  "none of these profiles has credentials to start with",
			Fix:  "change one source_profile to a profile that has credentials",
		})
	}
	return found
}

// halfKeyPair finds an access key ID without its secret, or the reverse.
func halfKeyPair(x *examination) []Finding {
	return x.faultsOf(checkHalfKeyPair,
		"requests cannot be signed: tools fail, or look for other credentials")
}

// sessionName finds names that STS refuses.
func sessionName(x *examination) []Finding {
	return x.faultsOf(checkSessionName, "STS refuses it, so the role cannot be assumed")
}

// duration finds durations that STS refuses: those out of bounds, and more than an hour for a role
// that is assumed with a role's session. The credentials of IAM Identity Center, an instance or a
// container are a role's session.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
func duration(x *examination) []Finding {
	found := x.faultsOf(checkDuration, "STS refuses it, so the role cannot be assumed")
	roleSources := map[profiles.SourceType]string{
		profiles.SSO:         "signs in through IAM Identity Center",
		profiles.EC2Metadata: "has the role of an EC2 instance",
		profiles.ECSMetadata: "has the role of a container",
	}
	for _, name := range x.config.names {
		c, ok := x.chains.byProfile[name]
		source := roleSources[c.Source.Type]
		if !ok || source == "" || len(c.Hops) == 0 ||
			c.Hops[0].Duration <= profiles.MaxChainedDuration || x.hasEndpoint(c) {
			continue
		}
		p := x.config.sections[c.Hops[0].Profile]
		found = append(found, Finding{
			Severity: Error, Profile: p.Name, Where: x.config.place(p, "duration_seconds"),
			What: fmt.Sprintf("duration_seconds is %s, but its source, profile %s, %s",
				p.Get("duration_seconds"), c.Source.Profile, source),
			Why: "those credentials are a role session, and AWS limits role chaining to one hour: " +
				"STS refuses more",
			Fix: write("remove the line, or change it to", "duration_seconds = 3600"),
		})
	}
	return found
}
