package profiles

import (
	"strings"

	"aws-credproc/internal/diag"
)

// splice is the replacement of the bytes from start to end with text.
type splice struct {
	start, end int
	text       string
}

// replaceAll applies splices, which are in the order of the text. They may overlap.
func replaceAll(text string, splices []splice) string {
	var b strings.Builder
	pos := 0
	for _, s := range splices {
		b.WriteString(text[pos:max(pos, s.start)])
		b.WriteString(s.text)
		pos = s.end
	}
	b.WriteString(text[pos:])
	return b.String()
}

// body is a section with its settings.
type body struct {
	section
	start    int // of the header's line
	settings []setting
	comments []span
	last     int // end of the last line that certainly belongs to the section
}

// setting is a property with the lines that continue it, without comments and blank lines between.
type setting struct {
	key    string // in lower case
	first  string // first line of the value
	number int    // line number, from 1
	lines  []span
}

// span is the byte range of a line, including its end.
type span struct{ start, end int }

// bodies returns a profile's sections, in the file's order.
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

// body reads a section. One with a faulty line is an error, with what can be read.
func (f *file) body(part section) (body, error) {
	b := body{section: part, start: f.lineStart(part.start), last: part.start}
	for s := f.scanSection(part); s.scan(); {
		l := &s.line
		here := span{l.start, l.end}
		_, indent := indentation(s.raw())
		switch {
		case l.kind == propertyLine:
			b.settings = append(b.settings, setting{strings.ToLower(l.key), l.value, l.number, []span{here}})
			b.last = l.end
		case l.kind == continuationLine, l.kind == commentLine && s.continues(indent) && s.inBlock:
			// A comment in a block moves with the block: some tools read it as part of another value.
			last := &b.settings[len(b.settings)-1]
			last.lines = append(last.lines, here)
			b.last = l.end
		case l.kind == commentLine:
			b.comments = append(b.comments, here)
			if indent > 0 {
				b.last = l.end // some tools read it as part of the value above
			}
		}
	}
	if fault := f.fault(part); fault != nil {
		return b, faultOf(part, fault)
	}
	return b, nil
}

// lastSetting returns the setting of a key that takes effect.
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

// indentOfBody returns the indentation for a new line at the end of a section. With less, the line
// would be followed by headers that are indented more, and so continue it.
func (f *file) indentOfBody(b body) string {
	at := b.end // the next section's header
	if n := len(b.settings); n > 0 {
		at = b.settings[n-1].lines[0].start
	}
	space, _ := indentation(f.text[at:])
	return space
}

// indentOf returns the indentation of a line.
func (f *file) indentOf(s span) string {
	space, _ := indentation(f.text[s.start:s.end])
	return space
}

// reindent returns the lines of a setting with the indentation of the first one replaced. Lines that
// continue it stay indented more.
func reindent(lines []string, to string) []string {
	if len(lines) == 0 {
		return nil
	}
	_, width := indentation(lines[0])
	moved := make([]string, len(lines))
	for i, line := range lines {
		for range width {
			if line == "" || leadingSpace(line) == 0 {
				break
			}
			line = line[leadingSpace(line):]
		}
		moved[i] = to + line
	}
	return moved
}

// rawLines returns a setting's lines as they are written, without their ends.
func (f *file) rawLines(s setting) []string {
	var lines []string
	for _, l := range s.lines {
		lines = append(lines, strings.TrimRight(f.text[l.start:l.end], "\r\n"))
	}
	return lines
}

// replaceValue replaces a setting's value with one line.
func (f *file) replaceValue(s setting, value string) []splice {
	at := s.lines[0].start
	at += delimiter(f.text[at:]) + 1
	replace := splice{at, at, " " + value}
	if s.first != "" {
		at += strings.Index(f.text[at:], s.first)
		replace = splice{at, at + len(s.first), value}
	}
	return append([]splice{replace}, f.removeLines(s.lines[1:])...)
}

// replaceSetting replaces all lines of a setting.
func (f *file) replaceSetting(s setting, lines []string) []splice {
	first := s.lines[0]
	raw := strings.TrimRight(f.text[first.start:first.end], "\r\n")
	text := strings.Join(reindent(lines, f.indentOf(first)), f.lineEnd(first.end))
	replace := splice{first.start, first.start + len(raw), text}
	return append([]splice{replace}, f.removeLines(s.lines[1:])...)
}

// removeLines removes lines. If they end a file without a newline at its end, the line end before
// them is removed too.
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

// removalStart returns where the removal of whole lines starts, so that a file without a newline at
// its end stays one.
func (f *file) removalStart(s splice) int {
	if s.end < len(f.text) || s.start == 0 || f.text[len(f.text)-1] == '\n' {
		return s.start
	}
	return s.start - len(f.lineEnd(s.start))
}

// removeSection removes a section up to its last line, with the blank line below it or, at the end
// of the file, above it.
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

// rename renames sections. In the config file, short selects [default] instead of [profile
// default]. A name in quotes stays in quotes.
func (f *file) rename(bodies []body, name string, short bool) ([]splice, error) {
	var splices []splice
	for _, b := range bodies {
		start, end := f.headerSpan(b.section)
		header := f.text[start:end]
		text := name
		switch {
		case f.which == CredentialsFile || name == "default" && short:
		case header == "default":
			text = "profile " + name
		default:
			written := strings.TrimLeft(strings.TrimPrefix(header, "profile"), shellSpace)
			start = end - len(written)
			var ok bool
			if text, ok = requote(written, b.section.name, name); !ok {
				return nil, &diag.Error{
					Profile: b.section.name,
					Where:   fileLine(f.path, b.section.line),
					Problem: "the name in the section's header cannot be edited as it is written",
					Hint:    "change the line to " + profileHeader(f.which, b.section.name),
				}
			}
		}
		splices = append(splices, splice{start, end, text})
	}
	return splices, nil
}

// requote returns a new name, written as the old one is: in the same quotes, or without. ok is false
// if it would be read as another name, or if the old name is written in some other way.
func requote(written, old, name string) (text string, ok bool) {
	text = name
	if q := written[:1]; written == q+old+q {
		text = q + name + q
	} else if written != old {
		return "", false
	}
	read, ok := sectionName(text)
	return text, ok && read == name
}

// insertLine inserts a line at the end of a line or of the file.
func (f *file) insertLine(at int, text string) splice {
	if at > 0 && f.text[at-1] != '\n' {
		return splice{at, at, f.lineEnd(at) + text}
	}
	return splice{at, at, text + f.lineEnd(at)}
}

// insertLines inserts several lines, as insertLine does.
func (f *file) insertLines(at int, lines []string) splice {
	return f.insertLine(at, strings.Join(lines, f.lineEnd(at)))
}

// appendSection appends lines to the file, after a blank line if the file is not empty.
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

// lineEnd returns the line end that is used above a position or, if there is none, in the file.
func (f *file) lineEnd(at int) string {
	if at > 0 && f.text[at-1] == '\r' {
		return "\r\n" // "\n" would turn a lone "\r" before it into a line end
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
