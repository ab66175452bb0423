package doctor

import (
	"fmt"
	"strings"

	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

const whyBadARN = "STS refuses it"

// badARN finds values that cannot be the ARN of a role, a policy or an MFA device.
func badARN(x *examination) []Finding {
	found := x.faultsOf(checkBadARN, whyBadARN)
	known := map[string]bool{}
	for _, f := range found {
		known[f.Where] = true
	}
	for _, candidates := range [][]Finding{x.malformedARNs(), x.otherPartitions()} {
		for _, f := range candidates {
			if !known[f.Where] {
				known[f.Where] = true
				found = append(found, f)
			}
		}
	}
	return found
}

var arnSettings = []struct {
	key, form string
	check     func(string) error
}{
	{"role_arn", "arn:aws:iam::123456789012:role/NAME", profiles.CheckRoleARN},
	{"mfa_serial", "arn:aws:iam::123456789012:mfa/NAME", profiles.CheckMFAARN},
}

// arnFix returns how to correct an ARN.
func arnFix(value, form string) string {
	if plan.IsSecurityKey(value) {
		return "register an authenticator app in IAM too, and use its ARN: " + form
	}
	return "write it in the form " + form
}

func (x *examination) malformedARNs() (found []Finding) {
	for _, name := range x.config.names {
		p := x.config.sections[name]
		for _, setting := range arnSettings {
			value := p.Get(setting.key)
			err := setting.check(value)
			if value == "" || err == nil {
				continue
			}
			if strings.Contains(value, ":iam:::") && x.endpoint(name).URL != "" {
				continue // an STS other than that of AWS may have no account IDs, as that of Ceph
			}
			found = append(found, Finding{
				Severity: Error, Profile: name, Where: x.config.place(p, setting.key),
				What: fmt.Sprintf("%s is %s: %v", setting.key, profiles.InQuotes(shorten(value)), err),
				Why:  whyBadARN, Fix: arnFix(value, setting.form),
			})
		}
	}
	return found
}

// otherPartitions finds roles in another partition than the region whose STS is called.
func (x *examination) otherPartitions() (found []Finding) {
	for _, name := range x.config.names {
		c, ok := x.chains.byProfile[name]
		if !ok || len(c.Hops) == 0 {
			continue
		}
		role, e := c.Hops[len(c.Hops)-1], x.endpoint(name)
		want, got := partitionOf(e.Region), strings.SplitN(role.RoleARN, ":", 3)[1]
		if want == "" || want == got || e.RegionFrom == "" || e.URL != "" {
			continue
		}
		found = append(found, Finding{
			Severity: Error, Profile: c.Profile.Name,
			Where: x.config.place(x.config.sections[role.Profile], "role_arn"),
			What: fmt.Sprintf("the role is in the partition %s, but the region %s (%s) is in %s",
				got, e.Region, e.RegionFrom, want),
			Why: "the STS of that region does not know the account",
			Fix: "correct the region or the ARN, so that both are in one partition",
		})
	}
	return found
}

// endpoint returns the STS endpoint of a profile, or the zero value if it is not known.
func (x *examination) endpoint(name string) plan.Endpoint {
	c, ok := x.chains.byProfile[name]
	if !ok {
		return plan.Endpoint{}
	}
	e, err := x.opts.Resolver.Endpoint(c)
	if err != nil {
		return plan.Endpoint{} // another check reports that
	}
	return e
}

// regionPrefixes are the prefixes of the regions of each partition, as in the SDKs'
// partitions.json. The first match is used.
var regionPrefixes = []struct{ prefix, partition string }{
	{"us-gov-", "aws-us-gov"},
	{"us-iso-", "aws-iso"},
	{"us-isob-", "aws-iso-b"},
	{"eu-isoe-", "aws-iso-e"},
	{"us-isof-", "aws-iso-f"},
	{"eusc-", "aws-eusc"},
	{"cn-", "aws-cn"},
	{"us-", "aws"}, {"eu-", "aws"}, {"ap-", "aws"}, {"sa-", "aws"}, {"ca-", "aws"},
	{"me-", "aws"}, {"af-", "aws"}, {"il-", "aws"}, {"mx-", "aws"},
}

// partitionOf returns the partition of a region, or "" if it is not known.
func partitionOf(region string) string {
	for _, r := range regionPrefixes {
		if strings.HasPrefix(region, r.prefix) {
			return r.partition
		}
	}
	return ""
}
