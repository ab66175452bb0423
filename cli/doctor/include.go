package doctor

import (
	"fmt"
	"slices"

	"aws-credproc/profiles"
)

// includedBy returns what aws-vault adds to a profile.
func (c *config) includedBy(p profiles.Section) (in profiles.Inclusion, ok bool) {
	return profiles.IncludedBy(p, func(name string) (profiles.Section, bool) {
		section, ok := c.sections[name]
		return section, ok
	})
}

// isIncluded reports whether a profile includes this one.
func (c *config) isIncluded(name string) bool {
	return slices.ContainsFunc(c.names, func(n string) bool {
		return c.sections[n].Get("include_profile") == name
	})
}

// adds reports whether aws-vault adds a setting to a profile.
func (c *config) adds(name, key string) bool {
	in, _ := c.includedBy(c.sections[name])
	return in.Has(key)
}

// includeProfile finds include_profile, which only aws-vault reads, where that matters.
func includeProfile(x *examination) (found []Finding) {
	for _, name := range x.config.names {
		p := x.config.sections[name]
		in, ok := x.config.includedBy(p)
		if !ok || len(in.Settings) == 0 && in.Missing == "" {
			continue
		}
		f := Finding{
			Severity: Warning, Profile: name, Where: x.config.place(p, "include_profile"),
			What: "include_profile is a setting of aws-vault",
			Why: fmt.Sprintf("the AWS CLI, the SDKs and aws-credproc do not read it: %s of "+
				"[profile %s] have no effect here", join(keysOf(in.Settings)), in.From),
			Fix: "remove the line, or correct the name",
		}
		if len(in.Settings) == 1 {
			f.Why = fmt.Sprintf("the AWS CLI, the SDKs and aws-credproc do not read it: %s of "+
				"[profile %s] has no effect here", in.Settings[0].Key, in.From)
		}
		if in.Missing != "" {
			f.What += ", and the profile " + shorten(in.Missing) + " does not exist"
			f.Why = "aws-vault refuses the profile; the AWS CLI, the SDKs and aws-credproc do not read it"
		}
		if x.lacksSource(name) {
			f.Severity = Error
			f.Why += "; there are no credentials to assume the role with"
		}
		if len(in.Settings) > 0 {
			var lines []string
			for _, s := range in.Settings {
				lines = append(lines, s.Key+" = "+profiles.ShownValue(s.Key, s.Value))
			}
			f.Fix = write("replace the line with", lines...) + x.orSetup(name)
		}
		found = append(found, f)
	}
	return found
}

// lacksSource reports whether a profile has no credentials to assume its role with.
func (x *examination) lacksSource(name string) bool {
	return slices.ContainsFunc(x.chains.faults, func(f fault) bool {
		return f.profile == name && f.check == checkIncludeProfile
	})
}

func keysOf(settings []profiles.Setting) (keys []string) {
	for _, s := range settings {
		keys = append(keys, s.Key)
	}
	return keys
}
