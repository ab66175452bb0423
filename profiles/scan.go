package profiles

import (
	"fmt"
	"strings"

	"aws-credproc/internal/diag"
)

// lineKind classifies a line of a shared config file.
type lineKind uint8

const (
	blankLine        lineKind = iota // empty or white space
	commentLine                      // starts with # or ;
	sectionLine                      // [name]
	propertyLine                     // key = value
	continuationLine                 // indented below a property: part of its value
	faultyLine                       // none of these: line.fault says why
)

// line is one line of a file. Its byte range includes the line end, so the concatenated lines are
// the file.
type line struct {
	kind       lineKind
	number     int         // from 1
	start, end int         // byte range in the file's text
	key        string      // of a property, as written; of a section, the text in brackets, trimmed
	value      string      // of a property or continuation: trimmed, without comment
	fault      *diag.Error // of a faulty line
}

// scanner splits the text of a shared config file into lines. How a line is read depends on the
// lines before it, so a scan starts at the beginning of a file or at a section's header. A scan
// continues after a faulty line.
type scanner struct {
	path string // for errors
	text string
	pos  int
	line line

	inSection  bool // a section header has been read
	inProperty bool // a property has been read in this section: an indented line continues it
	inBlock    bool // that property's value is empty: indented lines are its sub-properties

	// formOnly skips the keys and values of lines other than section headers, for a `get`, which
	// only needs to know where the sections are.
	formOnly bool
}

// scan reads the next line into s.line. It returns false at the end of the text.
func (s *scanner) scan() bool {
	if s.pos >= len(s.text) {
		return false
	}
	s.line = line{number: s.line.number + 1, start: s.pos, end: len(s.text)}
	if i := strings.IndexByte(s.text[s.pos:], '\n'); i >= 0 {
		s.line.end = s.pos + i + 1
	}
	s.pos = s.line.end
	if !s.formOnly || !s.classifyForm() {
		s.classify()
	}
	return true
}

// raw returns the current line, with its line end.
func (s *scanner) raw() string { return s.text[s.line.start:s.line.end] }

// isContinuation reports whether a line with this indentation continues the property above it.
func (s *scanner) isContinuation(indented bool) bool { return indented && s.inProperty }

// startSection resets the state to that after a section header.
func (s *scanner) startSection() { s.inSection, s.inProperty, s.inBlock = true, false, false }

// startProperty sets the state to that after a property.
func (s *scanner) startProperty(isBlock bool) { s.inProperty, s.inBlock = true, isBlock }

// classify reads the current line.
func (s *scanner) classify() {
	raw := s.raw()
	text := trim(raw)
	indented := isSpace(raw[0])
	continues := s.isContinuation(indented)
	switch {
	case text == "":
		s.line.kind = blankLine
	case isComment(text) && (!continues || s.inBlock): // the SDKs read it as part of a continued value
		s.line.kind = commentLine
	case continues:
		s.continuation(text)
	case indented:
		s.fail("indented line without a property above it", "remove the indentation")
	case text[0] == '[':
		s.section(text)
	default:
		s.property(text)
	}
}

func (s *scanner) section(text string) {
	s.line.kind = sectionLine
	name, rest, found := strings.Cut(text[1:], "]")
	rest = trim(rest)
	switch {
	case !found:
		s.fail(`missing "]"`, `end the section name with "]"`)
		return
	case rest != "" && !isComment(rest):
		s.fail(`unexpected text after "]"`, "move it to a line of its own, or start it with #")
		return
	}
	s.line.key = trim(name)
	s.startSection()
}

func (s *scanner) property(text string) {
	s.line.kind = propertyLine
	key, value, found := cutProperty(withoutComment(text))
	switch {
	case !found:
		s.fail(`expected "key = value"`, "complete the line, remove it, or start it with #")
		return
	case key == "":
		s.fail(`no key before "="`, "add a key, or remove the line")
		return
	case !s.inSection:
		s.fail("property before the first section", "add a line such as [default] above it")
		return
	}
	s.line.key, s.line.value = key, value
	s.startProperty(value == "")
}

func (s *scanner) continuation(text string) {
	s.line.kind, s.line.value = continuationLine, text
	if key, _, _ := cutProperty(text); s.inBlock && key == "" {
		s.fail(`expected a sub-property "key = value"`, "complete the line, or remove it")
	}
}

// fail marks the current line as faulty. A faulty section header starts a section without a name.
func (s *scanner) fail(problem, hint string) {
	text := trim(s.raw())
	if shown := firstWord(text); shown != "" {
		if shown != text {
			shown += " ..."
		}
		problem += fmt.Sprintf(": %q", shown)
	}
	s.line.kind = faultyLine
	s.line.fault = &diag.Error{Where: fileLine(s.path, s.line.number), Problem: problem, Hint: hint}
	if text[0] == '[' {
		s.startSection()
	}
}

// firstWord returns the first word of a line, with the bracket before it, if it can be shown in an
// error: "[profile", "aws_secret_access_key". A word of lower-case letters and underscores cannot
// be one of AWS's secrets, which have capitals and digits. For other words it returns "".
func firstWord(text string) string {
	const longest = 40
	i := 0
	if strings.HasPrefix(text, "[") {
		i++
	}
	for i < len(text) && (text[i] == '_' || 'a' <= text[i] && text[i] <= 'z') {
		i++
	}
	ends := i == len(text) || isSpace(text[i]) || text[i] == '=' || text[i] == ']'
	if !ends || i > longest {
		return ""
	}
	if i < len(text) && text[i] == ']' {
		i++
	}
	return text[:i]
}

// classifyForm is classify without keys and values, for the common forms of a line. It returns
// false for other lines, including faulty ones.
func (s *scanner) classifyForm() bool {
	raw := s.raw()
	switch c := raw[0]; {
	case c == '\n':
		s.line.kind = blankLine
		return true
	case isComment(raw):
		s.line.kind = commentLine
		return true
	case c == ' ' || c == '\t':
		return s.continuationForm(raw)
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return s.propertyForm(raw)
	}
	return false
}

func (s *scanner) continuationForm(raw string) bool {
	text := raw[skipSpace(raw):]
	if !s.isContinuation(true) || text == "" || isComment(text) || s.inBlock && delimiter(text) < 1 {
		return false
	}
	s.line.kind = continuationLine
	return true
}

func (s *scanner) propertyForm(raw string) bool {
	at := delimiter(raw)
	if at < 0 || !s.inSection {
		return false
	}
	if key := raw[:at]; strings.IndexByte(key, '#') >= 0 || strings.IndexByte(key, ';') >= 0 {
		return false
	}
	value := raw[at+1:]
	value = value[skipSpace(value):]
	if value != "" && isComment(value) {
		return false
	}
	s.line.kind = propertyLine
	s.startProperty(value == "")
	return true
}
