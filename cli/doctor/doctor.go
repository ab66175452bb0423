// Package doctor finds what is wrong with a set-up: the shared config files, the environment, the stores and, where that
// is asked for, what STS makes of it all.
//
// Its promise: each finding says what is wrong, why it matters and exactly how to fix it; none holds a secret; nothing is
// changed, and without Online nothing is sent.
package doctor

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/profiles"
)

// Severity says how bad a finding is.
type Severity string

const (
	// Error: some tool gets no credentials, or others than the config says.
	Error Severity = "error"
	// Warning: it works, or does so here, and is not as it should be.
	Warning Severity = "warning"
)

// Finding is one thing that is wrong, in the form in which `doctor --json` prints it: a public interface. Text in it may
// come from outside and hold control characters: whoever shows it strips them.
type Finding struct {
	Check    string   `json:"check"` // one of Checks
	Severity Severity `json:"severity"`
	Profile  string   `json:"profile"` // "" where it is about none, or about several
	Where    string   `json:"where"`   // file and line, file, or variable; "" where there is no place
	What     string   `json:"what"`
	Why      string   `json:"why"`
	// Fix is what to do about it. Of several lines, those that start with two spaces are to be run or written as they
	// stand, without the two.
	Fix string `json:"fix"`
}

// Fact is something that a person may want to know although nothing is wrong with it.
type Fact struct{ Name, Text string }

// Report is what was found.
type Report struct {
	Findings []Finding // errors first, else in the order of the checks; never nil
	Facts    []Fact
}

// Options say what is looked at.
type Options struct {
	// Profile narrows it down to what concerns this profile, beside the files as such and the environment; "" for all.
	Profile string
	// Files are the two files as they were loaded from these paths; nil where that failed.
	Files                       *profiles.Files
	ConfigPath, CredentialsPath string
	// Helper is the path at which this program should stand in a config.
	Helper string
	// Resolver is how credentials are got, with the cache and the environment. Where TokenCodes is set, it may ask.
	Resolver *credproc.Resolver
	// Online allows to ask STS: what time it is, whose credentials a source gives, and for each role.
	Online bool
}

// Examine looks at everything.
func Examine(ctx context.Context, o Options) Report {
	return newExam(ctx, o).examine()
}

// Checks gives the names of all checks, in the order in which they are made.
func Checks() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// check is one thing that may be wrong. What one has found, those below it may leave out: a fault has one finding.
type check struct {
	name string
	find func(*exam)
}

var checks = []check{
	// The files.
	{"file-form", fileForm},
	{"byte-order-mark", byteOrderMark},
	{"section-name", sectionName},
	{"default-section", defaultSection},
	{"duplicate-section", duplicateSection},
	{"duplicate-key", duplicateKey},
	{"inline-comment", inlineComment},
	{"file-access", fileAccess},
	{"directory-access", directoryAccess},
	// A credential_process.
	{"role-and-process", roleAndProcess},
	{"shadowed-process", shadowedProcess},
	{"process-recursion", processRecursion},
	{"process-profile", processProfile},
	{"process-usage", processUsage},
	{"process-relative", processRelative},
	{"process-quoting", processQuoting},
	{"process-not-found", processNotFound},
	{"process-path", processPath},
	// A chain.
	{"no-such-profile", noSuchProfile},
	{"missing-source", missingSource},
	{"cycle", cycle},
	{"half-key-pair", halfKeyPair},
	{"bad-arn", badARN},
	{"session-name", sessionName},
	{"duration", duration},
	{"unusable-profile", unusableProfile},
	{"mfa-unread", mfaUnread},
	{"mfa-no-device", mfaNoDevice},
	// Keys.
	{"long-term-keys", longTermKeys},
	{"imported-keys", importedKeys},
	{"keys-and-role", keysAndRole},
	{"temporary-keys", temporaryKeys},
	// The environment.
	{"environment-keys", environmentKeys},
	{"environment-web-identity", environmentWebIdentity},
	{"environment-profile", environmentProfile},
	// The stores.
	{"state-directory", stateDirectory},
	{"keyring", keyring},
	{"kernel-store", kernelStore},
	{"newer-items", newerItems},
	{"leftovers", leftovers},
	// STS.
	{"sts-proxy", stsProxy},
	{"sts-unreachable", stsUnreachable},
	{"clock", clock},
	{"caller", caller},
	{"assume-role", assumeRole},
}

// exam is one run of the checks.
type exam struct {
	Options
	goos   string
	report Report
	check  string           // that is being made
	seen   map[Finding]bool // that are in the report
	told   map[string]bool  // for each of them "check place"

	raw      []raw
	headerAt map[string]string // where each profile starts; made when it is first asked for
	files    *profiles.Files   // what of them can be read; never nil
	whole    bool              // files holds both

	names     []string // of the profiles that it is about, in the files' order
	concerned map[string]bool
	sections  map[string]profiles.Section // of all profiles
	chains    map[string]profiles.Chain   // of names, as far as they resolve
	faults    []*fault                    // why the others do not
	known     map[[3]string]bool          // profile, place and text of the faults
	refused   map[string]bool             // names whose settings, or those of the environment, are refused
	connects  map[string]bool             // settings of connections that are in order
	meant     map[string]bool             // SSO sessions that a header only means
	cut       map[string]bool             // places of commands that a comment cuts within quotes
	health    cache.Health
	keysGone  map[string]error // why long-term keys cannot be taken out of the keyring, by their profile
	sts       []*stsSeen
}

// raw is one of the two files as it stands.
type raw struct {
	profiles.Raw
	which string // "" where it is both
	err   error
}

func newExam(ctx context.Context, o Options) *exam {
	x := &exam{
		Options: o, goos: runtime.GOOS, report: Report{Findings: []Finding{}},
		seen: map[Finding]bool{}, told: map[string]bool{}, concerned: map[string]bool{}, sections: map[string]profiles.Section{}, chains: map[string]profiles.Chain{}, known: map[[3]string]bool{}, refused: map[string]bool{}, connects: map[string]bool{}, meant: map[string]bool{}, cut: map[string]bool{}, keysGone: map[string]error{},
	}
	for _, f := range []struct{ path, which string }{{o.ConfigPath, profiles.ConfigFile}, {o.CredentialsPath, profiles.CredentialsFile}} {
		r, err := profiles.ReadRaw(f.path, f.which)
		r.Path = f.path
		x.raw = append(x.raw, raw{r, f.which, err})
	}
	if profiles.SameFile(o.ConfigPath, o.CredentialsPath) {
		x.raw = x.raw[:1]
		x.raw[0].which = ""
	}
	x.load()
	x.findConcerned()
	if x.whole {
		x.resolve()
	}
	x.lookForKeys(ctx)
	x.health = o.Resolver.Cache.Health(ctx)
	x.addFact("config", x.fileFact(x.raw[0]))
	x.addFact("credentials", x.fileFact(x.raw[len(x.raw)-1]))
	reason := x.health.Reason
	if reason == "" {
		reason = "chosen"
	}
	x.addFact("store", string(x.health.Store)+" ("+reason+")")
	if exec := x.execFact(); exec != "" {
		x.addFact("exec", exec)
	}
	if o.Online {
		x.askSTS(ctx)
	}
	return x
}

func (x *exam) examine() Report {
	for _, c := range checks {
		x.check = c.name
		c.find(x)
	}
	slices.SortStableFunc(x.report.Findings, func(a, b Finding) int { return cmp.Compare(a.Severity, b.Severity) })
	return x.report
}

// load takes the files as they were loaded, else the one of them that can be.
func (x *exam) load() {
	if x.files, x.whole = x.Files, x.Files != nil; x.whole {
		return
	}
	for _, paths := range [][2]string{{x.ConfigPath, ""}, {"", x.CredentialsPath}, {"", ""}} {
		if f, err := profiles.Load(paths[0], paths[1]); err == nil { // "" is a file that is not there
			x.files = f
			return
		}
	}
}

func (x *exam) fileFact(r raw) string {
	switch {
	case r.err != nil:
		return r.Path + " (cannot be read)"
	case profiles.CheckHome(r.Path) != nil:
		return "none: " + profiles.CheckHome(r.Path).Error()
	case len(r.Lines) == 0:
		return r.Path + " (nothing is in it)"
	}
	return r.Path
}

// findConcerned finds the profiles that it is about: all, or the one that is named, those that it leads to and those
// that are wired to it.
func (x *exam) findConcerned() {
	all := x.files.Names()
	for _, name := range all {
		if p, err := x.files.Profile(name); err == nil {
			x.sections[name] = p
		}
	}
	var add func(name string)
	add = func(name string) {
		if !x.concerned[name] {
			x.concerned[name] = true
			for _, next := range x.leadsTo(x.sections[name]) {
				add(next)
			}
		}
	}
	if x.Profile != "" {
		add(x.Profile)
	}
	for _, name := range all {
		if wired, ok := profiles.Wired(x.sections[name]); x.Profile == "" || ok && wired == x.Profile {
			add(name)
		}
	}
	for _, name := range all {
		if x.concerned[name] {
			x.names = append(x.names, name)
		}
	}
}

// leadsTo gives the profiles whose credentials a profile asks for.
func (x *exam) leadsTo(p profiles.Section) (names []string) {
	if wired, ok := profiles.Wired(p); ok {
		return []string{wired}
	}
	if source := p.Get("source_profile"); source != "" && p.Get("role_arn") != "" {
		names = append(names, source)
	}
	if other := profileOption(p); other != "" {
		names = append(names, other)
	}
	return names
}

func (x *exam) addFact(name, text string) { x.report.Facts = append(x.report.Facts, Fact{name, text}) }

// add reports a finding of the check that is being made, once, and if it concerns the profile that was named.
func (x *exam) add(f Finding) {
	f.Check = x.check
	if x.seen[f] || x.Profile != "" && f.Profile != "" && !x.concerned[f.Profile] {
		return
	}
	x.seen[f] = true
	x.told[f.Check+" "+f.Where] = true
	x.report.Findings = append(x.report.Findings, f)
}

// place gives where a setting of a profile stands, or the profile's own place.
func (x *exam) place(p profiles.Section, key string) string {
	if property, ok := p.Properties[key]; ok {
		return x.files.Place(property)
	}
	if x.headerAt == nil {
		x.headerAt = map[string]string{}
		for _, r := range x.raw {
			for _, l := range r.headers() {
				if l.Profile != "" && x.headerAt[l.Profile] == "" {
					x.headerAt[l.Profile] = l.Where
				}
			}
		}
	}
	return x.headerAt[p.Name]
}

// The forms of a fix.

// run is a fix by commands.
func run(commands ...string) string { return "run\n  " + strings.Join(commands, "\n  ") }

// write is a fix by lines in the file; where says which.
func write(where string, lines ...string) string {
	return where + "\n  " + strings.Join(lines, "\n  ")
}

// quoted gives a word in the form in which a shell takes it as it is.
func (x *exam) quoted(word string) string {
	const plain = "/._-+:,=@%"
	odd := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(plain, r))
	}
	switch {
	case x.goos == "windows" && strings.Contains(word, " "):
		return `"` + word + `"`
	case x.goos != "windows" && (word == "" || strings.ContainsFunc(word, odd)):
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}

// unset is a fix that takes variables out of the environment.
func (x *exam) unset(variables ...string) string {
	line := "unset " + strings.Join(variables, " ")
	if x.goos == "windows" {
		line = "Remove-Item Env:" + strings.Join(variables, ", Env:")
	}
	return run(line) + "\nand take it out of where it is set (a shell's start-up file, the settings of an IDE)"
}

// export is a fix that puts a variable into the environment.
func (x *exam) export(variable, value string) string {
	if x.goos == "windows" {
		return run("$env:" + variable + " = " + `"` + value + `"`)
	}
	return run("export " + variable + "=" + x.quoted(value))
}

func (x *exam) getenv(name string) string { return x.Resolver.Getenv(name) }

func (x *exam) now() time.Time { return x.Resolver.Now() }

// listed gives names as a text: "a", "a and b", "a, b, c and d", "a, b, c and more".
func listed(names []string) string {
	const most = 4
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n > most:
		return strings.Join(names[:most-1], ", ") + " and more"
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// shortened cuts a text from a file for a message.
func shortened(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
