// Package printable makes text from outside safe to show on a terminal.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// IsUnsafe reports whether r could change the state of a terminal or disguise text on it: a control
// or formatting character, a line separator, or utf8.RuneError, which replaces invalid UTF-8.
func IsUnsafe(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// Clean replaces each run of unsafe characters by a space and cuts s to at most limit bytes,
// without splitting a character.
func Clean(s string, limit int) string {
	if strings.ContainsFunc(s, IsUnsafe) {
		s = strings.Join(strings.FieldsFunc(s, IsUnsafe), " ")
	}
	if len(s) > limit {
		s = s[:limit]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}

// Shorten cuts s to at most limit bytes, and ends what it cuts with "...".
func Shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "..."
}
