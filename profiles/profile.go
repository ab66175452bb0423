package profiles

import (
	"aws-credproc/internal/diag"
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/ini.v1"
)

// Property is a setting of a profile, SSO session or services section.
type Property struct {
	Value string // trimmed; the lines of a block of sub-properties or of a continued value are joined by newlines
	File  string // "config" or "credentials"
	Line  int    // of its key, from 1
}

// Section is a profile, an SSO session or a services section: the properties of all sections of that name, in both
// files, merged. Of several settings of a key the last one counts, and the credentials file's before the config file's.
type Section struct {
	Name       string
	Properties map[string]Property // keys are in lower case; not to be changed, since it is kept
}

// Get gives a property's value, or "" where it is not set.
func (s Section) Get(key string) string { return s.Properties[key].Value }

// Sub gives a sub-property's value, or "" where it is not set: Sub("sts", "endpoint_url").
func (s Section) Sub(key, subKey string) string {
	var value string
	for l := range strings.Lines(s.Get(key)) {
		if k, v, found := strings.Cut(l, "="); found && strings.EqualFold(trim(k), subKey) {
			value = trim(v)
		}
	}
	return value
}

// section merges the sections of one kind and name; ok is false where there is none.
func (f *Files) section(kind sectionKind, name string) (s Section, ok bool, err error) {
	if s, ok := f.parsed[sectionID{kind, name}]; ok {
		return s, true, nil
	}
	var body strings.Builder
	count := 0
	for _, source := range f.both() {
		for _, part := range source.file.sectionsOf(kind, name) {
			ok = true
			n, err := source.file.normalize(&body, source.name, part)
			if err != nil {
				return Section{}, false, err
			}
			if count += n; count > maxProperties {
				return Section{}, false, &diag.Error{Profile: name, Problem: fmt.Sprintf("it has more than %d properties", maxProperties), Hint: "remove those that are of no use"}
			}
		}
	}
	if !ok {
		return Section{}, false, nil
	}
	properties, err := parse(body.String())
	if err != nil {
		return Section{}, false, fmt.Errorf("profile %s: %w", name, err)
	}
	if f.parsed == nil {
		f.parsed = map[sectionID]Section{}
	}
	s = Section{name, properties}
	f.parsed[sectionID{kind, name}] = s
	return s, true, nil
}

// maxProperties bounds a section: gopkg.in/ini.v1 looks at every key for each one that it adds.
const maxProperties = 5000

type namedFile struct {
	name string
	file *file
}

// both gives the files in the order in which a later setting beats an earlier one.
func (f *Files) both() []namedFile {
	return []namedFile{{"config", f.config}, {"credentials", f.credentials}}
}

// normalize writes the properties of a section as lines that leave gopkg.in/ini.v1 nothing to interpret: a key that
// starts with a dot (so that none is a comment, a quote or the auto-increment '-'), then '=', where it stood, and the
// value between bars (so that no quote, white space or comment sign is at its ends), with NUL for a newline, since no
// file with a NUL gets here.
//
// It gives the number of properties.
func (f *file) normalize(b *strings.Builder, name string, part section) (count int, err error) {
	s := scanner{file: f.path, text: f.text[:part.end], pos: part.start, number: part.line, inSection: true}
	open, ignored := false, false
	finish := func() {
		if open {
			b.WriteString("|\n")
		}
		open = false
	}
	for {
		l, ok, err := s.next()
		if err != nil {
			return 0, err
		}
		if !ok {
			finish()
			return count, nil
		}
		switch l.kind {
		case propertyLine:
			finish()
			if ignored = !isName(l.key); !ignored {
				open = true
				count++
				b.WriteString("." + strings.ToLower(l.key) + "=" + name + ":" + strconv.Itoa(l.number) + "|" + l.value)
			}
		case continuationLine:
			if !ignored {
				b.WriteString("\x00" + l.value)
			}
		}
	}
}

// parse reads normalized lines.
func parse(body string) (map[string]Property, error) {
	file, err := ini.LoadSources(ini.LoadOptions{
		IgnoreContinuation:      true,
		IgnoreInlineComment:     true,
		KeyValueDelimiters:      "=",
		PreserveSurroundedQuote: true,
	}, []byte(body))
	if err != nil {
		return nil, err
	}
	keys := file.Section(ini.DefaultSection).Keys()
	properties := make(map[string]Property, len(keys))
	for _, key := range keys {
		where, value, _ := strings.Cut(key.Value(), "|")
		name, number, _ := strings.Cut(where, ":")
		line, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("line number of %s: %w", key.Name(), err)
		}
		value = strings.ReplaceAll(strings.TrimSuffix(value, "|"), "\x00", "\n")
		properties[strings.TrimPrefix(key.Name(), ".")] = Property{value, name, line}
	}
	return properties, nil
}

// Names gives the names of all profiles in both files, each once, in the files' order.
func (f *Files) Names() []string { return f.names(profileSection) }

// SSOSessionNames gives the names of all [sso-session] sections, each once, in the file's order.
func (f *Files) SSOSessionNames() []string { return f.names(ssoSessionSection) }

func (f *Files) names(kind sectionKind) []string {
	var names []string
	seen := map[string]bool{}
	for _, source := range f.both() {
		// Who asks for all names goes on to ask for each, which without an index would take the square of their number.
		source.file.makeIndex()
		for _, s := range source.file.sections {
			if s.kind == kind && !seen[s.name] {
				seen[s.name] = true
				names = append(names, s.name)
			}
		}
	}
	return names
}

// Profile gives a profile as it is written; its error is [ErrNoProfile] where there is none by that name.
func (f *Files) Profile(name string) (Section, error) {
	s, ok, err := f.section(profileSection, name)
	if err == nil && !ok {
		err = f.noProfile(name)
	}
	return s, err
}

// SSOSession gives an [sso-session] section; ok is false where there is none by that name.
func (f *Files) SSOSession(name string) (s Section, ok bool, err error) {
	return f.section(ssoSessionSection, name)
}

// noProfile says that a profile is not there, and what is there instead.
func (f *Files) noProfile(name string) error {
	e := &diag.Error{Profile: name, Err: ErrNoProfile, Problem: fmt.Sprintf("there is no such profile in %s or %s", f.config.path, f.credentials.path)}
	if CheckHome(f.config.path, f.credentials.path) != nil {
		e.Problem, e.Hint = "there is no such profile: the home directory is not known, and so no config file in it is read", setHome
		return e
	}
	if !isName(name) {
		e.Hint = "a profile's name has letters, digits and _-/.%@:+ only"
		return e
	}
	for _, s := range f.config.ignored {
		where := fmt.Sprintf("%s:%d", f.config.path, s.line)
		switch header := f.config.header(s); {
		case s.name == name && header == name:
			e.Where = where
			e.Problem = fmt.Sprintf("the section is written [%s], and in the config file the SDKs ignore it without the word 'profile'", name)
			e.Hint = fmt.Sprintf("write the line as [profile %s]", name)
			return e
		case isQuoted(header, name):
			e.Where = where
			e.Problem = "the section's name is written in quotes, which only some SDKs take away"
			e.Hint = fmt.Sprintf("write the line as [profile %s]", name)
			return e
		}
	}
	e.Hint = "aws-credproc list shows the profiles there are"
	if f.suggested < maxSuggested {
		f.suggested++
		if near := nearest(name, f.Names()); near != "" {
			e.Hint = fmt.Sprintf("did you mean %s?", near)
		}
	}
	return e
}

// maxSuggested bounds for how many names the nearest is looked for among all there are. A person mistypes a few; where
// thousands of profiles lead to what is in another file, it would take the square of their number.
const maxSuggested = 20

// isQuoted reports whether a header is that of a profile, with its name in quotes.
func isQuoted(header, name string) bool {
	rest, ok := strings.CutPrefix(header, "profile")
	rest = trim(rest)
	return ok && (rest == `"`+name+`"` || rest == "'"+name+"'")
}

// nearest gives the name that differs least from the one given, or "" where none is near enough to be meant.
func nearest(name string, names []string) string {
	best, bestDistance := "", min(3, (len(name)+1)/2)+1
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n), bestDistance); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b, or limit where it is not below that.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return min(row[len(b)], limit)
}
