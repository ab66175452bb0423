package doctor

import (
	"errors"
	"strings"

	"aws-credproc/internal/diag"
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
func shorten(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// cause returns the text of err without the profile and the step that failed.
func cause(err error) string {
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		return e.What()
	}
	return err.Error()
}
