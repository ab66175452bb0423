package doctor

import (
	"fmt"
	"strings"

	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

// unusableProfile finds all other reasons why a profile is refused, and values that tools refuse.
func unusableProfile(x *examination) (found []Finding) {
	known := map[string]bool{}
	for _, f := range x.chains.faults {
		if f.check != checkUnusableProfile {
			continue
		}
		why := "aws-credproc get returns no credentials for this profile"
		if f.profile == "" {
			why = "aws-credproc get returns no credentials for the profiles that use it"
		}
		finding := f.finding(x.config, why)
		known[finding.Where] = true
		found = append(found, finding)
	}
	for _, name := range x.config.names {
		p := x.config.sections[name]
		if hasEmptyCommand(p) {
			found = append(found, Finding{
				Severity: Error, Profile: name, Where: x.config.place(p, "credential_process"),
				What: "credential_process is empty",
				Why:  "no tool gets credentials from it",
				Fix:  "write the command, or remove the line",
			})
		}
		// aws-credproc does not use the region of a wired profile, or one that a variable overrides.
		region, where := p.Get("region"), x.config.place(p, "region")
		if region != "" && !plan.IsRegion(region) && !known[where] {
			f := Finding{
				Severity: Error, Profile: name, Where: where,
				What: fmt.Sprintf("the region %q is not a region name", shorten(region)),
				Why:  "tools find no endpoint for it",
				Fix:  "use a region such as eu-west-1, with nothing else on the line",
			}
			f.ifQuoted("region", region)
			found = append(found, f)
		}
		found = append(found, x.badSSO(p)...)
		if s, ok, err := x.config.files.SSOSession(p.Get("sso_session")); ok && err == nil {
			found = append(found, x.badSSO(s)...)
		}
	}
	return found
}

// ifQuoted changes what a finding says about the value of a setting if that is in quotes.
func (f *Finding) ifQuoted(key, value string) {
	if profiles.IsQuoted(value) {
		f.What = "the value of " + key + " is in quotes, and they are part of it"
		f.Fix = "remove the quotes"
	}
}

func hasEmptyCommand(p profiles.Section) bool {
	process, ok := p.Properties["credential_process"]
	return ok && process.Value == "" && profiles.Kind(p) == profiles.KindNone
}

// badSSO returns values that IAM Identity Center refuses, in a profile or an SSO session.
func (x *examination) badSSO(p profiles.Section) (found []Finding) {
	add := func(key, what, fix string) {
		f := Finding{
			Severity: Error, Where: x.config.files.Place(p.Properties[key]), What: what,
			Why: "the sign-in fails, or returns no credentials", Fix: fix,
		}
		f.ifQuoted(key, p.Get(key))
		if section, ok := x.config.sections[p.Name]; ok && x.config.place(section, key) == f.Where {
			f.Profile = p.Name
		}
		found = append(found, f)
	}
	if id := p.Get("sso_account_id"); id != "" && !profiles.IsAccountID(id) {
		add("sso_account_id",
			fmt.Sprintf("sso_account_id is %q, which does not have 12 digits", shorten(id)),
			"write the full account ID, with leading zeros")
	}
	if url := p.Get("sso_start_url"); url != "" && !isStartURL(url) {
		add("sso_start_url",
			fmt.Sprintf("sso_start_url is %q, which does not start with https://",
				shorten(profiles.ShownValue("sso_start_url", url))),
			"write the full URL, such as https://example.awsapps.com/start")
	}
	return found
}

func isStartURL(url string) bool {
	for _, prefix := range []string{"https://", "http://localhost", "http://127."} {
		if strings.HasPrefix(url, prefix) {
			return true
		}
	}
	return false
}
