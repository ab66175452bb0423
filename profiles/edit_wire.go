package profiles

import (
	"aws-credproc/internal/diag"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
)

// stays reports whether a setting of a role profile is no setting of the tools' profile that is made from it: what says
// where credentials come from, since any of these beside credential_process would be taken for it, or beat it.
func stays(key string) bool {
	return strings.HasPrefix(key, "sso_") || slices.Contains([]string{
		// The role.
		"role_arn", "source_profile", "credential_source", "external_id", "mfa_serial", "duration_seconds", "role_session_name",
		"web_identity_token_file",
		// The role, in words that AWS has not.
		"mfa_process", "mfa_session_duration", "session_tags", "transitive_session_tags", "source_identity", "web_identity_token_process", "policy", "policy_arns",
		// Other credentials.
		"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token", "aws_account_id", "credential_process", "login_session",
	}, key)
}

// roleSuffix makes the name of a role profile from that of the tools' profile.
const roleSuffix = "-role"

// Wire makes a profile that holds role settings into two: a role profile NAME-role, which is the section as it stands
// with another header, and above it the profile by the old name, which holds the credential_process line and a copy of
// every setting that says nothing about credentials. helper is the absolute path of this program. It reports whether
// anything was to be done: a profile that is wired is left alone, but for a line that names a helper that is gone.
//
// The profile must resolve, and after the edit it resolves to the same chain.
func (e *Editor) Wire(name, helper string) (role string, changed bool, err error) {
	p, err := e.now.Profile(name)
	if err != nil {
		return "", false, err
	}
	if role, ok := Wired(p); ok {
		changed, err := e.fixHelper(p, helper)
		return role, changed, err
	}
	role = name + roleSuffix
	if err := e.checkUnwired(p, role); err != nil {
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
	if err := e.wire(name, role, command); err != nil {
		return "", false, err
	}
	if err := e.ownSource(role, name); err != nil {
		return "", false, err
	}
	after, err := e.now.Chain(name)
	if err != nil {
		return "", false, fmt.Errorf("after the edit: %w", err)
	}
	if !sameChain(before, after) {
		return "", false, &diag.Error{Profile: name, Problem: "it would not stand for the same role after the edit", Hint: "wire it by hand, and report this"}
	}
	return role, true, nil
}

// checkUnwired refuses a profile that cannot be wired.
func (e *Editor) checkUnwired(p Section, role string) error {
	fail := func(where, problem, hint string) error {
		return &diag.Error{Profile: p.Name, Where: where, Problem: problem, Hint: hint}
	}
	if _, ok := p.Properties["role_arn"]; !ok {
		hint := "add role_arn and source_profile, or name another profile"
		switch kind := SourceType(Kind(p)); {
		case kind == Static && e.checkTakeable(p) == nil:
			hint = "aws-credproc import " + p.Name + " moves its keys into the keyring"
		case kind == SSO, kind == Login:
			hint = "tools sign in by it as it is; for one that cannot, write credential_process = aws-credproc get " + Argument(p.Name) +
				" into another profile; for a role behind it, aws-credproc setup NAME --role-arn ARN --source-profile=" + p.Name
		}
		return fail("", "it has no role_arn, and setup wires profiles that assume a role", hint)
	}
	if p.Name[0] == '-' {
		return fail("", "its name starts with a hyphen, so that it would be read as a flag", "rename it")
	}
	bodies, err := e.now.credentials.bodies(p.Name)
	if err != nil {
		return err
	}
	for _, b := range bodies {
		for _, s := range b.settings {
			if slices.Contains([]string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}, s.key) {
				return fail(fmt.Sprintf("%s:%d", e.now.credentials.path, s.number), "static keys stand under its name in the credentials file, and most tools would use them instead of its role",
					fmt.Sprintf("rename that section, to [%s-keys] say, and the source_profile that names it", p.Name))
			}
		}
	}
	if wired, ok := e.wiredBy(p.Name); ok {
		return fail("", fmt.Sprintf("it is the role profile of %s, which is wired already", wired), "use "+wired)
	}
	for _, f := range []*file{e.now.config, e.now.credentials} {
		if taken := f.sectionsOf(profileSection, role); len(taken) > 0 {
			return fail(fmt.Sprintf("%s:%d", f.path, taken[0].line), fmt.Sprintf("its settings would move to the profile %s, and there is one by that name", role),
				"rename that one, or wire this one by hand")
		}
	}
	return nil
}

// wire does the edit itself.
func (e *Editor) wire(name, role, command string) error {
	config, err := e.now.config.bodies(name)
	if err != nil {
		return err
	}
	credentials, err := e.now.credentials.bodies(name)
	if err != nil {
		return err
	}
	var order []string
	copied := map[string][]string{}
	for _, source := range []struct {
		file   *file
		bodies []body
	}{{e.now.config, config}, {e.now.credentials, credentials}} {
		for _, b := range source.bodies {
			for _, s := range b.settings {
				if stays(s.key) {
					continue
				}
				if _, again := copied[s.key]; !again {
					order = append(order, s.key)
				}
				copied[s.key] = source.file.rawLines(s) // the last one counts, and the AWS CLI refuses a key that stands twice
			}
		}
	}
	lines := []string{"credential_process = " + command}
	for _, key := range order {
		lines = append(lines, copied[key]...)
	}
	if err := e.splice(CredentialsFile, e.renames(CredentialsFile, credentials, role, false)...); err != nil {
		return err
	}
	if len(config) == 0 {
		header := "[profile " + name + "]"
		if name == "default" {
			header = "[default]"
		}
		return e.splice(ConfigFile, e.now.config.appendSection(append([]string{header}, lines...)))
	}
	f, at := e.now.config, config[0].start
	header, _, _ := strings.Cut(f.text[at:], "]")
	newline := f.lineEnd(config[0].section.start)
	block := strings.Join(append([]string{header + "]"}, lines...), newline) + newline + newline
	return e.splice(ConfigFile, append([]splice{{at, at, block}}, e.renames(ConfigFile, config, role, false)...)...)
}

// rawLines gives a setting's lines as they are written, without their ends.
func (f *file) rawLines(s setting) []string {
	var lines []string
	for _, l := range s.lines {
		lines = append(lines, strings.TrimRight(f.text[l.start:l.end], "\r\n"))
	}
	return lines
}

// ownSource lets a role profile that is its own source, having static keys too, stay that under its new name.
func (e *Editor) ownSource(name, old string) error {
	p, err := e.now.Profile(name)
	if err != nil {
		return err
	}
	if source := p.Properties["source_profile"]; source.Value == old {
		return e.Set(source.File, name, "source_profile", name)
	}
	return nil
}

// sameChain reports whether two chains obtain the same credentials. The names of the profiles may differ.
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

// fixHelper exchanges the path of the helper in a wired profile where there is nothing at it any more.
func (e *Editor) fixHelper(p Section, helper string) (changed bool, err error) {
	process := p.Properties["credential_process"]
	program := splitCommand(process.Value)[0]
	if !strings.ContainsAny(program, `/\`) {
		return false, nil // it is found on the PATH
	}
	if _, err := os.Stat(program); !errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	command, err := CommandWith(process.Value, helper, runtime.GOOS)
	if problem := (*diag.Error)(nil); errors.As(err, &problem) {
		problem.Profile, problem.Where = p.Name, e.now.where(process)
	}
	if err != nil {
		return false, err
	}
	return true, e.Set(process.File, p.Name, "credential_process", command)
}

// CommandWith gives a credential_process command with the program at an absolute path in the place of its own, which is
// not there or not found everywhere. See [ProcessCommand].
func CommandWith(command, program, goos string) (string, error) {
	word, err := commandWord(program, goos)
	if err != nil {
		return "", err
	}
	words := splitCommand(command)
	for _, first := range words[:min(len(words), 1)] {
		for _, written := range []string{first, `"` + first + `"`, "'" + first + "'"} {
			if rest, ok := strings.CutPrefix(command, written); ok {
				return word + rest, nil
			}
		}
	}
	return "", &diag.Error{Problem: "its credential_process names a helper that is not there", Hint: "write " + word + " in its place"}
}

// checkShadowed refuses a profile that is not wired only because something stands beside its process.
func (e *Editor) checkShadowed(p Section) error {
	role, ok := wiredTo(p)
	if !ok {
		return nil
	}
	for _, key := range []string{"role_arn", "aws_access_key_id", "sso_account_id", "sso_role_name", "login_session"} {
		if property, ok := p.Properties[key]; ok {
			return &diag.Error{Profile: p.Name, Where: e.now.where(property), Problem: fmt.Sprintf("it is wired to %s, but its %s is used in place of that", role, key),
				Hint: "remove that line, and then undo"}
		}
	}
	return nil
}

// Unwire takes back what [Editor.Wire] did: the profile's section with the credential_process line goes, and the role
// profile that it stood for takes its name. What has been changed since in either of them is kept: the settings and
// comments of the section that goes are moved over, where they are not there already. It reports whether anything was to
// be done.
func (e *Editor) Unwire(name string) (role string, changed bool, err error) {
	p, err := e.now.Profile(name)
	if err != nil {
		return "", false, err
	}
	role, ok := Wired(p)
	if !ok {
		return "", false, e.checkShadowed(p)
	}
	if err := e.checkWired(p, role); err != nil {
		return "", false, err
	}
	_, broken := e.now.Chain(name)
	keys, lines, err := e.written(name)
	if err != nil {
		return "", false, err
	}
	wired, err := e.now.config.bodies(name)
	if err != nil {
		return "", false, err
	}
	wired = slices.DeleteFunc(wired, func(b body) bool {
		_, ok := lastSetting([]body{b}, "credential_process")
		return !ok
	})
	short := e.now.config.header(wired[0].section) == "default"
	if err := e.removeWired(wired); err != nil {
		return "", false, err
	}
	for _, which := range []string{ConfigFile, CredentialsFile} {
		bodies, err := e.file(which).bodies(role)
		if err != nil {
			return "", false, err
		}
		if err := e.splice(which, e.renames(which, bodies, name, short)...); err != nil {
			return "", false, err
		}
	}
	parts, err := e.parts(name)
	if err != nil {
		return "", false, err
	}
	for _, key := range keys {
		changed, err := e.putBack(parts, key, lines[key])
		if err == nil && changed { // mostly nothing has: a scan for each key would take the square of their number
			parts, err = e.parts(name)
		}
		if err != nil {
			return "", false, err
		}
	}
	if err := e.ownSource(name, role); err != nil {
		return "", false, err
	}
	if _, err := e.now.Chain(name); err != nil && broken == nil {
		return "", false, fmt.Errorf("after the edit: %w", err)
	}
	return role, true, nil
}

// written gives the settings of a wired profile that count, but for the process, as their lines are written.
func (e *Editor) written(name string) (keys []string, lines map[string][]string, err error) {
	lines = map[string][]string{}
	for _, f := range []*file{e.now.config, e.now.credentials} {
		bodies, err := f.bodies(name)
		if err != nil {
			return nil, nil, err
		}
		for _, b := range bodies {
			for _, s := range b.settings {
				if s.key == "credential_process" {
					continue
				}
				if lines[s.key] == nil {
					keys = append(keys, s.key)
				}
				lines[s.key] = f.rawLines(s)
			}
		}
	}
	return keys, lines, nil
}

// checkWired refuses what cannot be taken back.
func (e *Editor) checkWired(p Section, role string) error {
	process := p.Properties["credential_process"]
	if process.File != ConfigFile {
		return &diag.Error{Profile: p.Name, Where: e.now.where(process), Problem: "its credential_process stands in the credentials file", Hint: "remove it there by hand"}
	}
	if role == p.Name {
		return &diag.Error{Profile: p.Name, Where: e.now.where(process), Problem: "it is wired to itself, for keys in the keyring", Hint: "aws-credproc import --undo " + Argument(role)}
	}
	rolePart, err := e.now.Profile(role)
	if err != nil {
		return &diag.Error{Profile: p.Name, Where: e.now.where(process), Problem: "it is wired to " + role + ", and " + err.Error(), Err: err}
	}
	if _, ok := Wired(rolePart); ok {
		return &diag.Error{Profile: p.Name, Where: e.now.where(process), Problem: "it is wired to " + role + ", which is wired itself", Hint: "aws-credproc setup --undo " + Argument(role)}
	}
	for _, f := range []*file{e.now.config, e.now.credentials} {
		for _, s := range f.sections {
			if s.kind != profileSection || s.name == p.Name || s.name == role {
				continue
			}
			b, err := f.body(s)
			if err != nil {
				return err
			}
			for _, s := range b.settings {
				value := s.first // a name has one line
				wiredTo, _ := Wired(Section{Properties: map[string]Property{s.key: {Value: value}}})
				if wiredTo == role || s.key == "source_profile" && value == role {
					return &diag.Error{Profile: p.Name, Where: fmt.Sprintf("%s:%d", f.path, s.number),
						Problem: fmt.Sprintf("the profile %s names %s, which would be gone", b.name, role), Hint: "let it name " + p.Name}
				}
			}
		}
	}
	return nil
}

// wiredBy finds a profile that is wired to the one named.
func (e *Editor) wiredBy(role string) (name string, ok bool) {
	f := e.now.config
	for _, s := range f.sections {
		if s.kind != profileSection || !strings.Contains(f.text[s.start:s.end], role) {
			continue
		}
		if p, err := e.now.Profile(s.name); err == nil {
			if wiredTo, ok := Wired(p); ok && wiredTo == role {
				return s.name, true
			}
		}
	}
	return "", false
}

// removeWired removes the sections that held the credential_process line. Comments that were written there since stay
// where they stood.
func (e *Editor) removeWired(bodies []body) error {
	f := e.now.config
	var splices []splice
	for _, b := range bodies {
		s := f.removeSection(b)
		newline := f.lineEnd(b.section.start)
		header := f.text[b.start:b.section.start]
		if comment := trim(header[strings.IndexByte(header, ']')+1:]); comment != "" {
			s.text = comment + newline
		}
		for _, c := range b.comments {
			if c.end <= b.last {
				s.text += trim(f.text[c.start:c.end]) + newline // without white space before it, so that it continues no value
			}
		}
		if s.text != "" && s.start < b.start { // the newline or the blank line above would be missing then
			s.start = b.start
		}
		splices = append(splices, s)
	}
	return e.splice(ConfigFile, splices...)
}

// putBack gives a setting the lines that it had in the section that went. A setting that is written so already stays
// untouched.
func (e *Editor) putBack(parts []part, key string, lines []string) (changed bool, err error) {
	for _, p := range parts {
		f := e.file(p.which)
		s, ok := lastSetting(p.bodies, key)
		if !ok {
			continue
		}
		if slices.EqualFunc(f.rawLines(s), lines, func(a, b string) bool { return trim(a) == trim(b) }) {
			return false, nil
		}
		first := s.lines[0]
		raw := strings.TrimRight(f.text[first.start:first.end], "\r\n")
		exchange := splice{first.start, first.start + len(raw), strings.Join(lines, f.lineEnd(first.end))}
		return true, e.splice(p.which, append([]splice{exchange}, f.removeLines(s.lines[1:])...)...)
	}
	at := parts[1] // the config file, if the profile is there
	if len(at.bodies) == 0 {
		at = parts[0]
	}
	f, end := e.file(at.which), at.bodies[len(at.bodies)-1].last
	return true, e.splice(at.which, f.insertLine(end, strings.Join(lines, f.lineEnd(end))))
}

// part is a profile's sections in one of the files.
type part struct {
	which  string
	bodies []body
}

// parts gives a profile's sections in the credentials file and in the config file: in this order a setting that counts is
// found first.
func (e *Editor) parts(name string) ([]part, error) {
	var parts []part
	for _, which := range []string{CredentialsFile, ConfigFile} {
		bodies, err := e.file(which).bodies(name)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{which, bodies})
	}
	return parts, nil
}

// ProcessCommand gives the credential_process command that starts the helper at an absolute path for a profile, in a
// form that every SDK's rules of quoting take: `/path/helper get NAME` or `"/path with space/helper" get NAME`. (A
// command that starts and ends with a quote is broken by the Go SDK.) A path that no form can carry is refused. goos says
// which system's rules count.
func ProcessCommand(helper, profile, goos string) (string, error) {
	word, err := commandWord(helper, goos)
	if err != nil {
		return "", err
	}
	if goos == "windows" && strings.Contains(profile, "%") {
		return "", &diag.Error{Profile: profile, Problem: "its name holds a %, which cmd.exe takes for a variable", Hint: "rename it"}
	}
	return word + " get " + profile, nil
}

// commandWord gives a helper's path as a command's first word.
func commandWord(helper, goos string) (string, error) {
	// Within double quotes, sh expands these; the shlex of the AWS CLI, and the AWS CLI's and cmd.exe's rules on Windows,
	// have their own ideas of some.
	forbidden := "\"'\\$`~"
	if goos == "windows" {
		forbidden = "\"'%&|<>^()@!`"
	}
	var bad string
	for i, c := range helper {
		switch {
		case c < ' ' || c == 0x7f:
			bad = "a control character"
		case strings.ContainsRune(forbidden, c):
			bad = string(c)
		case (c == '#' || c == ';') && i > 0 && isSpace(helper[i-1]):
			bad = "' " + string(c) + "', which starts a comment,"
		}
	}
	if bad != "" {
		return "", &diag.Error{Problem: fmt.Sprintf("the helper's path %q holds %s that not every SDK reads in a credential_process", helper, bad),
			Hint: "link the helper into a folder with a plain name, and put that first on the PATH"}
	}
	plain := "/._-+:,="
	if goos == "windows" {
		plain += `\~`
	}
	for _, c := range helper {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune(plain, c)) {
			return `"` + helper + `"`, nil
		}
	}
	return helper, nil
}
