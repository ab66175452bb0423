package profiles

import (
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"aws-credproc/internal/printable"
)

// Change is what an edit changes in one file.
type Change struct {
	Path     string
	Old, New Secret // the file's text without byte order mark, which may hold keys
}

// Diff returns the change as a unified diff. Secret values are shown as ***, in comments too, as are
// secrets in commands and URLs.
func (c Change) Diff() string {
	before, after := []byte(masked(string(c.Old))), []byte(masked(string(c.New)))
	out := string(diff.Diff(c.Path, before, c.Path, after))
	_, out, _ = strings.Cut(out, "\n") // the command line of diff
	return out
}

// masked returns a file's text with secret values replaced by ***. Of a faulty line, which may hold a
// secret, it keeps what an error shows.
func masked(text string) string {
	var b strings.Builder
	var hidden bool // whether the lines that continue the property are not shown
	secrets := secretValues(text)
	for s := (scanner{text: text}); s.scan(); {
		line := strings.TrimRight(s.raw(), "\r\n")
		end := s.raw()[len(line):]
		switch s.line.kind {
		case propertyLine:
			hidden, secrets = secrets[0], secrets[1:]
			line = maskedProperty(s.line.key, line)
		case continuationLine:
			if hidden {
				line = "  " + redacted
			} else {
				line = maskedText(line, len(withoutComment(line)))
			}
		case commentLine:
			line = maskedText(line, 0)
		case faultyLine:
			if shown := s.shownPart(); shown != trim(line) {
				line = strings.TrimLeft(shown+" "+redacted, " ")
			}
		}
		b.WriteString(line + end)
	}
	return b.String()
}

// secretValues reports, for each property of a text, whether it has several lines and a secret in
// its value. A flag may be on one line and its value on the next.
func secretValues(text string) (secrets []bool) {
	var key string
	var lines []string // of its value
	finish := func() {
		if len(lines) > 0 {
			value := strings.Join(lines, "\n")
			secrets = append(secrets, len(lines) > 1 && ShownValue(key, value) != value)
		}
	}
	for s := (scanner{text: text}); s.scan(); {
		switch s.line.kind {
		case propertyLine:
			finish()
			line := s.raw() // its comment too, which is a part of the value for the AWS CLI
			key, lines = s.line.key, append(lines[:0], trim(line[delimiter(line)+1:]))
		case continuationLine:
			lines = append(lines, s.line.value)
		}
	}
	finish()
	return secrets
}

// maskedProperty returns the line of a property with secrets as ***.
func maskedProperty(key, line string) string {
	at := delimiter(line) + 1
	text := line[at:]
	value := withoutComment(text)
	switch {
	case !IsName(key) || strings.HasPrefix(text, "//"): // not a setting, such as https://...
		return maskedText(line, 0)
	case printable.IsSecretName(key), isSwappedKey(key, trim(value)):
		return key + " = " + redacted
	case isPlain(key, value):
		return line[:at] + value + maskedText(text[len(value):], 0)
	}
	return line[:at] + maskedText(text, len(value))
}

// maskedText returns a text with secrets in commands and URLs as ***. In the comment that starts at
// the index comment, it masks all text after the name of a secret.
func maskedText(text string, comment int) string {
	if i := printable.SecretNameEnd(text[comment:]); i >= 0 {
		return printable.Mask(text[:comment+i]) + " " + redacted
	}
	return printable.Mask(text)
}
