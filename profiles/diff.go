package profiles

import (
	"regexp"
	"strings"
	"sync"

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

// secretInComment is compiled when it is first used, not at start-up.
var secretInComment = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)([\w-]*(?:secret|token)[\w-]*).*`)
})

// isSecretKey reports whether the value of a key may be a secret, by its name: that of AWS's two
// settings, their older names, and names that users make up to keep a value.
func isSecretKey(key string) bool {
	return (strings.Contains(key, "secret") || strings.Contains(key, "token")) &&
		!strings.HasPrefix(key, "web_identity_token_")
}

// masked returns a file's text with secret values replaced by ***. Of a faulty line, which may hold a
// secret, it keeps what an error shows.
func masked(text string) string {
	var b strings.Builder
	secret := false
	for s := (scanner{text: text}); s.scan(); {
		line := s.raw()
		end := line[len(strings.TrimRight(line, "\r\n")):]
		switch s.line.kind {
		case propertyLine:
			if secret = isSecretKey(strings.ToLower(s.line.key)); secret {
				line = s.line.key + " = " + redacted + end
			} else {
				line = maskedValue(line)
			}
		case continuationLine:
			if secret {
				line = "  " + redacted + end
			} else {
				line = printable.Mask(line)
			}
		case commentLine:
			if secretInComment().MatchString(line) {
				line = secretInComment().ReplaceAllString(strings.TrimSuffix(line, end), "${1} "+redacted) + end
			} else {
				line = maskedValue(line)
			}
		case faultyLine:
			if shown := s.shownPart(); shown != trim(line) {
				line = strings.TrimLeft(shown+" "+redacted, " ") + end
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// maskedValue returns a line of the form "key = value" with secrets in a command or URL as ***.
func maskedValue(line string) string {
	if i := strings.Index(line, "="); i >= 0 {
		return line[:i+1] + printable.Mask(line[i+1:])
	}
	return line
}
