package profiles

import (
	"fmt"
	"strings"

	"aws-credproc/internal/diag"
)

// Editor edits the texts of the two shared config files. An edit changes what it names and keeps
// every other byte: comments, order, blank lines, line ends, duplicates. Several sections of one
// name are read as one, in which the last setting of a key takes effect.
//
// An Editor writes no file; [Update] and [Move] do. After an edit has failed, it may have been made
// in part, and the Editor must not be used again.
type Editor struct {
	before, now *Files
}

// maxEditSize bounds a file that is edited, some 20,000 profiles: an edit of 10 MB can take
// seconds.
const maxEditSize = 4 << 20

// Edit starts an edit of the files as they were read.
func (f *Files) Edit() *Editor { return &Editor{f, f} }

// Files returns the files as they are after the edits so far.
func (e *Editor) Files() *Files { return e.now }

// Changes returns what the edits so far change: no, one or two files.
func (e *Editor) Changes() []Change {
	var changes []Change
	now := e.now.both()
	for i, before := range e.before.both() {
		if before.text != now[i].text {
			changes = append(changes, Change{before.path, Secret(before.text), Secret(now[i].text)})
		}
	}
	return changes
}

// Set sets a key of a profile to a value of one line. If the key is there, only its value is
// replaced. Otherwise a line is added after the section's last setting.
func (e *Editor) Set(which, profile, key, value string) error {
	if err := checkSetting(profile, key, value); err != nil {
		return err
	}
	bodies, err := e.bodies(which, profile)
	if err != nil {
		return err
	}
	f := e.now.file(which)
	if s, ok := lastSetting(bodies, key); ok {
		return e.splice(which, f.replaceValue(s, value)...)
	}
	last := bodies[len(bodies)-1]
	return e.splice(which, f.insertLine(last.last, f.indentOfBody(last)+key+" = "+value))
}

// Remove removes all settings of a key from a profile, with the lines that continue their values. A
// missing key is not an error.
func (e *Editor) Remove(which, profile, key string) error {
	bodies, err := e.bodies(which, profile)
	if err != nil {
		return err
	}
	var splices []splice
	for _, b := range bodies {
		for _, s := range b.settings {
			if s.key == strings.ToLower(key) {
				splices = append(splices, e.now.file(which).removeLines(s.lines)...)
			}
		}
	}
	return e.splice(which, splices...)
}

// Setting is a key and its value.
type Setting struct{ Key, Value string }

// AddProfile adds a section at the end of a file, after a blank line. If the file does not end with
// a newline, it does not end with one afterwards either, so that [Editor.RemoveProfile] restores
// it.
func (e *Editor) AddProfile(which, profile string, settings ...Setting) error {
	return e.addProfile(which, profile, nil, settings)
}

// addProfile is AddProfile with comments below the header.
func (e *Editor) addProfile(which, profile string, comments []string, settings []Setting) error {
	header, _ := cutHeader(profileHeader(which, profile))
	if kind, name := parseHeader(which, trim(header)); kind != profileSection || name != profile {
		return &diag.Error{Profile: profile, Problem: "invalid profile name", Hint: profileNameHint}
	}
	f := e.now.file(which)
	if len(f.sectionsOf(profileSection, profile)) > 0 {
		return &diag.Error{
			Profile: profile,
			Where:   f.path,
			Problem: "the profile exists already",
			Hint:    "choose another name",
		}
	}
	lines := append([]string{profileHeader(which, profile)}, comments...)
	for _, s := range settings {
		if err := checkSetting(profile, s.Key, s.Value); err != nil {
			return err
		}
		lines = append(lines, s.Key+" = "+s.Value)
	}
	return e.spliceSections(which, 1, f.appendSection(lines))
}

// profileHeader returns the line with the header of a profile's section.
func profileHeader(which, profile string) string { return "[" + headerOf(which, profile) + "]" }

// headerOf returns the header of a profile's section, without the brackets. A name that is more than
// one word, or is read as another one, is in quotes.
func headerOf(which, profile string) string {
	if which == CredentialsFile || profile == "default" {
		return profile
	}
	if name, ok := sectionName(profile); ok && name == profile {
		return "profile " + profile
	}
	return "profile '" + profile + "'"
}

// RemoveProfile removes a profile's sections from a file, each with a blank line next to it.
// Comments below the last setting stay, since they mostly belong to the section that follows.
func (e *Editor) RemoveProfile(which, profile string) error {
	bodies, err := e.bodies(which, profile)
	if err != nil {
		return err
	}
	var splices []splice
	for _, b := range bodies {
		splices = append(splices, e.now.file(which).removeSection(b))
	}
	return e.spliceSections(which, -len(bodies), splices...)
}

// bodies returns a profile's sections in a file, in the file's order. A missing profile is an
// error.
func (e *Editor) bodies(which, profile string) ([]body, error) {
	f := e.now.file(which)
	bodies, err := f.bodies(profile)
	if err == nil && len(bodies) == 0 {
		err = &diag.Error{
			Profile: profile,
			Where:   f.path,
			Problem: "no such profile in this file",
			Err:     ErrNoProfile,
		}
	}
	return bodies, err
}

// splice replaces parts of a file's text. The number of sections stays the same.
func (e *Editor) splice(which string, splices ...splice) error {
	return e.spliceSections(which, 0, splices...)
}

// spliceSections replaces parts of a file's text, which adds this many sections. Another number is
// an error: an indented header continues the property above it if that is indented less.
func (e *Editor) spliceSections(which string, added int, splices ...splice) error {
	f := e.now.file(which)
	if len(f.text) > maxEditSize {
		return &diag.Error{
			Where:   f.path,
			Problem: fmt.Sprintf("is larger than %d MB, too large to edit", maxEditSize>>20),
			Hint:    "edit it by hand",
		}
	}
	if err := CheckHome(e.now.config.path, e.now.credentials.path); err != nil {
		return err
	}
	if SameFile(e.now.config.path, e.now.credentials.path) { // the edits would overwrite each other
		return &diag.Error{
			Where:   f.path,
			Problem: "is both the config file and the credentials file, and cannot be edited",
			Hint:    "set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE to two files",
		}
	}
	edited := newFile(which, f.path, replaceAll(f.text, splices))
	if len(edited.sections) != len(f.sections)+added || len(edited.faults()) > len(f.faults()) {
		return &diag.Error{
			Where:   f.path,
			Problem: "other sections would be read differently after the edit",
			Hint:    "remove the indentation of the section headers in the file, then try again",
		}
	}
	now := &Files{config: e.now.config, credentials: e.now.credentials, Imported: e.now.Imported}
	if which == CredentialsFile {
		now.credentials = edited
	} else {
		now.config = edited
	}
	e.now = now
	return nil
}

// checkSetting refuses a setting that would not be read as it is written.
func checkSetting(profile, key, value string) error {
	if !IsName(key) || delimiter(key) >= 0 {
		return &diag.Error{
			Profile: profile,
			Problem: fmt.Sprintf("invalid key %q", shorten(key, 40)),
			Hint:    "a key consists of letters, digits and _-/.%@+",
		}
	}
	if value == "" || value != trim(value) || strings.ContainsAny(value, "\n\r\x00") ||
		withoutComment(" "+value) != " "+value {
		return &diag.Error{
			Profile: profile,
			Problem: "invalid value of " + key,
			Hint:    "it must be one line, not start or end with white space, and have no \" #\" or \" ;\"",
		}
	}
	return nil
}
