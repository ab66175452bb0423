package doctor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// fault is why a profile does not resolve. One that many profiles lead to is one.
type fault struct {
	profile string // in which it is wrong
	where   string
	key     string // the setting
	what    string
	fix     string
	err     error
	// settings: the chain is resolved, and a setting of its calls is wrong.
	settings bool
	taken    bool // by a check
}

// resolve follows each profile to its source.
func (x *exam) resolve() {
	names := x.names
	if x.Profile != "" && !slices.Contains(names, x.Profile) {
		names = append(slices.Clip(names), x.Profile)
	}
	for _, name := range names {
		c, err := x.files.Chain(name)
		if err != nil {
			x.addConfigFault(name, err)
			continue
		}
		x.chains[name] = c
		if err = x.Resolver.Check(c); err == nil {
			err = x.checkConnection(c)
		}
		if err != nil {
			x.addSettingFault(name, err)
		}
	}
}

// checkConnection looks at the settings of a chain's connection, if it makes one. What many profiles have alike, it looks at once: a CA
// bundle takes some milliseconds.
func (x *exam) checkConnection(c profiles.Chain) error {
	here := []profiles.SourceType{profiles.Static, profiles.Keyring, profiles.Environment, profiles.Process}
	if len(c.Hops) == 0 && c.MFA.Serial == "" && slices.Contains(here, c.Source.Type) {
		return nil
	}
	var values []string
	for _, key := range credproc.ConnectionSettings {
		values = append(values, c.Profile.Get(key))
	}
	id := strings.Join(values, "\x00")
	if x.connects[id] {
		return nil
	}
	err := x.Resolver.CheckConnection(c)
	x.connects[id] = err == nil
	return err
}

// addConfigFault adds what keeps a profile's chain from being resolved.
func (x *exam) addConfigFault(name string, err error) {
	f := fault{profile: name, what: err.Error(), err: err}
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		errors.As(e.Err, &e) // of the profile that has the fault, if the chain leads to another one
		f.profile, f.where, f.key, f.what, f.fix = e.Profile, e.Where, e.Setting, e.What(), e.Hint
	}
	x.addFault(f)
}

// addSettingFault adds what makes get fail for a profile whose chain can be resolved.
func (x *exam) addSettingFault(name string, err error) {
	f := fault{profile: name, what: err.Error(), err: err, settings: true}
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		f.profile, f.key, f.what, f.fix = e.Profile, e.Setting, e.Where+": "+e.Err.Error(), e.Hint
		if strings.HasPrefix(e.Setting, "AWS_") { // it is no profile's fault, however many it hits
			f.profile, f.key, f.where, f.fix = "", "", e.Setting, "correct it, or "+x.unset(e.Setting)
		}
		x.refused[name] = true
	}
	x.addFault(f)
}

func (x *exam) addFault(f fault) {
	if id := [3]string{f.profile, f.where, f.what}; !x.known[id] {
		x.known[id] = true
		x.faults = append(x.faults, &f)
	}
}

// take gives the faults that match and that no check has taken.
func (x *exam) take(match func(f *fault) bool) (found []*fault) {
	for _, f := range x.faults {
		if !f.taken && match(f) {
			f.taken = true
			found = append(found, f)
		}
	}
	return found
}

// addTaken reports faults for a reason.
func (x *exam) addTaken(why string, match func(f *fault) bool) {
	for _, f := range x.take(match) {
		where := f.where
		if where == "" {
			where = x.place(x.sections[f.profile], f.key)
		}
		fix := f.fix
		if fix == "" {
			fix = "correct it"
		}
		x.add(Finding{Severity: Error, Profile: f.profile, Where: where, What: f.what, Why: why, Fix: fix})
	}
}

// isTold reports whether another check has found what is wrong in a place.
func (x *exam) isTold(check, where string) bool {
	return x.told[check+" "+where]
}

func ofKeys(keys ...string) func(f *fault) bool {
	return func(f *fault) bool { return slices.Contains(keys, f.key) }
}

// noSuchProfile is for the profile that was named.
func noSuchProfile(x *exam) {
	x.addTaken("there is nothing to get", func(f *fault) bool {
		return errors.Is(f.err, profiles.ErrNoProfile) && !x.isTold("section-name", f.where)
	})
	x.take(func(f *fault) bool { return errors.Is(f.err, profiles.ErrNoProfile) })
}

// missingSource finds roles without anything to assume them with.
func missingSource(x *exam) {
	x.take(func(f *fault) bool {
		return errors.Is(f.err, profiles.ErrNoSource) && x.isTold("section-name", f.where)
	})
	x.addTaken("there are no credentials to assume the role with", func(f *fault) bool { return errors.Is(f.err, profiles.ErrNoSource) })
}

// cycle finds source profiles that go round.
func cycle(x *exam) {
	for _, c := range x.circles(func(profiles.Cycle) bool { return true }) {
		x.add(Finding{Severity: Error, Profile: c.Cycle[0], Where: x.leadPlace(c.Cycle[0]), What: "its source profiles go round in a circle: " + c.Error(),
			Why: "none of them has credentials to start with", Fix: c.fix})
	}
}

// circle is a way round, and how it is mended.
type circle struct {
	profiles.Cycle
	fix string
}

// circles gives each circle that matches once, however many profiles lead into it.
func (x *exam) circles(match func(profiles.Cycle) bool) (found []circle) {
	var seen []string
	for _, f := range x.take(func(f *fault) bool {
		var c profiles.Cycle
		return errors.As(f.err, &c) && match(c)
	}) {
		var c profiles.Cycle
		errors.As(f.err, &c)
		members := slices.Clone(c[1:])
		slices.Sort(members)
		if id := strings.Join(members, " "); !slices.Contains(seen, id) {
			seen = append(seen, id)
			found = append(found, circle{c, f.fix})
		}
	}
	return found
}

// leadPlace gives where a profile names the one that it leads to.
func (x *exam) leadPlace(name string) string {
	p := x.sections[name]
	if _, ok := profiles.Wired(p); ok {
		return x.place(p, "credential_process")
	}
	return x.place(p, "source_profile")
}

// halfKeyPair finds an access key of which one half is missing.
func halfKeyPair(x *exam) {
	x.addTaken("half of a key signs nothing: tools fail, or look for other credentials elsewhere", ofKeys("aws_access_key_id", "aws_secret_access_key"))
}

// badARN finds what cannot be the ARN of a role, a policy or an MFA device.
func badARN(x *exam) {
	const why = "STS refuses it"
	x.addTaken(why, ofKeys("role_arn", "policy_arns"))
	for _, name := range x.names {
		p := x.sections[name]
		for _, arn := range []struct {
			key, form string
			check     func(string) error
		}{
			{"role_arn", "arn:aws:iam::123456789012:role/NAME", profiles.CheckRoleARN},
			{"mfa_serial", "arn:aws:iam::123456789012:mfa/NAME", profiles.CheckMFAARN},
		} {
			value, where := p.Get(arn.key), x.place(p, arn.key)
			err := arn.check(value)
			if value == "" || err == nil || x.isTold("bad-arn", where) || strings.Contains(value, ":iam:::") && x.endpoint(name).URL != "" { // as that of Ceph has them
				continue
			}
			x.add(Finding{Severity: Error, Profile: name, Where: where, What: fmt.Sprintf("%s is %q, %v", arn.key, shortened(value), err), Why: why, Fix: "write it as " + arn.form})
		}
	}
	for _, name := range x.names {
		c, ok := x.chains[name]
		if !ok || len(c.Hops) == 0 {
			continue
		}
		role := c.Hops[len(c.Hops)-1]
		where := x.place(x.sections[role.Profile], "role_arn")
		e := x.endpoint(name)
		of, partition := partitionOf(e.Region), strings.SplitN(role.RoleARN, ":", 3)[1]
		if of == "" || of == partition || e.RegionFrom == "" || e.URL != "" || x.isTold("bad-arn", where) {
			continue
		}
		x.add(Finding{Severity: Error, Profile: c.Profile.Name, Where: where,
			What: fmt.Sprintf("its role is of the partition %s, and the region %s (%s) is of %s", partition, e.Region, e.RegionFrom, of),
			Why:  "the STS that is called knows no such account", Fix: "correct the region or the ARN: a role and its region are of one partition"})
	}
}

// endpoint gives where STS is called for a profile; that of one that does not resolve is not known.
func (x *exam) endpoint(name string) plan.Endpoint {
	c, ok := x.chains[name]
	if !ok {
		return plan.Endpoint{}
	}
	e, err := x.Resolver.Endpoint(c)
	if err != nil {
		return plan.Endpoint{} // that is a fault by itself
	}
	return e
}

// regionPrefixes are how the names of a partition's regions begin, as the SDKs' partitions.json has them; the first counts.
var regionPrefixes = []struct{ prefix, partition string }{
	{"us-gov-", "aws-us-gov"}, {"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-", "aws-iso-f"},
	{"eusc-", "aws-eusc"}, {"cn-", "aws-cn"}, {"us-", "aws"}, {"eu-", "aws"}, {"ap-", "aws"}, {"sa-", "aws"}, {"ca-", "aws"}, {"me-", "aws"},
	{"af-", "aws"}, {"il-", "aws"}, {"mx-", "aws"},
}

// partitionOf gives the partition that a region is of; "" where that cannot be told.
func partitionOf(region string) string {
	for _, r := range regionPrefixes {
		if strings.HasPrefix(region, r.prefix) {
			return r.partition
		}
	}
	return ""
}

// sessionName finds names that STS refuses.
func sessionName(x *exam) {
	x.addTaken("STS refuses it, and the role is not assumed", ofKeys("role_session_name", "source_identity"))
}

// duration finds durations that STS refuses: outside its bounds, or more than the hour that a role assumed with a role's
// session may last. A session of SSO is a role's, and so is one of an instance or a container.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
func duration(x *exam) {
	x.addTaken("STS refuses it, and the role is not assumed", ofKeys("duration_seconds", "mfa_session_duration"))
	roles := map[profiles.SourceType]string{
		profiles.SSO: "signs in through SSO", profiles.EC2Metadata: "is the role of an EC2 instance", profiles.ECSMetadata: "is the role of a container",
	}
	for _, name := range x.names {
		c, ok := x.chains[name]
		if !ok || roles[c.Source.Type] == "" || len(c.Hops) == 0 || c.Hops[0].Duration <= time.Hour {
			continue
		}
		p := x.sections[c.Hops[0].Profile]
		x.add(Finding{Severity: Error, Profile: p.Name, Where: x.place(p, "duration_seconds"),
			What: "duration_seconds is " + p.Get("duration_seconds") + ", and its source, of profile " + c.Source.Profile + ", " + roles[c.Source.Type],
			Why:  "such a session is a role's, and AWS gives a role that is assumed with another role's session an hour at most: STS refuses it",
			Fix:  write("write, or remove the line,", "duration_seconds = 3600")})
	}
}

// unusableProfile finds all else for which a profile is refused. A profile that holds settings only is in order, unless
// it is to give credentials.
func unusableProfile(x *exam) {
	x.addTaken("every profile for which it decides is refused: `aws-credproc get` gives no credentials for them", func(f *fault) bool { return f.profile == "" })
	for _, name := range x.names {
		p := x.sections[name]
		if process, ok := p.Properties["credential_process"]; ok && process.Value == "" && profiles.Kind(p) == profiles.KindNone {
			x.add(Finding{Severity: Error, Profile: name, Where: x.place(p, "credential_process"), What: "credential_process is empty",
				Why: "no tool gets credentials from it", Fix: "write the command, or remove the line"})
			x.take(func(f *fault) bool { return f.profile == name && f.key == "" })
		}
	}
	x.take(func(f *fault) bool {
		return f.key == "sso_session" && x.meant[x.sections[f.profile].Get("sso_session")]
	})
	x.addTaken("the profile is refused: `aws-credproc get` gives no credentials for it", func(f *fault) bool {
		isSettings := f.key == "" && !f.settings && errors.As(f.err, new(*diag.Error)) && profiles.Kind(x.sections[f.profile]) == profiles.KindNone
		return !isSettings || f.profile == x.Profile || x.isSource(f.profile)
	})
	// That of the tools' profile, which this helper does not use, or one that a variable hides.
	for _, name := range x.names {
		p := x.sections[name]
		if region, where := p.Get("region"), x.place(p, "region"); region != "" && !plan.IsRegion(region) && !x.isTold("unusable-profile", where) {
			x.add(Finding{Severity: Error, Profile: name, Where: where, What: fmt.Sprintf("the region is %q, which is none", shortened(region)),
				Why: "tools find no endpoint in it", Fix: "write one such as eu-west-1, alone in its line"})
		}
		x.badSSO(p)
		if session, ok, err := x.files.SSOSession(p.Get("sso_session")); ok && err == nil {
			x.badSSO(session)
		}
	}
}

// badSSO reports what no sign-in through SSO takes, of a profile or an SSO session.
func (x *exam) badSSO(p profiles.Section) {
	add := func(key, what, fix string) {
		f := Finding{Severity: Error, Where: x.files.Place(p.Properties[key]), What: what, Why: "the sign-in fails, or gives no credentials", Fix: fix}
		if _, ok := x.sections[p.Name]; ok && x.place(x.sections[p.Name], key) == f.Where {
			f.Profile = p.Name
		}
		x.add(f)
	}
	if id := p.Get("sso_account_id"); id != "" && !profiles.IsAccountID(id) {
		add("sso_account_id", fmt.Sprintf("sso_account_id is %q, which has not 12 digits", shortened(id)), "write the account's ID, with its zeros in front")
	}
	if url := p.Get("sso_start_url"); url != "" && !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://localhost") && !strings.HasPrefix(url, "http://127.") {
		add("sso_start_url", fmt.Sprintf("sso_start_url is %q, which does not start with https://", shortened(url)), "write the whole URL, as https://example.awsapps.com/start")
	}
}

// isSource reports whether some profile leads to this one.
func (x *exam) isSource(name string) bool {
	return slices.ContainsFunc(x.names, func(n string) bool { return slices.Contains(x.leadsTo(x.sections[n]), name) })
}

// mfaUnread finds an mfa_serial where nobody reads it: only that of the role's own profile is.
func mfaUnread(x *exam) {
	add := func(p profiles.Section, what string, reader ...string) {
		x.add(Finding{Severity: Warning, Profile: p.Name, Where: x.place(p, "mfa_serial"), What: what,
			Why: "no code is sent for the role, and if its trust policy asks for MFA, STS denies it; the AWS CLI and the SDKs read it no more than this helper",
			Fix: write("write into [profile "+strings.Join(reader, "] and [profile ")+"]", "mfa_serial = "+strings.Join(strings.Fields(p.Get("mfa_serial")), " "))})
	}
	for _, name := range x.names {
		p := x.sections[name]
		if p.Get("mfa_serial") == "" {
			continue
		}
		if role, ok := profiles.Wired(p); ok {
			if x.sections[role].Get("mfa_serial") == "" && x.sections[role].Get("role_arn") != "" {
				add(p, "mfa_serial stands in a profile that only starts this helper, for "+role, role)
			}
			continue
		}
		if p.Get("role_arn") != "" {
			for _, key := range []string{"web_identity_token_file", "web_identity_token_process"} {
				if p.Get(key) != "" {
					x.add(Finding{Severity: Warning, Profile: name, Where: x.place(p, "mfa_serial"), What: "mfa_serial stands beside " + key,
						Why: "a role that is assumed with a token takes no code: whoever reads it, it does nothing", Fix: "remove the line mfa_serial"})
				}
			}
			continue
		}
		var readers []string
		for _, other := range x.names {
			c, ok := x.chains[other]
			if ok && len(c.Hops) > 0 && c.Source.Profile == name && c.Hops[0].MFASerial == "" && !slices.Contains(readers, c.Hops[0].Profile) {
				readers = append(readers, c.Hops[0].Profile)
			}
		}
		if len(readers) > 0 {
			add(p, "mfa_serial stands in the source profile of "+listed(readers)+", and not in the role's own", readers...)
		}
	}
}

// mfaNoDevice finds roles that want a code of a device that their source cannot have.
func mfaNoDevice(x *exam) {
	for _, name := range x.names {
		c, ok := x.chains[name]
		if !ok {
			continue
		}
		role, err := x.Resolver.CheckMFA(c)
		if e := (*diag.Error)(nil); errors.As(err, &e) {
			x.add(Finding{Severity: Error, Profile: role, Where: x.place(x.sections[role], "mfa_serial"), What: e.Err.Error(),
				Why: "no code could ever do: the role is not assumed", Fix: e.Hint})
		}
	}
}
