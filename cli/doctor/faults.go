package doctor

import (
	"errors"
	"slices"
	"strings"

	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// chains is the chain of each profile to check, or the fault in it.
type chains struct {
	byProfile map[string]profiles.Chain
	faults    []fault
	refused   map[string]bool // profiles with a chain whose settings are refused
}

// fault is why a profile cannot be used. Profiles with the same fault share it.
type fault struct {
	profile string // that has the fault; empty if an environment variable has it
	where   string // empty: where the setting is
	setting string
	what    string
	fix     string
	err     error
	check   string // that reports the fault; empty if it needs no finding of its own
}

// finding reports the fault.
func (f fault) finding(c *config, why string) Finding {
	where, fix := f.where, f.fix
	if where == "" {
		where = c.place(c.sections[f.profile], f.setting)
	}
	if fix == "" {
		fix = "correct it"
	}
	return Finding{Severity: Error, Profile: f.profile, Where: where, What: f.what, Why: why, Fix: fix}
}

// faultsOf returns the findings of a check that reports faults.
func (x *examination) faultsOf(check, why string) (found []Finding) {
	for _, f := range x.chains.faults {
		if f.check == check {
			found = append(found, f.finding(x.config, why))
		}
	}
	return found
}

// chainResolver resolves the chains of all profiles to check.
type chainResolver struct {
	chains
	config   *config
	opts     Options
	sh       shell
	known    map[[3]string]bool // profile, place and text of each fault
	connects map[string]bool    // connection settings that are valid
}

func resolveChains(c *config, o Options, sh shell) *chains {
	r := &chainResolver{
		chains: chains{byProfile: map[string]profiles.Chain{}, refused: map[string]bool{}},
		config: c, opts: o, sh: sh,
		known: map[[3]string]bool{}, connects: map[string]bool{},
	}
	if !c.complete {
		return &r.chains
	}
	names := c.names
	if o.Profile != "" && !slices.Contains(names, o.Profile) {
		names = append(slices.Clip(names), o.Profile)
	}
	for _, name := range names {
		r.resolve(name)
	}
	return &r.chains
}

func (r *chainResolver) resolve(name string) {
	c, err := r.config.files.Chain(name)
	if err != nil {
		r.addChainFault(name, err)
		return
	}
	r.byProfile[name] = c
	if err = r.opts.Resolver.Check(c); err == nil {
		err = r.checkConnection(c)
	}
	if err != nil {
		r.addSettingFault(name, err)
	}
}

// checkConnection checks the connection settings of a chain that makes calls. Settings that
// profiles have in common are checked once, since reading a CA bundle takes some milliseconds.
func (r *chainResolver) checkConnection(c profiles.Chain) error {
	local := []profiles.SourceType{
		profiles.Static, profiles.Keyring, profiles.Environment, profiles.Process,
	}
	if len(c.Hops) == 0 && c.MFA.Serial == "" && slices.Contains(local, c.Source.Type) {
		return nil
	}
	var values []string
	for _, key := range credproc.ConnectionSettings {
		values = append(values, c.Profile.Get(key))
	}
	id := strings.Join(values, "\x00")
	if r.connects[id] {
		return nil
	}
	err := r.opts.Resolver.CheckConnection(c)
	r.connects[id] = err == nil
	return err
}

// addChainFault adds why the chain of a profile cannot be resolved.
func (r *chainResolver) addChainFault(name string, err error) {
	f := fault{profile: name, what: err.Error(), err: err}
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		errors.As(e.Err, &e) // that of the profile with the fault, if the chain leads to another
		f.profile, f.where, f.setting, f.what, f.fix = e.Profile, e.Where, e.Setting, e.What(), e.Hint
	}
	f.check = r.config.classify(f, r.opts.Profile)
	r.add(f)
}

// addSettingFault adds why `get` fails for a profile whose chain can be resolved.
func (r *chainResolver) addSettingFault(name string, err error) {
	f := fault{profile: name, what: err.Error(), err: err, check: checkUnusableProfile}
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		r.refused[name] = true
		f.profile, f.setting, f.fix = e.Profile, e.Setting, e.Hint
		f.what = strings.TrimPrefix(e.Where+": "+e.What(), ": ")
		if strings.HasPrefix(e.Setting, "AWS_") { // one finding, no matter how many profiles use it
			f.profile, f.setting, f.where = "", "", e.Setting
			f.fix = "correct it, or " + r.sh.unset(e.Setting)
		}
		if check := checkOfSetting(f.setting); check != "" {
			f.check = check
		}
	}
	r.add(f)
}

func (r *chainResolver) add(f fault) {
	if id := [3]string{f.profile, f.where, f.what}; !r.known[id] {
		r.known[id] = true
		r.faults = append(r.faults, f)
	}
}

// classify returns the name of the check that reports a fault of a chain. It is empty for a fault
// that follows from a finding of another kind.
func (c *config) classify(f fault, selected string) string {
	var cycle profiles.Cycle
	isCycle := errors.As(f.err, &cycle)
	noSource := errors.Is(f.err, profiles.ErrNoSource)
	noProfile := errors.Is(f.err, profiles.ErrNoProfile)
	_, wired := profiles.Wired(c.sections[f.profile])
	switch {
	case c.isFaulty(f.where):
		return "" // file-form
	case c.isMixed(f.profile) && (noSource || f.setting == "source_profile"):
		return "" // role-and-process
	case isCycle && slices.ContainsFunc(cycle, c.hasProcess):
		return checkProcessRecursion
	case isCycle:
		return checkCycle
	case wired && noSource:
		return "" // process-profile
	case noProfile && c.isEmpty():
		return "" // no-config
	case (noProfile || noSource) && c.isMisnamed(f.where):
		return "" // section-name
	case noProfile:
		return checkNoSuchProfile
	case noSource && c.sections[f.profile].Get("include_profile") != "":
		return checkIncludeProfile
	case noSource:
		return checkMissingSource
	}
	if check := checkOfSetting(f.setting); check != "" {
		return check
	}
	if c.isReportedElsewhere(f, selected) {
		return ""
	}
	return checkUnusableProfile
}

// isFaulty reports whether a line cannot be read.
func (c *config) isFaulty(where string) bool {
	return slices.ContainsFunc(c.raw, func(r rawFile) bool {
		return slices.ContainsFunc(r.Lines, func(l profiles.RawLine) bool {
			return l.Err != nil && l.Where == where
		})
	})
}

// isReportedElsewhere reports whether a fault that makes a profile unusable needs no finding.
func (c *config) isReportedElsewhere(f fault, selected string) bool {
	p := c.sections[f.profile]
	switch {
	case f.setting == "source_profile" && c.isIncluded(f.profile) && f.profile != selected &&
		!c.isSource(f.profile):
		return true // a part of other profiles, for aws-vault
	case isSignInOnly(p) && f.profile != selected && !c.isSource(f.profile):
		return true // the AWS CLI needs no more to sign in
	case profiles.Kind(p) == profiles.KindNone && len(grantedSettings(p)) > 0:
		return true // granted-sso
	case f.setting == "sso_session":
		return c.isMisnamedSession(p.Get("sso_session")) // section-name
	case f.setting != "" || profiles.Kind(p) != profiles.KindNone:
		return false
	case hasEmptyCommand(p):
		return true // unusable-profile finds it itself
	}
	// A profile of settings only is no problem unless it should have credentials.
	return errors.As(f.err, new(*diag.Error)) && f.profile != selected && !c.isSource(f.profile)
}

// isSignInOnly reports whether a profile signs in to IAM Identity Center and has no credentials. It
// is the form without an [sso-session] section; the other one resolves.
func isSignInOnly(p profiles.Section) bool {
	return p.Get("sso_start_url") != "" && p.Get("sso_region") != "" &&
		p.Get("sso_account_id") == "" && p.Get("sso_role_name") == ""
}

// checkOfSetting returns the check that reports invalid values of a setting, or "".
func checkOfSetting(setting string) string {
	switch setting {
	case "aws_access_key_id", "aws_secret_access_key":
		return checkHalfKeyPair
	case "role_arn", "policy_arns", "mfa_serial":
		return checkBadARN
	case "role_session_name", "source_identity":
		return checkSessionName
	case "duration_seconds", "mfa_session_duration":
		return checkDuration
	}
	return ""
}

// isMixed reports whether a profile has both role settings and a credential_process.
func (c *config) isMixed(name string) bool {
	return slices.ContainsFunc(c.mixed, func(p process) bool { return p.Name == name })
}
