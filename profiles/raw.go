package profiles

import (
	"fmt"
	"strings"
)

// Raw is one of the two shared config files line by line, as it stands, for who looks at its form and not at what it
// means. No value is in it, and so no secret.
type Raw struct {
	Path          string
	ByteOrderMark bool
	Lines         []RawLine
}

// RawLine is a section's header, a property, or a line that breaks the form. Other lines are left out.
type RawLine struct {
	Where    string // file and line
	IsHeader bool
	Header   string // of a header: what stands between the brackets, with the white space there
	Profile  string // that a header names, or that a property belongs to; "" where the SDKs see no profile there
	Key      string // of a property, in lower case
	// HasComment says that a comment ends a property's line.
	HasComment bool
	Err        error // an [*Error]: how the line breaks the form
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
		default:
			continue
		}
		raw.Profile = profile
		r.Lines = append(r.Lines, raw)
	}
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
