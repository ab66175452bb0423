package tui

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Width returns the number of columns that s takes on a terminal.
func Width(s string) (columns int) {
	for _, r := range s {
		columns += runeWidth(r)
	}
	return columns
}

// runeWidth returns the columns of a character by its East Asian Width
// (https://www.unicode.org/reports/tr11/), 0 for one that combines with the one before it.
func runeWidth(r rune) int {
	const firstOther = '\u0300' // the first character that is wide or combines
	if r < firstOther {
		return 1
	}
	switch kind := width.LookupRune(r).Kind(); {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case kind == width.EastAsianWide, kind == width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Truncate returns s cut to a number of columns. An ARN keeps its end, which is what differs.
func Truncate(s string, columns int) string {
	switch {
	case Width(s) <= columns:
		return s
	case strings.HasPrefix(s, "arn:"):
		return "…" + lastColumns(s, columns-1)
	}
	return firstColumns(s, columns-1) + "…"
}

// firstColumns returns the beginning of s that fits into a number of columns.
func firstColumns(s string, columns int) string {
	for i, r := range s {
		if columns -= runeWidth(r); columns < 0 {
			return s[:i]
		}
	}
	return s
}

// fitting returns how many characters fit into a number of columns, at least 1.
func fitting(runes []rune, columns int) int {
	for i, r := range runes {
		if columns -= runeWidth(r); columns < 0 {
			return max(i, 1)
		}
	}
	return len(runes)
}

// lastColumns returns the end of s that fits into a number of columns.
func lastColumns(s string, columns int) string {
	runes := []rune(s)
	i := len(runes)
	for i > 0 && columns >= runeWidth(runes[i-1]) {
		i--
		columns -= runeWidth(runes[i])
	}
	return string(runes[i:])
}
