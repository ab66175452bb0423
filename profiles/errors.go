package profiles

import (
	"errors"
	"strings"
)

// ErrNoProfile is in the error of [Files.Chain] when no profile bears the name that was asked for.
var ErrNoProfile = errors.New("no such profile")

// Error says what is wrong with the shared config files: where, what, and how to mend it. It never holds a secret.
type Error struct {
	Profile string // the profile it is about, if it is about one
	Where   string // file and line, if known
	Problem string
	Mend    string // what to do about it; may be empty
	Err     error  // a sentinel or a cause; may be nil
}

// Error gives all of it as one line.
func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Profile, e.Where} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	b.WriteString(e.Problem)
	if e.Mend != "" {
		b.WriteString(" (mend: " + e.Mend + ")")
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// shorten cuts s to at most n bytes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}
