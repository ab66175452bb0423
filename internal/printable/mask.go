package printable

import (
	"regexp"
	"strings"
	"sync"
)

const masked = "***"

// Mask replaces what looks like a secret in a command line or a URL by ***: the user information
// and the query of a URL, the value after a flag or variable whose name says that it is a secret,
// and a word in the form of an AWS secret access key. Names of files that hold a secret are kept.
func Mask(s string) string {
	e := secretForms()
	s = e.url.ReplaceAllStringFunc(s, maskURL)
	s = maskValues(s, e.assigned, e.flag)
	return e.key.ReplaceAllStringFunc(s, func(word string) string {
		if strings.HasPrefix(word, "/") || !strings.ContainsAny(word, "0123456789") ||
			strings.ToLower(word) == word || strings.ToUpper(word) == word {
			return word // a path, a hash or a name
		}
		return masked
	})
}

// maskValues masks the values that forms find in s. A value that is a name itself has a value too:
// --header Authorization: V.
func maskValues(s string, forms ...*regexp.Regexp) string {
	secret := make([]bool, len(s))
	for _, form := range forms {
		for at := 0; ; {
			m := form.FindStringSubmatchIndex(s[at:]) // of the match, the name and the value
			if m == nil {
				break
			}
			start, end := at+m[4], at+m[5]
			if !isPublicName(s[at+m[2] : at+m[3]]) {
				for i := start; i < end; i++ {
					secret[i] = true
				}
			}
			at = end
			if value := s[start:end]; value[0] != '"' && value[0] != '\'' {
				at = start + strings.LastIndexAny(value[:len(value)-1], ":=") + 1
			}
		}
	}
	var b strings.Builder
	for i := range len(s) {
		switch {
		case !secret[i]:
			b.WriteByte(s[i])
		case i == 0 || !secret[i-1]:
			b.WriteString(masked)
		}
	}
	return b.String()
}

// expressions find what may be a secret.
type expressions struct{ url, assigned, flag, key *regexp.Regexp }

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
			`private[_-]?key|credential|authorization)[\w-]*`
		quoted = `"(?:[^"\\]|\\.)*"?|'[^']*'?`
		word   = `[^\s"']+`
	)
	return expressions{
		url: regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`),
		// --name=value, NAME=value, "name": value
		assigned: regexp.MustCompile(`(?i)(` + name + `)(?:=|["']?:[ \t]*)(` +
			quoted + `|(?:bearer|basic)[ \t]+` + word + `|` + word + `)`),
		// --name value, but not --name --another
		flag: regexp.MustCompile(`(?i)(?:^|[\s"'(;:=])(--?` + name + `)[ \t]+(` + quoted +
			`|(?:[^\s"'-]|-[^\s"'-])(?:` + word + `)?)`),
		key: regexp.MustCompile(`[A-Za-z0-9/+]{40,}`),
	}
}

// isPublicName reports whether the value of a flag or variable is a name and not itself a secret.
func isPublicName(name string) bool {
	name = strings.ToLower(name)
	for _, suffix := range []string{"file", "path", "arn", "id", "name", "url", "type", "process"} {
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
