package profiles

import (
	"fmt"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
)

// Unwire undoes [Wire]: it removes the section with the credential_process line and gives its name
// back to the role profile, whose name it returns. What was edited in either section since is kept:
// settings and comments of the removed section are moved to the other. Unwire reports whether it
// changed anything.
func Unwire(e *Editor, name string) (role string, changed bool, err error) {
	p, err := e.now.Profile(name)
	if err != nil {
		return "", false, err
	}
	role, ok := Wired(p)
	if !ok {
		return "", false, checkShadowed(e.now, p)
	}
	if err := checkUnwireable(e.now, p, role); err != nil {
		return "", false, err
	}
	_, broken := e.now.Chain(name)
	if err := unwire(e, name, role); err != nil {
		return "", false, err
	}
	if err := renameOwnSource(e, name, role); err != nil {
		return "", false, err
	}
	if _, err := e.now.Chain(name); err != nil && broken == nil {
		return "", false, fmt.Errorf("after the edit: %w", err)
	}
	return role, true, nil
}

// checkShadowed refuses a profile whose other settings override its wired process.
func checkShadowed(f *Files, p Section) error {
	role, ok := wiredTo(p)
	if !ok {
		return nil
	}
	for _, key := range []string{
		"role_arn", "aws_access_key_id", "sso_account_id", "sso_role_name", "login_session",
	} {
		if property, ok := p.Properties[key]; ok {
			return &diag.Error{
				Profile: p.Name,
				Where:   f.Place(property),
				Problem: fmt.Sprintf("wired to %s, but its %s takes precedence", role, key),
				Hint:    "remove this line, then run the command again",
			}
		}
	}
	return nil
}

// checkUnwireable refuses a wired profile that Unwire cannot restore.
func checkUnwireable(f *Files, p Section, role string) error {
	process := p.Properties["credential_process"]
	fail := func(problem, hint string) *diag.Error {
		return &diag.Error{Profile: p.Name, Where: f.Place(process), Problem: problem, Hint: hint}
	}
	if process.File != ConfigFile {
		return fail("credential_process is in the credentials file, where setup does not write it",
			"remove the line by hand")
	}
	if role == p.Name {
		return fail("wired to itself, for keys in the keyring",
			"aws-credproc import --undo "+Argument(role))
	}
	target, err := f.wiredTarget(p, role)
	if err != nil {
		return err
	}
	if _, ok := Wired(target); ok {
		return fail("wired to "+role+", which is wired itself",
			"aws-credproc setup --undo "+Argument(role))
	}
	user, place, err := userOf(f, role, p.Name)
	if err == nil && user != "" {
		return &diag.Error{
			Profile: p.Name,
			Where:   place,
			Problem: fmt.Sprintf("profile %s uses %s, which would be renamed to %s", user, role, p.Name),
			Hint:    "change this line to " + p.Name,
		}
	}
	return err
}

// userOf returns another profile than except that uses role as its source or is wired to it, and
// the place of that setting.
func userOf(f *Files, role, except string) (name, place string, err error) {
	for _, file := range f.both() {
		for _, part := range file.sections {
			if part.kind != profileSection || part.name == except || part.name == role {
				continue
			}
			b, _ := file.body(part) // of one with a faulty line, what can be read
			for _, s := range b.settings {
				if s.names(role) {
					return part.name, fileLine(file.path, s.number), nil
				}
			}
		}
	}
	return "", "", nil
}

// names reports whether the setting leads to a profile, as source_profile or credential_process.
// The name of a profile has one line.
func (s setting) names(profile string) bool {
	switch s.key {
	case "source_profile":
		return s.first == profile
	case "credential_process":
		p := Section{Properties: map[string]Property{s.key: {Value: s.first}}}
		name, _ := Wired(p)
		return name == profile
	}
	return false
}

// unwire makes the edit of [Unwire], except for renameOwnSource.
func unwire(e *Editor, name, role string) error {
	keys, lines, err := writtenSettings(e.now, name)
	if err != nil {
		return err
	}
	wired, err := e.now.config.bodies(name)
	if err != nil {
		return err
	}
	wired = slices.DeleteFunc(wired, func(b body) bool {
		_, ok := lastSetting([]body{b}, "credential_process")
		return !ok
	})
	short := e.now.config.header(wired[0].section) == "default"
	if err := removeWired(e, wired); err != nil {
		return err
	}
	for _, f := range e.now.both() {
		bodies, err := f.bodies(role)
		if err != nil {
			return err
		}
		splices, err := f.rename(bodies, name, short)
		if err != nil {
			return err
		}
		if err := e.splice(f.which, splices...); err != nil {
			return err
		}
	}
	return restoreSettings(e, name, keys, lines)
}

// writtenSettings returns the settings of a wired profile that count, except for the process, as
// their lines are written, and their keys in order.
func writtenSettings(f *Files, name string) (keys []string, lines map[string][]string, err error) {
	lines = map[string][]string{}
	for _, file := range f.both() {
		bodies, err := file.bodies(name)
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
				lines[s.key] = file.rawLines(s)
			}
		}
	}
	return keys, lines, nil
}

// removeWired removes the sections with the credential_process line. Comments in them stay.
func removeWired(e *Editor, bodies []body) error {
	f := e.now.config
	var splices []splice
	for _, b := range bodies {
		s := f.removeSection(b)
		newline := f.lineEnd(b.section.start)
		_, end := f.headerSpan(b.section)
		_, after, _ := strings.Cut(f.text[end:b.section.start], "]")
		if comment := trim(after); comment != "" {
			if !isComment(comment) {
				comment = "# " + comment
			}
			s.text = comment + newline
		}
		for _, c := range b.comments {
			if c.end <= b.last {
				s.text += trim(f.text[c.start:c.end]) + newline // not indented: it must not continue a value
			}
		}
		if s.text != "" && s.start < b.start {
			s.start = b.start // keep the line end or blank line above
		}
		splices = append(splices, s)
	}
	return e.spliceSections(ConfigFile, -len(bodies), splices...)
}

// restoreSettings writes settings of a profile as they were in a removed section.
func restoreSettings(e *Editor, name string, keys []string, lines map[string][]string) error {
	parts, err := partsOf(e.now, name)
	if err != nil {
		return err
	}
	for _, key := range keys {
		changed, err := restoreSetting(e, parts, key, lines[key])
		if err == nil && changed { // scanning for unchanged ones too would take quadratic time
			parts, err = partsOf(e.now, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// part is a profile's sections in one of the files.
type part struct {
	*file
	bodies []body
}

// partsOf returns a profile's sections in the credentials file and in the config file, in the order
// in which the setting that counts is found.
func partsOf(f *Files, name string) (parts [2]part, err error) {
	for i, file := range [2]*file{f.credentials, f.config} {
		bodies, err := file.bodies(name)
		if err != nil {
			return parts, err
		}
		parts[i] = part{file, bodies}
	}
	return parts, nil
}

// restoreSetting replaces or adds the lines of a setting, unless it has them already.
func restoreSetting(
	e *Editor, parts [2]part, key string, lines []string,
) (changed bool, err error) {
	equal := func(a, b string) bool { return trim(a) == trim(b) }
	for _, p := range parts {
		s, ok := lastSetting(p.bodies, key)
		if !ok {
			continue
		}
		if slices.EqualFunc(p.rawLines(s), lines, equal) {
			return false, nil
		}
		return true, e.splice(p.which, p.replaceSetting(s, lines)...)
	}
	at := parts[1] // the config file, if the profile is in it
	if len(at.bodies) == 0 {
		at = parts[0]
	}
	end := at.bodies[len(at.bodies)-1]
	lines = reindent(lines, at.indentOfBody(end))
	return true, e.splice(at.which, at.insertLines(end.last, lines))
}
