package profiles

import (
	"fmt"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/nearest"
)

// maxSuggestions limits how often the files are searched for what may have been meant. A user
// mistypes a few names. If the source profiles of thousands of profiles are missing, the searches
// would take quadratic time.
const maxSuggestions = 20

const profileNameHint = "use letters, digits and _-/.%@:+ in the name of a profile"

// noProfile returns the error for a missing profile. Its hint suggests what the user may have
// meant.
func (f *Files) noProfile(name string) *diag.Error {
	e := &diag.Error{Profile: name, Problem: "no such profile in " + f.config.path, Err: ErrNoProfile}
	if f.config.path != f.credentials.path && !SameFile(f.config.path, f.credentials.path) {
		e.Problem += " or " + f.credentials.path
	}
	if CheckHome(f.config.path, f.credentials.path) != nil {
		e.Problem, e.Hint = noHome, noHomeHint
		return e
	}
	if IsQuoted(name) {
		e.Hint = removeQuotes
		return e
	}
	if !isSectionName(name) {
		e.Hint = profileNameHint
		return e
	}
	e.Hint = "aws-credproc list shows all profiles"
	if f.suggestions == maxSuggestions {
		return e
	}
	f.suggestions++
	if f.describeMisread(e, name) {
		return e
	}
	if slices.Contains(f.SSOSessionNames(), name) {
		e.Problem = "[sso-session " + name + "] is not a profile"
		e.Hint = "name a profile that has sso_session = " + name + "; aws-credproc list shows all profiles"
		return e
	}
	names := f.Names()
	if near := nearest.Name(name, names); near != "" {
		e.Hint = fmt.Sprintf("did you mean %s?", near)
	} else if len(names) == 0 {
		e.Hint = "aws-credproc setup NAME --role-arn ARN --source-profile PROFILE creates a profile"
	}
	return e
}

// describeMisread changes e and reports true if a file has the profile, but its header is
// malformed.
func (f *Files) describeMisread(e *diag.Error, name string) bool {
	for _, file := range f.both() {
		if fault := file.brokenHeader(name); fault != nil {
			e.Where, e.Problem, e.Hint = fault.Where, fault.Problem, fault.Hint
			return true
		}
		for _, s := range file.ignored {
			problem := misread(file.which, file.header(s), name)
			if problem == "" {
				continue
			}
			e.Where = fileLine(file.path, s.line)
			e.Problem = problem
			e.Hint = "change the line to " + profileHeader(file.which, name)
			return true
		}
	}
	return false
}

// misread returns why a header that looks like the header of profile name is not read as one, or
// "".
func misread(which, header, name string) string {
	word, rest, _ := strings.Cut(header, " ")
	rest = trim(rest)
	isProfile := strings.EqualFold(word, "profile") && (rest == name || isInQuotes(rest, name))
	switch {
	case which == CredentialsFile && isProfile:
		return fmt.Sprintf("section [%s] is not a profile in the credentials file", header)
	case which == CredentialsFile, header == "default":
		return ""
	case header == name:
		return fmt.Sprintf("section [%s] is not a profile in the config file", header)
	case isProfile && word != "profile":
		return fmt.Sprintf("section [%s] is not a profile: profile must be in lower case", header)
	case isProfile:
		return fmt.Sprintf("section [%s] is not a profile: a name with a space must be in quotes", header)
	}
	return ""
}

// isInQuotes reports whether a text is the name in quotes.
func isInQuotes(text, name string) bool { return text == `"`+name+`"` || text == "'"+name+"'" }

// brokenHeader returns the fault of a profile's header that has no "]", or nil.
func (f *file) brokenHeader(name string) *diag.Error {
	if len(f.faults()) == 0 {
		return nil
	}
	want := trim(strings.TrimSuffix(profileHeader(f.which, name), "]"))
	for s := (scanner{path: f.path, text: f.text}); s.scan(); {
		if s.line.kind == faultyLine && trim(s.raw()) == want {
			return s.fault()
		}
	}
	return nil
}
