package profiles

import (
	"errors"
	"strings"
	"syscall"
)

// What can be in the error of [Files.Chain].
var (
	// ErrNoProfile: no profile bears the name that was asked for.
	ErrNoProfile = errors.New("no such profile")
	// ErrNoSource: a profile on the way leads to none, or to one that is not there.
	ErrNoSource = errors.New("no such source profile")
)

// Cycle is in the error of [Files.Chain] when source profiles go round: those of the circle, the first again at its end.
type Cycle []string

// Error shows the way round.
func (c Cycle) Error() string { return strings.Join(c, " -> ") }

// Error says what is wrong with the shared config files: where, what, and how to mend it. It never holds a secret.
type Error struct {
	Profile string // the profile it is about, if it is about one
	Origin  string // the profile in which it is wrong, where Profile only leads there; Problem starts with it then
	Key     string // the setting it is about, if it is about one
	Where   string // file and line, if known
	Problem string
	Mend    string // what to do about it; may be empty
	Err     error  // a sentinel, a Cycle or a cause; may be nil
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

// MendOfOpen is how it is mended that a file cannot be opened: as other says, unless what is in the way is how many files may
// be open at once.
func MendOfOpen(err error, other string) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "raise the limit of open files, ulimit -n"
	case errors.Is(err, syscall.ENFILE):
		return "end what has so many files open; the limit is that of the whole system"
	}
	return other
}

// shorten cuts s to at most n bytes.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// Argument gives a profile's name as an argument of a command that a person is to run, after all flags: one that starts
// with - would be taken for a flag.
func Argument(profile string) string {
	if strings.HasPrefix(profile, "-") {
		return "-- " + profile
	}
	return profile
}
