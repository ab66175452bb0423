package profiles

import (
	"fmt"
	"strings"

	"aws-credproc/internal/diag"
)

// Property is a setting of a profile, SSO session or services section.
type Property struct {
	Value string // trimmed; lines of a block or of a continued value are joined by newlines
	File  string // ConfigFile or CredentialsFile
	Line  int    // of its key, from 1
}

// Section is a profile, an SSO session or a services section: the properties of all sections of
// that name in both files, merged. The last setting of a key wins, and the credentials file
// overrides the config file.
type Section struct {
	Name       string
	Properties map[string]Property // keys are in lower case; must not be changed
}

// Get returns the value of a property, or "" if it is not set.
func (s Section) Get(key string) string { return s.Properties[key].Value }

// Sub returns the value of a sub-property, such as Sub("sts", "endpoint_url"), or "" if it is not
// set.
func (s Section) Sub(key, subKey string) string {
	var value string
	for l := range strings.Lines(s.Get(key)) {
		if k, v, found := cutSub(l); found && strings.EqualFold(k, subKey) {
			value = v
		}
	}
	return value
}

// hasAny reports whether at least one of the properties has a value.
func (s Section) hasAny(keys ...string) bool {
	for _, key := range keys {
		if s.Get(key) != "" {
			return true
		}
	}
	return false
}

// Profile returns a profile. If there is no profile of that name, the error is [ErrNoProfile].
func (f *Files) Profile(name string) (Section, error) {
	s, ok, err := f.section(profileSection, name)
	if err == nil && !ok {
		err = f.noProfile(name)
	}
	return s, err
}

// SSOSession returns an [sso-session] section. ok is false if there is no such section.
func (f *Files) SSOSession(name string) (s Section, ok bool, err error) {
	return f.section(ssoSessionSection, name)
}

// Place returns the file and line of a property, or "" if it is not in a file: see
// [Files.RoleChain].
func (f *Files) Place(p Property) string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", f.file(p.File).path, p.Line)
}

// sectionPlace returns the file and line of a profile's first header.
func (f *Files) sectionPlace(profile string) string {
	for _, file := range f.both() {
		if s := file.sectionsOf(profileSection, profile); len(s) > 0 {
			return fileLine(file.path, s[0].line)
		}
	}
	return ""
}

// maxProperties bounds a section: an edit of one takes quadratic time.
const maxProperties = 5000

// section merges the sections of a kind and name. ok is false if there are no such sections.
func (f *Files) section(kind sectionKind, name string) (s Section, ok bool, err error) {
	if s, ok := f.parsed[sectionID{kind, name}]; ok {
		return s, true, nil
	}
	properties := map[string]Property{}
	count := 0
	for _, file := range f.both() {
		for _, part := range file.sectionsOf(kind, name) {
			ok = true
			if fault := file.fault(part); fault != nil {
				return Section{}, true, faultOf(part, fault)
			}
			if count += file.read(properties, part); count > maxProperties {
				return Section{}, false, &diag.Error{
					Profile: name,
					Where:   fileLine(file.path, part.line),
					Problem: fmt.Sprintf("more than %d properties", maxProperties),
					Hint:    "remove those that are not needed",
				}
			}
		}
	}
	if !ok {
		return Section{}, false, nil
	}
	if f.parsed == nil {
		f.parsed = map[sectionID]Section{}
	}
	s = Section{name, properties}
	f.parsed[sectionID{kind, name}] = s
	return s, true, nil
}

// faultOf returns the error of a section with a faulty line.
func faultOf(part section, fault *diag.Error) *diag.Error {
	if part.kind == profileSection {
		fault.Profile = part.name
	}
	return fault
}

// read adds the properties of a section, and returns their number. It ignores keys that are not
// names.
func (f *file) read(into map[string]Property, part section) (count int) {
	var key string
	var p Property
	var lines []string // of its value
	finish := func() {
		if key != "" {
			p.Value = strings.Join(lines, "\n")
			into[key] = p
		}
	}
	for s := f.scanSection(part); s.scan(); {
		switch l := &s.line; l.kind {
		case propertyLine:
			finish()
			if key = ""; IsName(l.key) {
				count++
				key, p, lines = strings.ToLower(l.key), Property{File: f.which, Line: l.number}, lines[:0]
				lines = append(lines, l.value)
			}
		case continuationLine:
			lines = append(lines, l.value)
		}
	}
	finish()
	return count
}
