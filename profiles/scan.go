package profiles

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"aws-credproc/internal/diag"
)

// lineKind classifies a line of a shared config file.
type lineKind uint8

const (
	blankLine        lineKind = iota // empty or white space
	commentLine                      // starts with # or ;
	sectionLine                      // [name]
	propertyLine                     // key = value or key: value
	continuationLine                 // indented more than the property above: part of its value
	faultyLine                       // none of these: see scanner.fault
)

// line is one line of a file. Its byte range includes the line end, so the concatenated lines are
// the file.
type line struct {
	kind          lineKind
	number        int    // from 1
	start, end    int    // byte range in the file's text
	key           string // of a property, as written; of a section, the text in brackets, trimmed
	value         string // of a property or continuation: trimmed, without comment
	problem, hint string // of a faulty line
}

// scanner splits the text of a shared config file into lines, as the AWS CLI does (Python's
// configparser). How a line is read depends on the lines before it, so a scan starts at the
// beginning of a file or at a section's header. A scan goes on after a faulty line.
type scanner struct {
	path string // for errors
	text string
	pos  int
	line line

	inSection  bool // a section header has been read
	inProperty bool // a property has been read in this section: a line indented more continues it
	indent     int  // the property's indentation in characters
	inBlock    bool // that property's value is empty: the lines that continue it are sub-properties
	needsKeys  bool // in a block without a comment in place of the value: sub-properties need a "="

	// formOnly leaves out the keys and values of lines other than section headers, which makes a
	// scan faster. It is for finding the sections of a file and its faulty lines.
	formOnly bool
}

// scan reads the next line into s.line. It returns false at the end of the text.
func (s *scanner) scan() bool {
	if s.pos >= len(s.text) {
		return false
	}
	s.line = line{number: s.line.number + 1, start: s.pos, end: s.endOfLine(s.pos)}
	s.pos = s.line.end
	if !s.formOnly || !s.classifyForm() {
		s.classify()
	}
	return true
}

// skip goes to the next line that starts with "[". Such a line is never part of the property above
// it, so the lines between need not be read. An indented line with "[" may be a header or part of a
// property, which only the lines above it decide: if there is one before, skip does nothing.
func (s *scanner) skip() {
	at := s.pos // the start of a line
	for at < len(s.text) && s.text[at] != '[' {
		before, _, found := strings.Cut(s.text[at:], "[")
		if !found {
			at = len(s.text)
			break
		}
		at += strings.LastIndexByte(before, '\n') + 1 // the line with the bracket
		switch c := s.text[at]; {
		case c == '[':
		case isSpace(c) || c >= utf8.RuneSelf:
			return
		default:
			at = s.endOfLine(at)
		}
	}
	s.line.number += strings.Count(s.text[s.pos:at], "\n")
	s.pos = at
}

// endOfLine returns the start of the line after the one at pos.
func (s *scanner) endOfLine(pos int) int {
	if i := strings.IndexByte(s.text[pos:], '\n'); i >= 0 {
		return pos + i + 1
	}
	return len(s.text)
}

// raw returns the current line, with its line end.
func (s *scanner) raw() string { return s.text[s.line.start:s.line.end] }

// continues reports whether a line with this indentation continues the property above it.
func (s *scanner) continues(indent int) bool { return s.inProperty && indent > s.indent }

// startProperty sets the state to that after a property.
func (s *scanner) startProperty(indent int, isBlock, needsKeys bool) {
	s.inProperty, s.indent, s.inBlock, s.needsKeys = true, indent, isBlock, needsKeys
}

// endProperty sets the state to that after a section header or a faulty line.
func (s *scanner) endProperty() {
	s.inProperty, s.indent, s.inBlock, s.needsKeys = false, 0, false, false
}

// classify reads the current line.
func (s *scanner) classify() {
	raw := s.raw()
	text := trim(raw)
	if text == "" {
		s.line.kind = blankLine
		return
	}
	if isComment(text) {
		s.line.kind = commentLine
		return
	}
	switch _, indent := indentation(raw); {
	case s.continues(indent):
		s.continuation(text)
	case text[0] == '[':
		s.section(text)
	default:
		s.property(text, indent)
	}
}

func (s *scanner) section(text string) {
	header, found := cutHeader(text)
	if !found {
		s.fail(`missing "]"`, `end the section name with "]"`)
		s.inSection = true // one without a name: what follows belongs to no section that is known
		return
	}
	s.line.kind = sectionLine
	s.line.key = trim(header)
	s.inSection = true
	s.endProperty()
}

// cutHeader returns the text between the brackets of a line that starts with "[". It ends at the
// first "]" if a comment follows or nothing, and else at the last one, as in the AWS CLI. Other
// text after it is ignored.
func cutHeader(text string) (header string, found bool) {
	text = text[1:]
	i := strings.IndexByte(text, ']')
	if i < 0 {
		return "", false
	}
	if rest := trim(text[i+1:]); rest != "" && !isComment(rest) {
		i = strings.LastIndexByte(text, ']')
	}
	return text[:i], true
}

func (s *scanner) property(text string, indent int) {
	at := delimiter(text)
	if at < 0 {
		s.fail(`expected "key = value"`, "complete the line, remove it, or start it with #")
		return
	}
	key := trim(text[:at])
	switch {
	case key == "":
		s.fail(`no key before "`+text[at:at+1]+`"`, "add a key, or remove the line")
		return
	case !s.inSection:
		s.fail("property before the first section", "add a line such as [default] above it")
		return
	}
	s.line.kind = propertyLine
	s.line.key = key
	written := trim(text[at+1:])
	s.line.value = trim(withoutComment(text[at+1:]))
	s.startProperty(indent, s.line.value == "", written == "")
}

func (s *scanner) continuation(text string) {
	if s.needsKeys && strings.IndexByte(text, '=') < 0 {
		s.setFault(`expected a sub-property "key = value"`, "complete the line, or remove it")
		return
	}
	s.line.kind, s.line.value = continuationLine, text
}

// fail marks the current line as faulty, and as the end of a property.
func (s *scanner) fail(problem, hint string) {
	s.setFault(problem, hint)
	s.endProperty()
}

func (s *scanner) setFault(problem, hint string) {
	if conflictMarker(trim(s.raw())) != 0 {
		problem = "a merge conflict was not resolved"
		hint = "keep the lines of one side, and remove those of the other side and the markers"
	}
	s.line.kind, s.line.problem, s.line.hint = faultyLine, problem, hint
}

// fault returns what is wrong with the current line, which is faulty.
func (s *scanner) fault() *diag.Error {
	problem := s.line.problem
	if shown := s.shownPart(); shown != "" {
		if shown != trim(s.raw()) {
			shown += " ..."
		}
		problem += fmt.Sprintf(": %q", shown)
	}
	return &diag.Error{Where: fileLine(s.path, s.line.number), Problem: problem, Hint: s.line.hint}
}

// shownPart returns the start of the current line, which is faulty, as far as it is not a secret:
// the name of a setting, or "[" with the word after it. Any other word may be a password.
func (s *scanner) shownPart() string {
	if s.inProperty { // the line continues a value
		return ""
	}
	text := trim(s.raw())
	if strings.HasPrefix(text, "[") {
		return headerStart(text)
	}
	name := text
	if i := strings.IndexFunc(text, unicode.IsSpace); i >= 0 {
		name = text[:i]
	}
	if IsSetting(name) {
		return name
	}
	return ""
}

// headerStart returns the first word of a line that starts with "[", such as "[profile". It returns
// "" for a word that is long or has characters other than lower-case letters and underscores.
func headerStart(text string) string {
	const longest = 40
	i := 1
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
	i := 0
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\t') {
		i++
	}
	text := raw[i:]
	if text == "" {
		return false
	}
	switch c := text[0]; {
	case c == '\n':
		s.line.kind = blankLine
		return true
	case isComment(text):
		s.line.kind = commentLine
		return true
	case c == '\r' || c == '\v' || c == '\f' || c >= utf8.RuneSelf: // may be white space
		return false
	case s.continues(i):
		s.line.kind = continuationLine
		return !s.needsKeys || strings.IndexByte(text, '=') >= 0
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return s.propertyForm(text, i)
	}
	return false
}

func (s *scanner) propertyForm(text string, indent int) bool {
	at := delimiter(text)
	if at < 0 || !s.inSection {
		return false
	}
	value := text[at+1:]
	i := 0
	for i < len(value) && (isSpace(value[i]) || value[i] == '\n') {
		i++
	}
	if value = value[i:]; value != "" && (isComment(value) || value[0] >= utf8.RuneSelf) {
		return false
	}
	s.line.kind = propertyLine
	s.startProperty(indent, value == "", value == "")
	return true
}
