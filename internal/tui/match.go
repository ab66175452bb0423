package tui

import (
	"slices"
	"strings"
	"unicode"
)

// maxMatched is how many characters of a name are compared with what the user types.
const maxMatched = 200

// distance returns how far a row is from the words that the user has typed: see [nameDistance]. A
// word may also be in the account or the role. ok is false if one of the words is nowhere.
func (r PickerRow) distance(words []string) (sum int, ok bool) {
	const other = 2 // of a word in the account or the role
	for _, word := range words {
		d, found := nameDistance([]rune(word), []rune(r.Profile))
		if (!found || d > other) && (containsFold(r.Account, word) || containsFold(r.Role, word)) {
			d, found = other, true
		}
		if !found {
			return 0, false
		}
		sum += d
	}
	return sum, true
}

func containsFold(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// nameDistance returns how far name is from typed, whose characters must be in name, in this order:
// -1 if they are equal, 0 if name begins with typed, and otherwise 1 for each part that begins a
// word of the name, and 3 for any other part.
func nameDistance(typed, name []rune) (d int, ok bool) {
	const far = 1 << 30
	name = name[:min(len(name), maxMatched)]
	// last[j] is the distance if name[j] is the last of the characters compared so far.
	last := slices.Repeat([]int{far}, len(name))
	least := 0 // of last[:j], before it is updated
	for _, c := range typed {
		before := far // last[j-1], before it is updated
		for j, n := range name {
			this := far
			if unicode.ToLower(n) == unicode.ToLower(c) {
				this = min(before, least+partDistance(name, j))
			}
			before, last[j] = last[j], this
			least = min(least, before)
		}
		least = far
	}
	d = far
	for _, l := range last {
		d = min(d, l)
	}
	if d == 0 && len(typed) == len(name) {
		d = -1
	}
	return d, d < far
}

// partDistance returns the distance of a part that begins at name[j].
func partDistance(name []rune, j int) int {
	isWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	switch {
	case j == 0:
		return 0
	case !isWord(name[j-1]), unicode.IsLower(name[j-1]) && unicode.IsUpper(name[j]):
		return 1
	}
	return 3
}
