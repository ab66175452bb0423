package doctor

import (
	"errors"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/printable"
)

// join returns names as text: "a", "a and b", "a, b, c and d", and at most four of them.
func join(names []string) string {
	const most = 4
	switch n := len(names); {
	case n == 0:
		return ""
	case n == 1:
		return names[0]
	case n > most:
		return strings.Join(names[:most-1], ", ") + " and more"
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// shorten cuts text from a config file for use in a message.
func shorten(s string) string { return printable.Shorten(s, 60) }

// bounded returns a finding with its text cut. A value in a config file may have any length.
func bounded(f Finding) Finding {
	const most = 2000 // bytes; a path may have 4096
	f.Profile = printable.Shorten(f.Profile, most)
	f.What = printable.Shorten(f.What, most)
	f.Why = printable.Shorten(f.Why, most)
	if len(f.Fix) > 4*most { // a part of a command or line must not be used
		prose, _, _ := strings.Cut(f.Fix, "\n")
		f.Fix = printable.Shorten(strings.TrimSuffix(prose, ":"), most) + " (too long to be shown)"
	}
	return f
}

// cause returns the text of err without the profile and the step that failed.
func cause(err error) string {
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		return e.What()
	}
	return err.Error()
}
