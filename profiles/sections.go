package profiles

import (
	"strings"
)

// file is one of the two files, split into sections.
type file struct {
	which    string // ConfigFile or CredentialsFile
	path     string
	text     string    // without byte order mark
	sections []section // in the file's order, including ignored ones
	ignored  []section // those that the SDKs ignore
	index    map[sectionID][]section
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

// newFile splits a file's text into sections. A line that cannot be read is an error.
func newFile(which, path, text string) (*file, error) {
	f := &file{which: which, path: path, text: text}
	f.sections = make([]section, 0, strings.Count(text, "\n[")+1)
	s := scanner{path: path, text: text, formOnly: true}
	for s.scan() {
		switch s.line.kind {
		case faultyLine:
			return nil, s.line.fault
		case sectionLine:
			if n := len(f.sections); n > 0 {
				f.sections[n-1].end = s.line.start
			}
			kind, name := parseHeader(which, s.line.key)
			f.sections = append(f.sections, section{kind, name, s.line.number, s.line.end, len(text)})
		}
	}
	f.preferProfileDefault()
	for _, s := range f.sections {
		if s.kind == ignoredSection {
			f.ignored = append(f.ignored, s)
		}
	}
	return f, nil
}

// parseHeader returns what the header of a section means: in the credentials file [NAME] is a
// profile, in the config file [profile NAME] and [default] are.
func parseHeader(which, header string) (sectionKind, string) {
	if which == CredentialsFile {
		if IsName(header) {
			return profileSection, header
		}
		return ignoredSection, header
	}
	if header == "default" {
		return profileSection, header
	}
	i := strings.IndexFunc(header, func(r rune) bool { return r < 0x80 && isSpace(byte(r)) })
	if i < 0 {
		return ignoredSection, header
	}
	name := trim(header[i:])
	if !IsName(name) {
		return ignoredSection, header
	}
	switch header[:i] {
	case "profile":
		return profileSection, name
	case "sso-session":
		return ssoSessionSection, name
	case "services":
		return servicesSection, name
	}
	return ignoredSection, header
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
	name, _, _ := strings.Cut(f.text[f.lineStart(s.start)+len("["):s.start], "]")
	return trim(name)
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
