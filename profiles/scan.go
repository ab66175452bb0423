package profiles

import (
	"aws-credproc/internal/diag"
	"fmt"
	"strings"
)

// lineKind says what one line of a shared config file is.
type lineKind uint8

const (
	blankLine        lineKind = iota // nothing, or white space
	commentLine                      // starts with # or ;
	sectionLine                      // [name]
	propertyLine                     // key = value
	continuationLine                 // indented, after a property: joins its value
)

// line is one line of a file. Its byte range takes in the line's end, so that the lines of a file, put one after
// another, are the file.
type line struct {
	kind       lineKind
	number     int    // from 1
	start, end int    // byte range in the file's text
	key        string // of a property, as written; of a section, what stands between the brackets, trimmed
	value      string // of a property or a continuation, trimmed, without its comment
}

// scanner cuts the text of a shared config file into lines. What a line is depends on the lines before it, so a
// scanner starts at the beginning of a file or at a section's header.
type scanner struct {
	file       string // for errors
	text       string
	pos        int
	number     int
	inSection  bool // a section header has been seen
	inProperty bool // a property has been seen in this section, so that an indented line continues it
	inBlock    bool // that property's value is empty, so that indented lines are its sub-properties

	// formOnly leaves out the keys and values of lines other than sections': who only checks the form of a file, as
	// every `get` does, need not pay for them.
	formOnly bool
}

// next gives the next line; ok is false at the end of the text.
func (s *scanner) next() (l line, ok bool, err error) {
	if s.pos >= len(s.text) {
		return line{}, false, nil
	}
	s.number++
	l = line{number: s.number, start: s.pos, end: len(s.text)}
	if i := strings.IndexByte(s.text[s.pos:], '\n'); i >= 0 {
		l.end = s.pos + i + 1
	}
	s.pos = l.end
	if s.formOnly && s.classifyForm(&l) {
		return l, true, nil
	}
	return l, true, s.classify(&l)
}

// classifyForm is classify for what most lines are, without keys and values. It leaves the rest, and all that is wrong,
// to classify.
func (s *scanner) classifyForm(l *line) bool {
	raw := s.text[l.start:l.end]
	switch c := raw[0]; {
	case c == '\n':
		l.kind = blankLine
	case c == '#' || c == ';':
		l.kind = commentLine
	case c == ' ' || c == '\t':
		i := skipSpace(raw)
		if !s.inProperty || i == len(raw) || raw[i] == '#' || raw[i] == ';' || s.inBlock && (raw[i] == '=' || strings.IndexByte(raw, '=') < 0) {
			return false
		}
		l.kind = continuationLine
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		equals := strings.IndexByte(raw, '=')
		if equals < 0 || !s.inSection {
			return false
		}
		for i := range equals {
			if raw[i] == '#' || raw[i] == ';' {
				return false
			}
		}
		value := raw[equals+1:]
		i := skipSpace(value)
		if i < len(value) && (value[i] == '#' || value[i] == ';') {
			return false
		}
		l.kind = propertyLine
		s.inProperty, s.inBlock = true, i == len(value)
	default:
		return false
	}
	return true
}

// skipSpace gives the index of the first byte that is no white space.
func skipSpace(text string) int {
	i := 0
	for i < len(text) && (isSpace(text[i]) || text[i] == '\n') {
		i++
	}
	return i
}

func (s *scanner) classify(l *line) error {
	raw := s.text[l.start:l.end]
	trimmed := trim(raw)
	switch {
	case trimmed == "":
		l.kind = blankLine
		return nil
	case s.inBlock && isSpace(raw[0]) && (trimmed[0] == '#' || trimmed[0] == ';'):
		l.kind = commentLine // among sub-properties, as the SDKs have it; of a value it would be a part
		return nil
	case isSpace(raw[0]) && s.inProperty:
		l.kind = continuationLine
		l.value = trimmed
		if s.inBlock {
			if key, _, found := strings.Cut(trimmed, "="); !found || trim(key) == "" {
				return s.fail(l, "a sub-property needs the form 'key = value'", "write it so, or remove it")
			}
		}
		return nil
	case trimmed[0] == '#' || trimmed[0] == ';':
		l.kind = commentLine
		return nil
	case isSpace(raw[0]):
		return s.fail(l, "an indented line continues a value, and there is none above it", "remove the white space before it")
	case raw[0] == '[':
		return s.section(l, trimmed)
	}
	return s.property(l, trimmed)
}

func (s *scanner) section(l *line, text string) error {
	l.kind = sectionLine
	name, rest, found := strings.Cut(text[1:], "]")
	if !found {
		return s.fail(l, "the section's name has no closing bracket", "end it with ]")
	}
	if rest = trim(rest); rest != "" && rest[0] != '#' && rest[0] != ';' {
		return s.fail(l, "only a comment may follow a section's name", "move the rest to a line of its own")
	}
	l.key = trim(name)
	s.inSection, s.inProperty, s.inBlock = true, false, false
	return nil
}

func (s *scanner) property(l *line, text string) error {
	l.kind = propertyLine
	text = withoutComment(text)
	i := strings.IndexByte(text, '=')
	if i >= 0 {
		l.key, l.value = trim(text[:i]), trim(text[i+1:])
	}
	switch {
	case i < 0:
		return s.fail(l, "a property needs the form 'key = value', and there is no '='", "write it so, or remove it; a comment starts with #")
	case l.key == "":
		return s.fail(l, "there is no key before the '='", "write one, or remove the line")
	case !s.inSection:
		return s.fail(l, "a property stands before any section", "put a line such as [default] above it")
	}
	s.inProperty, s.inBlock = true, l.value == ""
	return nil
}

// fail describes a line that breaks the file's form. Of the line it shows only what cannot be a secret, wherever that was
// pasted: a word that can be a key or a section's name, which no secret of AWS can (they have capitals and digits).
func (s *scanner) fail(l *line, problem, hint string) error {
	e := &diag.Error{Where: fmt.Sprintf("%s:%d", s.file, l.number), Problem: problem, Hint: hint}
	text := trim(s.text[l.start:l.end])
	if shown := firstWord(text); shown != "" {
		if shown != text {
			shown += " ..."
		}
		e.Problem += fmt.Sprintf(": %q", shown)
	}
	return e
}

// firstWord gives a line's first word if it can be shown, with the bracket before it: "[profile", "aws_secret_access_key".
func firstWord(text string) string {
	const longest = 40
	i := 0
	for i < len(text) && (text[i] == '_' || 'a' <= text[i] && text[i] <= 'z' || i == 0 && text[i] == '[') {
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

// withoutComment removes a comment from the end of a property line. It starts at a # or ; that follows white space.
func withoutComment(text string) string {
	if strings.IndexByte(text, '#') < 0 && strings.IndexByte(text, ';') < 0 {
		return text // most lines, found without looking at each byte
	}
	for i := 1; i < len(text); i++ {
		if (text[i] == '#' || text[i] == ';') && isSpace(text[i-1]) {
			return text[:i]
		}
	}
	return text
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' }

func trim(s string) string {
	for s != "" && (isSpace(s[0]) || s[0] == '\n') {
		s = s[1:]
	}
	for s != "" && (isSpace(s[len(s)-1]) || s[len(s)-1] == '\n') {
		s = s[:len(s)-1]
	}
	return s
}

// isName reports whether s may name a section or a property. Those that are named otherwise are ignored, as the
// SDKs ignore them.
func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("_-/.%@:+", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}
