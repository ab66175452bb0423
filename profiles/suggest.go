package profiles

import (
	"fmt"
	"strings"

	"aws-credproc/internal/diag"
)

// maxSuggestions bounds the searches for the nearest name. A user mistypes a few names. Where the
// source profiles of thousands of profiles are missing, the searches would take quadratic time.
const maxSuggestions = 20

const profileNameHint = "a profile name consists of letters, digits and _-/.%@:+"

// noProfile returns the error for a missing profile. Its hint names what is there instead.
func (f *Files) noProfile(name string) *diag.Error {
	e := &diag.Error{
		Profile: name,
		Problem: fmt.Sprintf("no such profile in %s or %s", f.config.path, f.credentials.path),
		Err:     ErrNoProfile,
	}
	if CheckHome(f.config.path, f.credentials.path) != nil {
		e.Problem, e.Hint = noHome, noHomeHint
		return e
	}
	if !IsName(name) {
		e.Hint = profileNameHint
		return e
	}
	for _, s := range f.config.ignored {
		where := fileLine(f.config.path, s.line)
		switch header := f.config.header(s); {
		case s.name == name && header == name:
			e.Where = where
			e.Problem = fmt.Sprintf("section [%s] is not a profile in the config file", name)
			e.Hint = fmt.Sprintf("change the line to [profile %s]", name)
			return e
		case isQuoted(header, name):
			e.Where = where
			e.Problem = fmt.Sprintf("section [%s] has quotes, which only some SDKs remove", header)
			e.Hint = fmt.Sprintf("change the line to [profile %s]", name)
			return e
		}
	}
	e.Hint = "aws-credproc list shows all profiles"
	if f.suggestions < maxSuggestions {
		f.suggestions++
		if near := nearest(name, f.Names()); near != "" {
			e.Hint = fmt.Sprintf("did you mean %s?", near)
		}
	}
	return e
}

// isQuoted reports whether a header is that of the profile name, written in quotes.
func isQuoted(header, name string) bool {
	rest, ok := strings.CutPrefix(header, "profile")
	rest = trim(rest)
	return ok && (rest == `"`+name+`"` || rest == "'"+name+"'")
}

// nearest returns the name that differs least from name, or "" if none is near enough.
func nearest(name string, names []string) string {
	best, bestDistance := "", min(3, (len(name)+1)/2)+1
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
