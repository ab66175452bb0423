// Package nearest finds what a user probably meant by a mistyped name.
package nearest

import "strings"

// Name returns the element of names that is closest to name, ignoring case, or "" if none is close
// enough.
func Name(name string, names []string) string {
	return Within(min(3, (len(name)+1)/2), name, names)
}

// Within is [Name] for names that differ in at most limit characters.
func Within(limit int, name string, names []string) string {
	best, bestDistance := "", limit+1
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n), bestDistance); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// distance returns the Levenshtein distance of a and b, or limit if it is not below limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return min(row[len(b)], limit)
}
