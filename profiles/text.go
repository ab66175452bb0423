package profiles

import (
	"fmt"
	"runtime"
	"strings"
	"unicode"
	"unicode/utf8"

	"aws-credproc/internal/printable"
)

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' }

// trim removes Unicode white space, such as a no-break space pasted from a web page, as the AWS CLI
// does.
func trim(s string) string {
	for s != "" {
		n := leadingSpace(s)
		if n == 0 {
			break
		}
		s = s[n:]
	}
	for s != "" {
		n := 1
		if c := s[len(s)-1]; c >= utf8.RuneSelf {
			var r rune
			if r, n = utf8.DecodeLastRuneInString(s); !unicode.IsSpace(r) {
				break
			}
		} else if !isSpace(c) && c != '\n' {
			break
		}
		s = s[:len(s)-n]
	}
	return s
}

// leadingSpace returns the size of the white space character that a text starts with, or 0.
func leadingSpace(s string) int {
	if c := s[0]; c < utf8.RuneSelf {
		if isSpace(c) || c == '\n' {
			return 1
		}
		return 0
	}
	if r, n := utf8.DecodeRuneInString(s); unicode.IsSpace(r) {
		return n
	}
	return 0
}

// indentation returns the white space that a line starts with, and its number of characters.
func indentation(line string) (space string, width int) {
	rest := line
	for rest != "" && rest[0] != '\n' {
		n := leadingSpace(rest)
		if n == 0 {
			break
		}
		rest = rest[n:]
		width++
	}
	return line[:len(line)-len(rest)], width
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

// delimiter returns the index of the delimiter between a property's key and its value, the first =
// or :, or -1.
func delimiter(text string) int {
	i := strings.IndexByte(text, '=')
	if i < 0 {
		return strings.IndexByte(text, ':')
	}
	if j := strings.IndexByte(text[:i], ':'); j >= 0 {
		return j
	}
	return i
}

// cutSub splits a sub-property at its = and trims both parts.
func cutSub(text string) (key, value string, found bool) {
	key, value, found = strings.Cut(text, "=")
	return trim(key), trim(value), found
}

// isAlphanumeric reports whether c is an ASCII letter or digit.
func isAlphanumeric[T byte | rune](c T) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// IsName reports whether s is the name of a section or property that all SDKs read.
func IsName(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("_-/.%@:+", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// isSectionName reports whether s can be the name of a profile or another section. The AWS CLI reads
// more names than [IsName] accepts, such as one with a space, in quotes.
func isSectionName(s string) bool {
	if IsName(s) {
		return true
	}
	return s != "" && trim(s) == s && utf8.ValidString(s) &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) < 0
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
func shorten(s string, n int) string { return printable.Shorten(s, n) }

// Argument returns a profile's name as the argument of a shell command, after all flags. A name
// that starts with a hyphen would be taken for a flag.
func Argument(profile string) string {
	if strings.HasPrefix(profile, "-") {
		return "-- " + NameWord(profile)
	}
	return NameWord(profile)
}

// NameWord returns a profile's name as a word of a shell command.
func NameWord(profile string) string {
	if IsName(profile) {
		return profile
	}
	return quoted(profile)
}

// fileLine returns a file and line in the form of the Where of an error.
func fileLine(path string, line int) string { return fmt.Sprintf("%s:%d", path, line) }

// quoted returns a path as a word of a command for a user to run.
func quoted(path string) string {
	if runtime.GOOS == "windows" {
		return `"` + path + `"`
	}
	return printable.ShellWord(path)
}
