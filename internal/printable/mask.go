package printable

import (
	"iter"
	"slices"
	"strings"
)

const masked = "***"

// Mask replaces what looks like a secret in a command line or a URL by ***: the user information
// and the query of a URL, the value after a flag or variable for which [IsSecretName] is true, and
// a word in the form of an AWS secret access key or of a JSON Web Token.
func Mask(s string) string {
	s = maskValues(maskURLs(s))
	return maskWords(maskWords(s, isTokenByte, isToken), isKeyByte, isKey)
}

// IsSecretName reports whether the value of a flag, variable or setting may be a secret, by its
// name.
func IsSecretName(name string) bool { return SecretNameEnd(name) >= 0 }

// SecretNameEnd returns the end of the first name in s for which [IsSecretName] is true, or -1.
func SecretNameEnd(s string) int {
	for start, end := range runs(s, isNameByte) {
		if isSecretName(s[start:end]) {
			return end
		}
	}
	return -1
}

// runs yields the start and the end of each part of s that has bytes of a class only, and is as
// long as possible.
func runs(s string, isInClass func(byte) bool) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for start := 0; start < len(s); start++ {
			end := start
			for end < len(s) && isInClass(s[end]) {
				end++
			}
			if end > start && !yield(start, end) {
				return
			}
			start = end
		}
	}
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// isNameByte reports whether c may be in the name of a flag, variable or setting.
func isNameByte(c byte) bool { return isAlphanumeric(c) || c == '-' || c == '_' }

var (
	// secretParts are what the names of secrets have in them. A "-" stands for "_" too.
	secretParts = []string{
		"passwd", "password", "passphrase", "passcode", "pwd", "secret", "token", "credential",
		"authorization", "bw-session", "apikey", "api-key", "accesskey", "access-key", "privatekey",
		"private-key",
	}
	// secretWords are words of the names of secrets, which "-" or "_" separates.
	secretWords = []string{"pass", "sshpass", "storepass", "keypass", "base32", "seed"}
	// publicEnds are the ends of the names of what has to do with a secret and is not one.
	publicEnds = []string{
		"file", "path", "dir", "arn", "id", "name", "prefix", "url", "uri", "type", "process", "source",
		"cmd", "fd", "stdin", "duration", "expires", "secretsmanager",
	}
)

// isSecretName is [IsSecretName] for a name without other text.
func isSecretName(name string) bool {
	name = strings.ToLower(name)
	if slices.ContainsFunc(publicEnds, func(end string) bool { return strings.HasSuffix(name, end) }) {
		return false
	}
	dashed := strings.ReplaceAll(name, "_", "-")
	isIn := func(part string) bool { return strings.Contains(dashed, part) }
	isSecretWord := func(word string) bool { return slices.Contains(secretWords, word) }
	return slices.ContainsFunc(secretParts, isIn) ||
		slices.ContainsFunc(strings.Split(dashed, "-"), isSecretWord)
}

// maskValues masks the values that follow the names of secrets and a separator. The value of one
// name may be another name, as in --header Authorization: V.
func maskValues(s string) string {
	var b strings.Builder
	done := 0      // up to here, s is masked or in b
	var quote byte // the quote that is open at pos, or 0
	pos := 0
	for from, to := range runs(s, isNameByte) {
		start := to + separatorLength(s[to:])
		if start == to || !isSecretName(s[from:to]) {
			continue
		}
		quote = openQuote(s[pos:start], quote)
		pos = start
		v := value{s[from:to], s[to:start], s[:from], start, quote}
		if v.isMissing(s) {
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

// separatorLength returns the length of what separates a name from the value that s goes on with, as
// in --name=value, NAME=value, "name": value, --name value and ["--name","value"]. It is 0 if there
// is no value.
func separatorLength(s string) int {
	rest := s
	if n := escapes(s); isQuote(s[n:]) { // that of the name
		rest = s[n+1:]
	}
	isQuoted := len(rest) < len(s)
	if r := strings.TrimLeft(rest, " \t"); r != "" && (r[0] == ':' || r[0] == '=') {
		return len(s) - len(strings.TrimLeft(r[1:], blanks))
	}
	rest, hasComma := strings.CutPrefix(rest, ",")
	trimmed := strings.TrimLeft(rest, blanks)
	if len(trimmed) < len(rest) || isQuoted && hasComma {
		return len(s) - len(trimmed)
	}
	return 0
}

// maskWords masks the words of a class of bytes that are secrets.
func maskWords(s string, isInClass func(byte) bool, isSecret func(word string) bool) string {
	var b strings.Builder
	done := 0
	for start, end := range runs(s, isInClass) {
		if isSecret(s[start:end]) {
			b.WriteString(s[done:start])
			b.WriteString(masked)
			done = end
		}
	}
	return b.String() + s[done:]
}

func isKeyByte(c byte) bool { return isAlphanumeric(c) || c == '/' || c == '+' }

// isKey reports whether a word may be a secret access key, and not a path, a hash or a name.
func isKey(word string) bool {
	const length = 40
	return len(word) >= length && word[0] != '/' && strings.ContainsAny(word, "0123456789") &&
		strings.ToLower(word) != word && strings.ToUpper(word) != word
}

func isTokenByte(c byte) bool { return isNameByte(c) || c == '.' }

// isToken reports whether a word has the form of a signed JSON Web Token: a JSON object in base64,
// and two other parts.
// https://www.rfc-editor.org/rfc/rfc7515#section-7.1
func isToken(word string) bool {
	return strings.HasPrefix(word, "eyJ") && strings.Count(word, ".") == 2
}

// maskURLs masks the secrets in URLs.
func maskURLs(s string) string {
	const marks = "0123456789+.-" // in a scheme, except at its start
	isSchemeByte := func(r rune) bool {
		return r < 0x80 && isAlphanumeric(byte(r)) || strings.ContainsRune(marks, r)
	}
	var b strings.Builder
	for {
		colon := strings.Index(s, "://")
		if colon < 0 {
			return b.String() + s
		}
		scheme := s[len(strings.TrimRightFunc(s[:colon], isSchemeByte)):colon]
		scheme = strings.TrimLeft(scheme, marks)
		start, end := colon-len(scheme), colon+len("://")
		if scheme != "" {
			end += textLength(s[end:])
		}
		b.WriteString(s[:start])
		b.WriteString(maskURL(s[start:end])) // "://" alone stays as it is
		s = s[end:]
	}
}

// textLength returns the length of s up to white space, a quote, < or >.
func textLength(s string) int {
	if i := strings.IndexAny(s, "\"'<>\f"+blanks); i >= 0 {
		return i
	}
	return len(s)
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
