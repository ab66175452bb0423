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

// OpenHint is how it is mended that a file cannot be opened: as other says, unless what is in the way is how many files may
// be open at once.
func OpenHint(err error, other string) string {
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
