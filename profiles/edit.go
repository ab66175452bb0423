package profiles

import (
	"aws-credproc/internal/diag"
	"fmt"
	"os"
	"strings"
)

// The names by which a [Property] and the [Editor] call the two files.
const (
	ConfigFile      = "config"
	CredentialsFile = "credentials"
)

// Editor works out a change of the two shared config files. Each of its methods changes what it names and leaves every
// other byte as it was: comments, order, blank lines, line ends, duplicates. Settings and sections that stand below one
// name several times are treated as the SDKs treat them, as one of which the last setting of a key counts.
//
// An Editor looks at texts only, and nothing is written before [Update] does it. A method that fails may have done part
// of its work, so the Editor is then of no more use.
type Editor struct {
	before, now *Files
}

// maxEditSize bounds a file that is edited, some 20,000 profiles: an edit of 10 MB can take seconds.
const maxEditSize = 4 << 20

// areOneFile reports whether both names lead to one file, of which each edit would take the other's away.
func (f *Files) areOneFile() bool {
	config, err1 := os.Stat(f.config.path)
	credentials, err2 := os.Stat(f.credentials.path)
	return err1 == nil && err2 == nil && os.SameFile(config, credentials)
}

// Edit starts an edit of the files as they were read.
func (f *Files) Edit() *Editor { return &Editor{f, f} }

// Files gives the files as they would be read after the edit so far.
func (e *Editor) Files() *Files { return e.now }

// Set gives a key of a profile a value of one line. Where the key is there, its value is exchanged and nothing else on
// the line; else a line is added after the section's last setting.
func (e *Editor) Set(which, profile, key, value string) error {
	if err := checkSetting(profile, key, value); err != nil {
		return err
	}
	bodies, err := e.bodies(which, profile)
	if err != nil {
		return err
	}
	f := e.file(which)
	if s, ok := lastSetting(bodies, key); ok {
		return e.splice(which, f.exchangeValue(s, value)...)
	}
	return e.splice(which, f.insertLine(bodies[len(bodies)-1].last, key+" = "+value))
}

// Remove removes a key of a profile, everywhere in the file where it stands, with the lines that continue its value. A
// key that is not there is no error.
func (e *Editor) Remove(which, profile, key string) error {
	bodies, err := e.bodies(which, profile)
	if err != nil {
		return err
	}
	var splices []splice
	for _, b := range bodies {
		for _, s := range b.settings {
			if s.key == strings.ToLower(key) {
				splices = append(splices, e.file(which).removeLines(s.lines)...)
			}
		}
	}
	return e.splice(which, splices...)
}

// Setting is a key with its value.
type Setting struct{ Key, Value string }

// AddProfile adds a section at the end of a file, after a blank line. A file that has no newline at its end has none
// then either, so that the section can be taken away without a trace.
func (e *Editor) AddProfile(which, profile string, settings ...Setting) error {
	if !isName(profile) {
		return &diag.Error{Profile: profile, Problem: "this cannot be a profile's name", Hint: "take letters, digits and _-/.%@:+ only"}
	}
	if len(e.file(which).sectionsOf(profileSection, profile)) > 0 {
		return &diag.Error{Profile: profile, Where: e.file(which).path, Problem: "there is such a profile already", Hint: "choose another name"}
	}
	header := "[profile " + profile + "]"
	if which == CredentialsFile || profile == "default" {
		header = "[" + profile + "]"
	}
	lines := []string{header}
	for _, s := range settings {
		if err := checkSetting(profile, s.Key, s.Value); err != nil {
			return err
		}
		lines = append(lines, s.Key+" = "+s.Value)
	}
	return e.splice(which, e.file(which).appendSection(lines))
}

// RemoveProfile removes a profile's sections from a file. Comments below the last setting stay, since they mostly belong
// to the section that follows; of the blank lines around, one goes too.
func (e *Editor) RemoveProfile(which, profile string) error {
	bodies, err := e.bodies(which, profile)
	if err != nil {
		return err
	}
	var splices []splice
	for _, b := range bodies {
		splices = append(splices, e.file(which).removeSection(b))
	}
	return e.splice(which, splices...)
}

// renames gives the splices that give sections another name. In the config file, short says that the name default is to
// be written without the word profile.
func (e *Editor) renames(which string, bodies []body, to string, short bool) []splice {
	f := e.file(which)
	var splices []splice
	for _, b := range bodies {
		header := f.header(b.section)
		start := b.start + 1 + strings.Index(f.text[b.start+1:], header)
		end := start + len(header)
		name := to
		switch {
		case which == CredentialsFile || to == "default" && short:
		case header == "default":
			name = "profile " + to
		default:
			start = end - len(b.section.name)
		}
		splices = append(splices, splice{start, end, name})
	}
	return splices
}

// file gives one of the two files as it is now.
func (e *Editor) file(which string) *file {
	if which == CredentialsFile {
		return e.now.credentials
	}
	return e.now.config
}

// bodies gives a profile's sections in a file, in the file's order. None is an error.
func (e *Editor) bodies(which, profile string) ([]body, error) {
	f := e.file(which)
	bodies, err := f.bodies(profile)
	if err == nil && len(bodies) == 0 {
		err = &diag.Error{Profile: profile, Where: f.path, Problem: "there is no such profile in this file", Err: ErrNoProfile}
	}
	return bodies, err
}

// checkSetting refuses what would not be read as it is written.
func checkSetting(profile, key, value string) error {
	if !isName(key) {
		return &diag.Error{Profile: profile, Problem: fmt.Sprintf("%q cannot be a key", shorten(key, 40)), Hint: "take letters, digits and _-/.%@:+ only"}
	}
	if value == "" || value != trim(value) || strings.ContainsAny(value, "\n\r\x00") || withoutComment(" "+value) != " "+value {
		return &diag.Error{Profile: profile, Problem: "the value of " + key + " cannot be written into a config file",
			Hint: "take one that is not empty, has one line, no white space at its ends, and no # or ; after white space"}
	}
	return nil
}

// splice says that the bytes from start to end become text.
type splice struct {
	start, end int
	text       string
}

// splice changes a file's text. The splices stand in the text's order; what two of them remove goes once.
func (e *Editor) splice(which string, splices ...splice) error {
	f := e.file(which)
	if len(f.text) > maxEditSize {
		return &diag.Error{Where: f.path, Problem: fmt.Sprintf("is larger than %d MB, and so is not edited", maxEditSize>>20), Hint: "edit it by hand, or make it smaller"}
	}
	if e.now.areOneFile() {
		return &diag.Error{Where: f.path, Problem: "is both the config file and the credentials file, and so is not edited", Hint: "make them two files"}
	}
	var b strings.Builder
	pos := 0
	for _, s := range splices {
		b.WriteString(f.text[pos:max(pos, s.start)])
		b.WriteString(s.text)
		pos = s.end
	}
	b.WriteString(f.text[pos:])
	header := configHeader
	if which == CredentialsFile {
		header = credentialsHeader
	}
	edited, err := cut(f.path, b.String(), header)
	if err != nil {
		return err
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

// body is a section with what stands in it.
type body struct {
	section
	start    int // of the header's line
	settings []setting
	comments []span
	last     int // the end of the last line that surely belongs to the section
}

// setting is a property with the lines that continue it. Comments and blank lines in between are not part of it.
type setting struct {
	key    string // in lower case
	first  string // its value's first line
	number int    // of the first line, from 1
	lines  []span
}

// span is where a line stands, its end included.
type span struct{ start, end int }

func (f *file) bodies(profile string) ([]body, error) {
	var bodies []body
	for _, s := range f.sectionsOf(profileSection, profile) {
		b, err := f.body(s)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, b)
	}
	return bodies, nil
}

func (f *file) body(part section) (body, error) {
	b := body{section: part, start: f.lineStart(part.start), last: part.start}
	s := scanner{file: f.path, text: f.text[:part.end], pos: part.start, number: part.line, inSection: true}
	for {
		l, ok, err := s.next()
		if err != nil || !ok {
			return b, err
		}
		here := span{l.start, l.end}
		switch l.kind {
		case propertyLine:
			b.settings = append(b.settings, setting{strings.ToLower(l.key), l.value, l.number, []span{here}})
			b.last = l.end
		case commentLine:
			if isSpace(f.text[l.start]) && s.inBlock { // it goes with the block: elsewhere it may continue a value
				s := &b.settings[len(b.settings)-1]
				s.lines = append(s.lines, here)
				b.last = l.end
				break
			}
			b.comments = append(b.comments, here)
			if isSpace(f.text[l.start]) {
				b.last = l.end // below a property it would continue that one's value
			}
		case continuationLine:
			s := &b.settings[len(b.settings)-1]
			s.lines = append(s.lines, here)
			b.last = l.end
		}
	}
}

// lineStart gives the start of the line that ends at a place.
func (f *file) lineStart(end int) int {
	return strings.LastIndexByte(f.text[:max(end-1, 0)], '\n') + 1
}

// lastSetting gives the setting of a key that counts.
func lastSetting(bodies []body, key string) (found setting, ok bool) {
	key = strings.ToLower(key)
	for _, b := range bodies {
		for _, s := range b.settings {
			if s.key == key {
				found, ok = s, true
			}
		}
	}
	return found, ok
}

// exchangeValue puts one line in a value's place.
func (f *file) exchangeValue(s setting, value string) []splice {
	at := s.lines[0].start
	at += strings.IndexByte(f.text[at:], '=') + 1
	exchange := splice{at, at, " " + value}
	if s.first != "" {
		at += strings.Index(f.text[at:], s.first)
		exchange = splice{at, at + len(s.first), value}
	}
	return append([]splice{exchange}, f.removeLines(s.lines[1:])...)
}

// removeLines takes lines away. Where they end a file that has no newline at its end, the one before them goes too.
func (f *file) removeLines(lines []span) []splice {
	var splices []splice
	for _, l := range lines {
		if n := len(splices); n > 0 && splices[n-1].end == l.start {
			splices[n-1].end = l.end
		} else {
			splices = append(splices, splice{l.start, l.end, ""})
		}
	}
	if n := len(splices); n > 0 {
		splices[n-1].start = f.removalStart(splices[n-1])
	}
	return splices
}

// removalStart gives where the removal of whole lines starts, so that a file without a newline at its end stays one.
func (f *file) removalStart(s splice) int {
	if s.end < len(f.text) || s.start == 0 || f.text[len(f.text)-1] == '\n' {
		return s.start
	}
	return s.start - len(f.lineEnd(s.start))
}

// removeSection takes a section away as far as it surely is its own, with the blank line below it. At the file's end
// that is the blank line above it.
func (f *file) removeSection(b body) splice {
	s := splice{b.start, b.last, ""}
	if next, _, _ := strings.Cut(f.text[b.last:b.end], "\n"); b.last < b.end && trim(next) == "" {
		s.end = min(b.last+len(next)+1, b.end)
	} else if b.last == len(f.text) && b.start > 0 {
		if above := f.lineStart(b.start); trim(f.text[above:b.start]) == "" {
			s.start = above
		}
	}
	s.start = f.removalStart(s)
	return s
}

// insertLine puts a line at a place that is the end of a line, or of the file.
func (f *file) insertLine(at int, text string) splice {
	if at > 0 && f.text[at-1] != '\n' {
		return splice{at, at, f.lineEnd(at) + text}
	}
	return splice{at, at, text + f.lineEnd(at)}
}

// appendSection puts lines at the end of the file, with a blank line above where there is anything.
func (f *file) appendSection(lines []string) splice {
	end := len(f.text)
	newline := f.lineEnd(end)
	text := strings.Join(lines, newline)
	switch {
	case end == 0:
		text += newline
	case f.text[end-1] == '\n':
		text = newline + text + newline
	default:
		text = newline + newline + text
	}
	return splice{end, end, text}
}

// lineEnd gives the line end that is in use above a place, else in the file.
func (f *file) lineEnd(at int) string {
	if at > 0 && f.text[at-1] == '\r' {
		return "\r\n" // after a lone \r, \n would make one line end with it, and could not be told from it
	}
	i := strings.LastIndexByte(f.text[:at], '\n')
	if i < 0 {
		i = strings.IndexByte(f.text, '\n')
	}
	if i > 0 && f.text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}
