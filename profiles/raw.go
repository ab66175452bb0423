package profiles

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Raw is one of the two shared config files line by line, as it stands, for who looks at its form and not at what it
// means. No value is in it, and so no secret.
type Raw struct {
	Path          string
	ByteOrderMark bool
	NotUTF8       string // file and line of the first that is no text in UTF-8; "" where there is none
	Lines         []RawLine
}

// RawLine is a section's header, a property, a property within another's block, or a line that breaks the form. Other
// lines are left out.
type RawLine struct {
	Where    string // file and line
	IsHeader bool
	Header   string // of a header: what stands between the brackets, with the white space there
	Profile  string // that a header names, or that a property belongs to; "" where the SDKs see no profile there
	Key      string // of a property, in lower case
	Sub      string // of a property within the block of another, as max_queue_size in that of s3: its key; Key is "" then
	// HasComment says that a comment ends a property's line.
	HasComment bool
	Err        error // an [*diag.Error]: how the line breaks the form
}

// ReadRaw reads the file that stands at path as which of the two, [ConfigFile] or [CredentialsFile]. Other than [Load] it
// goes on behind a line that breaks the form; its error says that there is nothing to look at.
func ReadRaw(path, which string) (Raw, error) {
	text, err := readFile(path)
	if err != nil {
		return Raw{}, err
	}
	r := Raw{Path: path, ByteOrderMark: strings.HasPrefix(text, byteOrderMark)}
	header := configHeader
	if which == CredentialsFile {
		header = credentialsHeader
	}
	if i := invalidUTF8(text); i >= 0 {
		r.NotUTF8 = fmt.Sprintf("%s:%d", path, 1+strings.Count(text[:i], "\n"))
	}
	s := scanner{file: path, text: strings.TrimPrefix(text, byteOrderMark)}
	profile := ""
	for {
		l, ok, err := s.next()
		if !ok {
			return r, nil
		}
		raw := RawLine{Where: fmt.Sprintf("%s:%d", path, l.number), Err: err}
		written := trim(s.text[l.start:l.end])
		switch {
		case err != nil:
		case l.kind == sectionLine:
			raw.IsHeader = true
			raw.Header, _, _ = strings.Cut(written[1:], "]")
			profile = ""
			if kind, name := header(l.key); kind == profileSection {
				profile = name
			}
		case l.kind == propertyLine:
			raw.Key, raw.HasComment = strings.ToLower(l.key), withoutComment(written) != written
		case l.kind == continuationLine && s.inBlock:
			key, _, _ := strings.Cut(written, "=")
			raw.Sub, raw.HasComment = trim(key), withoutComment(written) != written
		default:
			continue
		}
		raw.Profile = profile
		r.Lines = append(r.Lines, raw)
		if err != nil && strings.HasPrefix(written, "[") {
			// What follows belongs to a section that has no name, and is not to be told of for that.
			s.inSection, s.inProperty, s.inBlock, profile = true, false, false, ""
		}
	}
}

// invalidUTF8 gives the index of the first byte that is in no character; -1 where there is none.
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

// Place gives where a property stands, as file and line.
func (f *Files) Place(p Property) string { return f.where(p) }

// ProcessWords gives the words of a profile's credential_process, as far as the SDKs agree upon them, and whether the
// first of them starts this helper, however it is told to go on: see [Wired] for that.
func ProcessWords(p Section) (words []string, ours bool) {
	words = splitCommand(p.Get("credential_process"))
	return words, len(words) > 0 && isThisHelper(words[0])
}

// CommandWords cuts a command that stands within another, as that of `sh -c` does, in the same way.
func CommandWords(command string) []string { return splitCommand(command) }
