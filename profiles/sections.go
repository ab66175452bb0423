package profiles

import (
	"strings"

	"aws-credproc/internal/diag"
)

// file is one of the two files, split into sections.
type file struct {
	which    string // ConfigFile or CredentialsFile
	path     string
	text     string    // without byte order mark
	sections []section // in the file's order, including ignored ones
	ignored  []section // those that the SDKs ignore

	known          []*diag.Error // what faults returns
	areFaultsKnown bool          // faults was called
	index          map[sectionID][]section
}

// sectionKind is what a section describes.
type sectionKind uint8

const (
	ignoredSection sectionKind = iota
	profileSection
	ssoSessionSection
	servicesSection
)

// sectionID identifies the sections that are read as one.
type sectionID struct {
	kind sectionKind
	name string
}

// section is where a section is in a file.
type section struct {
	kind       sectionKind
	name       string // of the profile, SSO session or services; of an ignored section, its header
	line       int    // of the header, from 1
	start, end int    // byte range of the lines below the header
}

// newFile splits a file's text into sections. It does not read the lines of sections: see
// [file.fault].
func newFile(which, path, text string) *file {
	f := &file{which: which, path: path, text: text}
	f.sections = make([]section, 0, min(strings.Count(text, "["), strings.Count(text, "\n")+1))
	for s := (scanner{path: path, text: text, formOnly: true}); s.scan(); {
		if s.line.kind != sectionLine {
			continue
		}
		if n := len(f.sections); n > 0 {
			f.sections[n-1].end = s.line.start
		}
		kind, name := parseHeader(which, s.line.key)
		f.sections = append(f.sections, section{
			kind: kind, name: name, line: s.line.number, start: s.line.end, end: len(text),
		})
		s.skip()
	}
	f.preferProfileDefault()
	for _, s := range f.sections {
		if s.kind == ignoredSection {
			f.ignored = append(f.ignored, s)
		}
	}
	return f
}

// fault returns the error for the first faulty line of a section, or nil if there is none.
func (f *file) fault(part section) *diag.Error {
	s := f.scanSection(part)
	s.formOnly = true
	for s.scan() {
		if s.line.kind == faultyLine {
			return s.fault()
		}
	}
	return nil
}

// faults returns the error for the first faulty line of each section, and for the first one before
// all sections.
func (f *file) faults() []*diag.Error {
	if f.areFaultsKnown {
		return f.known
	}
	isFaulty := false // whether the section has a faulty line above
	for s := (scanner{path: f.path, text: f.text, formOnly: true}); s.scan(); {
		switch {
		case s.line.kind == sectionLine:
			isFaulty = false
		case s.line.kind == faultyLine && !isFaulty:
			isFaulty = true
			f.known = append(f.known, s.fault())
		}
	}
	f.areFaultsKnown = true
	return f.known
}

// parseHeader returns what the header of a section stands for: in the credentials file [NAME] is a
// profile, in the config file [profile NAME] and [default] are. In the config file, a name may be
// in quotes.
func parseHeader(which, header string) (sectionKind, string) {
	word, rest := header, ""
	if i := strings.IndexFunc(header, isShellSpace); i >= 0 {
		word, rest = header[:i], header[i:]
	}
	kind := ignoredSection
	switch word {
	case "profile":
		kind = profileSection
	case "sso-session":
		kind = ssoSessionSection
	case "services":
		kind = servicesSection
	}
	if which == CredentialsFile {
		// No SDK writes [profile NAME] here. The AWS CLI reads it as a profile "profile NAME".
		if isSectionName(header) && (rest == "" || kind == ignoredSection) {
			return profileSection, header
		}
		return ignoredSection, header
	}
	if header == "default" {
		return profileSection, header
	}
	if name, ok := sectionName(rest); ok && kind != ignoredSection && isSectionName(name) {
		return kind, name
	}
	return ignoredSection, header
}

// shellSpace is the white space between the words of a header.
const shellSpace = " \t\r\n"

func isShellSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

// sectionName reads the name in a header of the config file as the AWS CLI does: as one word of a
// shell, in which quotes and backslashes are removed.
func sectionName(text string) (name string, ok bool) {
	text = strings.TrimFunc(text, isShellSpace)
	if IsName(text) {
		return text, true // the common form
	}
	if !strings.ContainsAny(text, `"'\`) {
		return text, text != "" && !strings.ContainsAny(text, shellSpace)
	}
	var b strings.Builder
	var quote byte // the open quote, or 0
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == '\\' && quote != '\'':
			if i++; i == len(text) {
				return "", false
			}
			if quote != 0 && text[i] != quote && text[i] != '\\' {
				b.WriteByte(c)
			}
			b.WriteByte(text[i])
		case quote == 0 && isShellSpace(rune(c)):
			return "", false // a second word
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), quote == 0
}

// preferProfileDefault ignores [default] if there is a [profile default].
func (f *file) preferProfileDefault() {
	var short []int // sections with the header [default]
	hasLong := false
	for i, s := range f.sections {
		if s.kind != profileSection || s.name != "default" {
			continue
		}
		if f.header(s) == "default" {
			short = append(short, i)
		} else {
			hasLong = true
		}
	}
	if !hasLong {
		return
	}
	for _, i := range short {
		f.sections[i].kind = ignoredSection
	}
}

// header returns the trimmed text between a section's brackets.
func (f *file) header(s section) string {
	start, end := f.headerSpan(s)
	return f.text[start:end]
}

// headerSpan returns the byte range of the trimmed text between a section's brackets.
func (f *file) headerSpan(s section) (start, end int) {
	start = f.lineStart(s.start)
	space, _ := indentation(f.text[start:s.start])
	start += len(space)
	text, _ := cutHeader(trim(f.text[start:s.start]))
	name := trim(text)
	start += len("[") + strings.Index(text, name)
	return start, start + len(name)
}

// lineStart returns the start of the line that ends at end.
func (f *file) lineStart(end int) int {
	return strings.LastIndexByte(f.text[:max(end-1, 0)], '\n') + 1
}

// sectionsOf returns the sections of a kind and name, in the file's order.
func (f *file) sectionsOf(kind sectionKind, name string) []section {
	if f.index != nil {
		return f.index[sectionID{kind, name}]
	}
	var found []section
	for _, s := range f.sections {
		if s.kind == kind && s.name == name {
			found = append(found, s)
		}
	}
	return found
}

// makeIndex makes sectionsOf fast for many names.
func (f *file) makeIndex() {
	if f.index != nil {
		return
	}
	f.index = make(map[sectionID][]section, len(f.sections))
	for _, s := range f.sections {
		id := sectionID{s.kind, s.name}
		f.index[id] = append(f.index[id], s)
	}
}

// scanSection returns a scanner for the lines below a section's header.
func (f *file) scanSection(part section) scanner {
	return scanner{
		path: f.path, text: f.text[:part.end], pos: part.start,
		line: line{number: part.line}, inSection: true,
	}
}
