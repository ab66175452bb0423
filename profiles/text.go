package profiles

import (
	"fmt"
	"runtime"
	"strings"
)

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' }

// skipSpace returns the index of the first byte that is not white space.
func skipSpace(text string) int {
	i := 0
	for i < len(text) && (isSpace(text[i]) || text[i] == '\n') {
		i++
	}
	return i
}

func trim(s string) string {
	s = s[skipSpace(s):]
	for s != "" && (isSpace(s[len(s)-1]) || s[len(s)-1] == '\n') {
		s = s[:len(s)-1]
	}
	return s
}

// isComment reports whether a trimmed line is a comment.
func isComment(text string) bool { return text[0] == '#' || text[0] == ';' }

// withoutComment removes the comment from the end of a property line. It starts at a # or ; that
// follows white space.
func withoutComment(text string) string {
	if strings.IndexByte(text, '#') < 0 && strings.IndexByte(text, ';') < 0 {
		return text // fast path: most lines
	}
	for i := 1; i < len(text); i++ {
		if (text[i] == '#' || text[i] == ';') && isSpace(text[i-1]) {
			return text[:i]
		}
	}
	return text
}

// delimiter returns the index of the delimiter between a property's key and its value, or -1.
func delimiter(text string) int { return strings.IndexByte(text, '=') }

// cutProperty splits a property or sub-property at its delimiter and trims both parts.
func cutProperty(text string) (key, value string, found bool) {
	i := delimiter(text)
	if i < 0 {
		return "", "", false
	}
	return trim(text[:i]), trim(text[i+1:]), true
}

// isAlphanumeric reports whether c is an ASCII letter or digit.
func isAlphanumeric[T byte | rune](c T) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// IsName reports whether s can be the name of a profile, another section or a property. The SDKs
// ignore sections and properties with other names.
func IsName(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("_-/.%@:+", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// isPrintable reports whether s consists of printable ASCII characters without spaces.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// splitList splits a value at its commas, trims the parts and drops empty ones.
func splitList(value string) (parts []string) {
	for part := range strings.SplitSeq(value, ",") {
		if part = trim(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// shorten cuts s to at most n bytes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// Argument returns a profile's name as the argument of a command, after all flags. A name that
// starts with a hyphen would be taken for a flag.
func Argument(profile string) string {
	if strings.HasPrefix(profile, "-") {
		return "-- " + profile
	}
	return profile
}

// fileLine returns a file and line in the form of the Where of an error.
func fileLine(path string, line int) string { return fmt.Sprintf("%s:%d", path, line) }

// quoted returns a path as a word of a command for a user to run.
func quoted(path string) string {
	if word, err := commandWord(path, runtime.GOOS); err == nil {
		return word
	}
	return path
}
