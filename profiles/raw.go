package profiles

import (
	"strings"
	"unicode/utf8"
)

// Raw is one of the two shared config files line by line, for checks of its form. It has no values,
// and so no secrets.
type Raw struct {
	Path          string
	ByteOrderMark bool
	NotUTF8       string // file and line of the first text that is not UTF-8; "" if there is none
	Lines         []RawLine
}

// RawLine is a section header, a property, a sub-property or a faulty line. Other lines are left
// out.
type RawLine struct {
	Where      string // file and line
	IsHeader   bool
	Header     string // of a header: the text in brackets with its white space
	Profile    string // that the line belongs to, as the SDKs see it; "" if there is none
	Key        string // of a property, in lower case
	Sub        string // key of a sub-property, such as max_queue_size in s3; Key is "" then
	HasComment bool   // whether a property's line ends with a comment
	Conflict   byte   // of a merge conflict marker, its character: one of <|=>; else 0
	Err        error  // of a faulty line, an [*diag.Error]
}

// ReadRaw reads a file as which of the two, [ConfigFile] or [CredentialsFile]. Unlike [Load] it
// reads on after a faulty line. It returns an error if the file cannot be read.
func ReadRaw(path, which string) (Raw, error) {
	text, err := readFile(path)
	if err != nil {
		return Raw{}, err
	}
	r := Raw{Path: path, ByteOrderMark: strings.HasPrefix(text, byteOrderMark)}
	if i := invalidUTF8(text); i >= 0 {
		r.NotUTF8 = fileLine(path, 1+strings.Count(text[:i], "\n"))
	}
	profile := ""
	for s := (scanner{path: path, text: strings.TrimPrefix(text, byteOrderMark)}); s.scan(); {
		written := trim(s.raw())
		raw := RawLine{
			Where: fileLine(path, s.line.number), Profile: profile, Conflict: conflictMarker(written),
		}
		hasComment := withoutComment(written) != written
		switch {
		case s.line.kind == faultyLine:
			raw.Err = s.fault()
			if written[0] == '[' {
				profile = ""
			}
		case s.line.kind == sectionLine:
			raw.IsHeader = true
			raw.Header, _ = cutHeader(written)
			profile = ""
			if kind, name := parseHeader(which, s.line.key); kind == profileSection {
				profile = name
			}
			raw.Profile = profile
		case s.line.kind == propertyLine:
			raw.Key, raw.HasComment = strings.ToLower(s.line.key), hasComment
		case s.line.kind == continuationLine && s.inBlock:
			raw.Sub, _, _ = cutSub(written)
			raw.HasComment = hasComment
		default:
			continue
		}
		r.Lines = append(r.Lines, raw)
	}
	return r, nil
}

// conflictMarker returns the character of a merge conflict marker such as "<<<<<<< HEAD", or 0.
func conflictMarker(line string) byte {
	const width = 7
	if len(line) < width || strings.IndexByte("<|=>", line[0]) < 0 {
		return 0
	}
	rest := strings.TrimLeft(line, line[:1])
	if len(line)-len(rest) != width || rest != "" && rest[0] != ' ' {
		return 0
	}
	return line[0]
}

// invalidUTF8 returns the index of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if _, n := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && n == 1 {
			return i
		}
	}
	return -1
}
