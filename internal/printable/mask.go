package printable

import (
	"regexp"
	"strings"
	"sync"
)

const masked = "***"

// Mask replaces what looks like a secret in a command line or a URL by ***: the user information
// and the query of a URL, the value after a flag or variable for which [IsSecretName] is true, and
// a word in the form of an AWS secret access key.
func Mask(s string) string {
	e := secretForms()
	s = e.url.ReplaceAllStringFunc(s, maskURL)
	s = maskValues(s, e.assigned)
	return e.key.ReplaceAllStringFunc(s, func(word string) string {
		if strings.HasPrefix(word, "/") || !strings.ContainsAny(word, "0123456789") ||
			strings.ToLower(word) == word || strings.ToUpper(word) == word {
			return word // a path, a hash or a name
		}
		return masked
	})
}

// IsSecretName reports whether the value of a flag, variable or setting may be a secret, by its
// name.
func IsSecretName(name string) bool { return SecretNameEnd(name) >= 0 }

// SecretNameEnd returns the end of the first name in s for which [IsSecretName] is true, or -1.
func SecretNameEnd(s string) int {
	for _, m := range secretForms().name.FindAllStringIndex(s, -1) {
		if !isPublicName(s[m[0]:m[1]]) {
			return m[1]
		}
	}
	return -1
}

// maskValues masks the values that follow the names and separators that form finds in s. The value
// of one name may be another name, as in --header Authorization: V.
func maskValues(s string, form *regexp.Regexp) string {
	var b strings.Builder
	done := 0      // up to here, s is masked or in b
	var quote byte // the quote that is open at pos, or 0
	pos := 0
	for _, m := range form.FindAllStringSubmatchIndex(s, -1) {
		start := m[1]
		quote = openQuote(s[pos:start], quote)
		pos = start
		v := value{s[m[2]:m[3]], s[m[3]:start], s[:m[2]], start, quote}
		if isPublicName(v.name) || v.isMissing(s) {
			continue
		}
		end := v.end(s, done)
		if end <= max(start, done) {
			continue
		}
		if start > done {
			b.WriteString(s[done:start])
			b.WriteString(masked)
		}
		done = end
	}
	return b.String() + s[done:]
}

// expressions find what may be a secret.
type expressions struct{ url, name, assigned, key *regexp.Regexp }

var (
	compiled sync.Once
	forms    expressions
)

// secretForms compiles the expressions when they are first used, not at start-up.
func secretForms() expressions {
	compiled.Do(func() { forms = compileForms() })
	return forms
}

func compileForms() expressions {
	const (
		name = `[\w-]*(?:passw(?:or)?d|passphrase|passcode|pwd|secret|token|api[_-]?key|access[_-]?key|` +
			`private[_-]?key|credential|authorization)[\w-]*|-*\b(?:sshpass|storepass|keypass|base32|seed)\b|` +
			`-*\b(?:[\w-]*[_-])?pass(?:[_-][\w-]*)?\b`
		closing = `(?:\\*["'])`
	)
	return expressions{
		url:  regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`),
		name: regexp.MustCompile(`(?i)` + name),
		// --name=value, NAME=value, "name": value and --name value, each without the value
		assigned: regexp.MustCompile(`(?i)(` + name + `)(?:` +
			closing + `?[ \t]*[:=][ \t\r\n]*|` + closing + `?,?[ \t\r\n]+|` + closing + `,)`),
		key: regexp.MustCompile(`[A-Za-z0-9/+]{40,}`),
	}
}

// isPublicName reports whether the value of a flag or variable is a name and not itself a secret.
func isPublicName(name string) bool {
	name = strings.ToLower(name)
	for _, suffix := range []string{
		"file", "path", "dir", "arn", "id", "name", "prefix", "url", "uri", "type", "process", "source",
		"cmd", "fd", "stdin", "duration", "expires", "secretsmanager",
	} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// maskURL masks the user information, the query and the fragment of a URL, even if that is not
// valid. It keeps the "#/" of a start URL of IAM Identity Center.
func maskURL(s string) string {
	before := s
	hasQuery := false
	if i := strings.IndexAny(s, "?#"); i >= 0 && s[i:] != "#" && s[i:] != "#/" {
		before, hasQuery = s[:i], true
	}
	scheme, rest, _ := strings.Cut(before, "://")
	authority, path, hasPath := strings.Cut(rest, "/")
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		authority = masked + authority[i:]
	}
	before = scheme + "://" + authority
	if hasPath {
		before += "/" + path
	}
	if hasQuery {
		before += "?" + masked
	}
	return before
}
