package doctor

import (
	"fmt"
	"slices"

	"aws-credproc/profiles"
)

// includable are the settings that aws-vault takes from the profile of include_profile and that are
// not commands, which may contain secrets.
// https://github.com/ByteNess/aws-vault/blob/main/vault/config.go
var includable = [...]string{
	"role_arn", "source_profile", "mfa_serial", "external_id", "duration_seconds",
	"role_session_name", "source_identity", "session_tags", "transitive_session_tags", "region",
	"sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name",
	"web_identity_token_file",
}

// inclusion is what aws-vault adds to a profile with include_profile.
type inclusion struct {
	from     string // the profile of include_profile
	missing  string // an included profile that does not exist; "" if all do
	settings []profiles.Setting
}

// includedBy returns what aws-vault adds to a profile.
func (c *config) includedBy(p profiles.Section) (in inclusion, ok bool) {
	in.from = p.Get("include_profile")
	if in.from == "" {
		return in, false
	}
	has := func(key string) bool {
		return p.Get(key) != "" || slices.ContainsFunc(in.settings, func(s profiles.Setting) bool {
			return s.Key == key
		})
	}
	source := in.from
	for name, seen := in.from, []string{p.Name}; name != "" && !slices.Contains(seen, name); {
		seen = append(seen, name)
		next, exists := c.sections[name]
		if !exists {
			in.missing = name
			break
		}
		for _, key := range includable {
			if value := next.Get(key); value != "" && !has(key) {
				in.settings = append(in.settings, profiles.Setting{Key: key, Value: value})
			}
		}
		if profiles.Kind(next) != profiles.KindNone {
			source = name
		}
		name = next.Get("include_profile")
	}
	if has("role_arn") && !has("source_profile") && p.Get("credential_source") == "" &&
		in.missing == "" {
		in.settings = append(in.settings, profiles.Setting{Key: "source_profile", Value: source})
	}
	return in, true
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
	return slices.ContainsFunc(in.settings, func(s profiles.Setting) bool { return s.Key == key })
}

// includeProfile finds include_profile, which only aws-vault reads, where that matters.
func includeProfile(x *examination) (found []Finding) {
	for _, name := range x.config.names {
		p := x.config.sections[name]
		in, ok := x.config.includedBy(p)
		if !ok || len(in.settings) == 0 && in.missing == "" {
			continue
		}
		f := Finding{
			Severity: Warning, Profile: name, Where: x.config.place(p, "include_profile"),
			What: "include_profile is a setting of aws-vault",
			Why: fmt.Sprintf("the AWS CLI, the SDKs and aws-credproc do not read it: %s of "+
				"[profile %s] have no effect here", join(keysOf(in.settings)), in.from),
			Fix: "remove the line, or correct the name",
		}
		if len(in.settings) == 1 {
			f.Why = fmt.Sprintf("the AWS CLI, the SDKs and aws-credproc do not read it: %s of "+
				"[profile %s] has no effect here", in.settings[0].Key, in.from)
		}
		if in.missing != "" {
			f.What += ", and the profile " + shorten(in.missing) + " does not exist"
			f.Why = "aws-vault refuses the profile; the AWS CLI, the SDKs and aws-credproc do not read it"
		}
		if x.lacksSource(name) {
			f.Severity = Error
			f.Why += "; there are no credentials to assume the role with"
		}
		if len(in.settings) > 0 {
			var lines []string
			for _, s := range in.settings {
				lines = append(lines, s.Key+" = "+s.Value)
			}
			f.Fix = write("replace the line with", lines...)
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
