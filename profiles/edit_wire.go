package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"

	"aws-credproc/internal/diag"
)

// wiredSuffix returns what is appended to a profile's name to name the profile that it is wired to:
// -role for one with a role, -sso for one of IAM Identity Center, and -source for a process or a
// sign-in of aws login. It returns "" for a profile without credentials that expire.
func wiredSuffix(p Section) string {
	if _, ok := p.Properties["role_arn"]; ok {
		return "-role"
	}
	switch leafType(p, p.hasAny("aws_access_key_id", "aws_secret_access_key")) {
	case SSO:
		if p.hasAny("sso_account_id", "sso_role_name") { // else it is a sign-in only
			return ssoSuffix
		}
	case Process, Login:
		return "-source"
	}
	return ""
}

// targetName returns the name of the profile that a profile will be wired to. It has no characters
// that would need quotes in a header or a command, so every SDK can start the process.
func targetName(profile, suffix string) string {
	plain := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && IsName(string(r)) {
			return r
		}
		return '-'
	}, profile)
	return plain + suffix
}

// isCredentialSetting reports whether a setting decides where credentials come from. Such settings
// go to the role profile only: some tools would use them instead of a credential_process.
func isCredentialSetting(key string) bool {
	if strings.HasPrefix(key, "sso_") {
		return true
	}
	switch key {
	case "role_arn", "source_profile", "credential_source", "external_id", "mfa_serial",
		"duration_seconds", "role_session_name", "web_identity_token_file",
		// this program's own settings of a role
		"mfa_process", "mfa_session_duration", "session_tags", "transitive_session_tags",
		"source_identity", "web_identity_token_process", "policy", "policy_arns",
		// other credentials
		"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token",
		"aws_account_id", "credential_process", "login_session":
		return true
	}
	return false
}

// Wire splits a profile whose credentials expire into two. Its section is renamed to NAME-role,
// NAME-sso or NAME-source: see wiredSuffix. Above it, a new section by the old name gets the
// credential_process line and a copy of all settings that do not concern credentials. helper is the
// absolute path of this program. Wire returns the name of the role profile and reports whether it
// changed anything: of a profile that is wired already it only replaces the path of a helper that is
// gone.
//
// The profile must resolve. It resolves to the same chain after the edit.
func Wire(e *Editor, name, helper string) (role string, changed bool, err error) {
	p, err := e.now.Profile(name)
	if err != nil {
		return "", false, err
	}
	if role, ok := Wired(p); ok {
		if _, err := e.now.wiredTarget(p, role); err != nil {
			return "", false, err
		}
		if _, err := e.now.Chain(name); err != nil {
			return "", false, err
		}
		changed, err := replaceHelper(e, p, helper)
		return role, changed, err
	}
	role = targetName(name, wiredSuffix(p))
	if err := checkWireable(e.now, p, role); err != nil {
		return "", false, err
	}
	before, err := e.now.Chain(name)
	if err != nil {
		return "", false, err
	}
	command, err := ProcessCommand(helper, role, runtime.GOOS)
	if err != nil {
		return "", false, err
	}
	if err := wire(e, name, role, command); err != nil {
		return "", false, err
	}
	if err := renameOwnSource(e, role, name); err != nil {
		return "", false, err
	}
	after, err := e.now.Chain(name)
	if err != nil {
		return "", false, fmt.Errorf("after the edit: %w", err)
	}
	if !sameChain(before, after) {
		return "", false, &diag.Error{
			Profile: name,
			Problem: "would resolve to another chain after the edit",
			Hint:    "this is a bug in aws-credproc, please report it",
		}
	}
	return role, true, nil
}

const hyphenProblem = "tools would take the name for a flag, since it starts with a hyphen"

// checkWireable refuses a profile that cannot be wired.
func checkWireable(f *Files, p Section, role string) error {
	fail := func(where, problem, hint string) error {
		return &diag.Error{Profile: p.Name, Where: where, Problem: problem, Hint: hint}
	}
	suffix := wiredSuffix(p)
	if suffix == "" {
		return fail("", "no role and no other credentials that expire", roleHint(f, p))
	}
	process, ok := p.Properties["credential_process"]
	switch {
	case ok && suffix == "-source" && p.Get("login_session") == "":
		if namesProfile(process.Value, p.Name) {
			return fail(f.Place(process), "the command uses the profile itself, and would start itself "+
				"after the change", "name another profile in the command")
		}
	case ok:
		// The role profile would keep the line, which may name that profile itself.
		return fail(f.Place(process), "both "+decidingKey(p)+
			" and credential_process, of which tools use one or the other",
			"remove this line, then run the command again")
	}
	if p.Name[0] == '-' {
		return fail("", hyphenProblem, "rename the profile")
	}
	bodies, err := f.credentials.bodies(p.Name)
	if err != nil {
		return err
	}
	for _, key := range []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"} {
		if s, ok := lastSetting(bodies, key); ok {
			if w, ok := f.writtenSession(p.Name); ok {
				return fail(w.Where, "export has written a session to the credentials file, which most tools "+
					"would use instead", "aws-credproc clear "+Argument(p.Name)+" removes it")
			}
			return fail(fileLine(f.credentials.path, s.number),
				"keys in the credentials file, which most tools would use instead",
				fmt.Sprintf("rename the section to [%s-keys], and adapt source_profile", p.Name))
		}
	}
	if wired, ok := f.wiredBy(p.Name); ok {
		return fail("", "it is the role profile of "+wired+", which is set up already", "use "+wired)
	}
	if place := f.sectionPlace(role); place != "" {
		return fail(place, fmt.Sprintf("setup would create the profile %s, which exists already", role),
			"rename the existing one")
	}
	return nil
}

// decidingKey returns the setting that makes tools ignore a credential_process.
func decidingKey(p Section) string {
	for _, key := range []string{"role_arn", "sso_account_id", "sso_role_name", "login_session"} {
		if _, ok := p.Properties[key]; ok {
			return key
		}
	}
	return "other settings"
}

// namesProfile reports whether a command has a profile as the value of its --profile.
func namesProfile(command, profile string) bool {
	words := splitCommand(command)
	for i, word := range words {
		if word == "--profile="+profile || word == "--profile" && i+1 < len(words) &&
			words[i+1] == profile {
			return true
		}
	}
	return false
}

// roleHint returns the hint for a profile without a role, by what it has instead.
func roleHint(f *Files, p Section) string {
	w, isSession := f.writtenSession(p.Name)
	switch kind := SourceType(Kind(p)); {
	case isSession:
		return "it is a session of another profile: aws-credproc setup " + Argument(w.Profile) +
			" sets up that one"
	case kind == Static && checkTakeable(f.settings(p)) == nil:
		return "aws-credproc import " + Argument(p.Name) + " moves its keys into the keyring"
	case kind == SSO:
		return "add sso_account_id and sso_role_name, or choose another profile"
	}
	return "add role_arn and source_profile, or choose another profile"
}

// wire makes the edit of [Wire].
func wire(e *Editor, name, role, command string) error {
	config, err := e.now.config.bodies(name)
	if err != nil {
		return err
	}
	credentials, err := e.now.credentials.bodies(name)
	if err != nil {
		return err
	}
	lines := []string{"credential_process = " + command}
	lines = append(lines, copiedLines(e.now, config, credentials)...)
	renames, err := e.now.credentials.rename(credentials, role, false)
	if err != nil {
		return err
	}
	if err := e.splice(CredentialsFile, renames...); err != nil {
		return err
	}
	f := e.now.config
	if len(config) == 0 {
		lines = append([]string{profileHeader(ConfigFile, name)}, lines...)
		return e.spliceSections(ConfigFile, 1, f.appendSection(lines))
	}
	first := config[0]
	at := first.start
	_, end := f.headerSpan(first.section)
	closing := strings.IndexByte(f.text[end:], ']') + 1
	header := f.text[at : end+closing]
	indent, _ := indentation(header) // of the header that follows the new lines
	newline := f.lineEnd(first.section.start)
	block := header + newline + indent + strings.Join(lines, newline+indent) + newline + newline
	renames, err = f.rename(config, role, false)
	if err != nil {
		return err
	}
	return e.spliceSections(ConfigFile, 1, append([]splice{{at, at, block}}, renames...)...)
}

// copiedLines returns the lines of the settings that a wired profile keeps. Of several settings of
// a key it returns the one that counts, since the AWS CLI refuses a file with duplicates.
func copiedLines(f *Files, config, credentials []body) (lines []string) {
	var order []string
	copied := map[string][]string{}
	add := func(file *file, bodies []body) {
		for _, b := range bodies {
			for _, s := range b.settings {
				if isCredentialSetting(s.key) {
					continue
				}
				if _, again := copied[s.key]; !again {
					order = append(order, s.key)
				}
				copied[s.key] = reindent(file.rawLines(s), "")
			}
		}
	}
	add(f.config, config)
	add(f.credentials, credentials)
	for _, key := range order {
		lines = append(lines, copied[key]...)
	}
	return lines
}

// renameOwnSource lets a profile that was its own source under its old name be that under its new
// one.
func renameOwnSource(e *Editor, name, old string) error {
	p, err := e.now.Profile(name)
	if err != nil {
		return err
	}
	if source := p.Properties["source_profile"]; source.Value == old {
		return e.Set(source.File, name, "source_profile", name)
	}
	return nil
}

// sameChain reports whether two chains obtain the same credentials. The profiles' names may differ.
func sameChain(a, b Chain) bool {
	nameless := func(c Chain) (Source, []Hop) {
		hops := slices.Clone(c.Hops)
		for i := range hops {
			hops[i].Profile = ""
		}
		c.Source.Profile = ""
		return c.Source, hops
	}
	sourceA, hopsA := nameless(a)
	sourceB, hopsB := nameless(b)
	return reflect.DeepEqual(sourceA, sourceB) && reflect.DeepEqual(hopsA, hopsB)
}

// replaceHelper replaces the path of the helper in a wired profile if there is no file at it.
func replaceHelper(e *Editor, p Section, helper string) (changed bool, err error) {
	process := p.Properties["credential_process"]
	program := splitCommand(process.Value)[0]
	if !strings.ContainsAny(program, `/\`) {
		return false, nil // found on the PATH
	}
	if _, err := os.Stat(program); !errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	command, err := CommandWith(process.Value, helper, runtime.GOOS)
	if problem := (*diag.Error)(nil); errors.As(err, &problem) {
		problem.Profile, problem.Where = p.Name, e.now.Place(process)
	}
	if err != nil {
		return false, err
	}
	return true, e.Set(process.File, p.Name, "credential_process", command)
}

// TryWire is [Translate] and [Wire] for one of several profiles: if it fails, the Editor is as it
// was before. program is what Translate returns.
func TryWire(e *Editor, name, helper string) (target, program string, err error) {
	err = e.try(func() error {
		if program, err = Translate(e, name); err == nil {
			target, _, err = Wire(e, name, helper)
		}
		return err
	})
	return target, program, err
}

// TryUnwire is [Unwire] and [Untranslate] for one of several profiles: if it fails, the Editor is as
// it was before.
func TryUnwire(e *Editor, name string) (role string, changed bool, err error) {
	err = e.try(func() error {
		if role, changed, err = Unwire(e, name); err == nil && changed {
			_, err = Untranslate(e, name)
		}
		return err
	})
	return role, changed, err
}

func (e *Editor) try(edit func() error) error {
	before := e.now
	err := edit()
	if err != nil {
		e.now = before
	}
	return err
}
