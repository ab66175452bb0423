package doctor

import (
	"errors"
	"slices"
	"strings"

	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/awsregion"
	"aws-credproc/profiles"
)

// unknownRegion finds regions that do not exist, in the profiles, their SSO sessions and the
// environment. A configured endpoint may have regions of its own. What does not have the form of a
// region name is found by unusableProfile.
func unknownRegion(x *examination) (found []Finding) {
	if x.env.get("AWS_ENDPOINT_URL") != "" {
		return nil
	}
	seen := map[string]bool{}
	add := func(region, profile, where, setting string) {
		if region == "" || !plan.IsRegion(region) || awsregion.IsKnown(region) || seen[where] {
			return
		}
		seen[where] = true
		f := Finding{
			Severity: Error, Profile: profile, Where: where, What: "there is no region " + region,
			Why: "tools find no endpoint for it", Fix: x.fixRegion(region, setting, where),
		}
		if awsregion.IsPossible(region) {
			if !x.failedIn(region) {
				f.Severity = Warning
			}
			f.What = region + " is not a region that this version of aws-credproc knows"
		}
		found = append(found, f)
	}
	if x.env.get("AWS_ENDPOINT_URL_STS") == "" {
		for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
			add(x.env.get(variable), "", variable, variable)
		}
	}
	addKey := func(p profiles.Section, profile, key string) {
		where := x.config.files.Place(p.Properties[key])
		add(p.Get(key), profile, where, key)
	}
	for _, name := range x.config.names {
		p := x.config.sections[name]
		if p.Get("endpoint_url") == "" && p.Get("services") == "" {
			addKey(p, name, "region")
			addKey(p, name, "sso_region")
			if s, ok, err := x.config.files.SSOSession(p.Get("sso_session")); ok && err == nil {
				addKey(s, "", "sso_region")
			}
		}
	}
	return found
}

// failedIn reports whether the STS endpoint of an unknown region could not be reached.
func (x *examination) failedIn(region string) bool {
	return slices.ContainsFunc(x.sts.endpoints, func(e *stsEndpoint) bool {
		return errors.Is(e.err, credproc.ErrUnknownRegion) && strings.Contains(e.URL, "."+region+".")
	})
}

// fixRegion returns how to correct a region in a setting or, if where is that, in a variable.
func (x *examination) fixRegion(region, setting, where string) string {
	near := awsregion.Nearest(region)
	switch {
	case near == "":
		return "set " + setting + " to a region such as eu-west-1"
	case where == setting:
		return write("if you mean "+near+", run", x.sh.export(setting, near))
	}
	return write("if you mean "+near+", change the line to", setting+" = "+near)
}
