package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"aws-credproc/profiles"
)

// writtenFilter selects sections that export --write-profile has written.
type writtenFilter func(*profiles.Files, profiles.WrittenSession) bool

func isAny(*profiles.Files, profiles.WrittenSession) bool { return true }

// isExpired selects sessions that are known to have expired.
func isExpired(_ *profiles.Files, w profiles.WrittenSession) bool {
	return !w.Expires.IsZero() && w.Expires.Before(time.Now())
}

// isOf selects the sessions of a profile or of what it is wired to, and the section by that name.
func isOf(name string) writtenFilter {
	return func(f *profiles.Files, w profiles.WrittenSession) bool {
		if name == w.Name || name == w.Profile {
			return true
		}
		of, err := f.Chain(w.Profile)
		named, namedErr := f.Chain(name)
		return err == nil && namedErr == nil && of.Profile.Name == named.Profile.Name
	}
}

// removeWritten removes the sections of the credentials file that export --write-profile has
// written, if they match. It warns about those that were edited since, and keeps them.
func removeWritten(ctx context.Context, a *app, match writtenFilter) error {
	f, err := a.files()
	if err != nil {
		return err
	}
	matching := func(f *profiles.Files) []profiles.WrittenSession {
		return slices.DeleteFunc(profiles.WrittenSessions(f), func(w profiles.WrittenSession) bool {
			return !match(f, w)
		})
	}
	removable := func(w profiles.WrittenSession) bool { return !w.Edited }
	for _, w := range matching(f) {
		if w.Edited {
			a.warn("%s: [%s] was edited since aws-credproc wrote it, and is kept; remove it by hand",
				printable(w.Where), w.Name)
		}
	}
	if !slices.ContainsFunc(matching(f), removable) {
		return nil
	}
	if err := refuseAsRoot(); err != nil {
		return err
	}
	var removed []profiles.WrittenSession
	config, credentials, err := a.moveFiles(ctx, func(e *profiles.Editor) error {
		removed = slices.DeleteFunc(matching(e.Files()), func(w profiles.WrittenSession) bool {
			return w.Edited
		})
		for _, w := range removed {
			if err := profiles.RemoveSession(e, w.Name); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = profiles.CleanUp(ctx, config, credentials)
	}
	if err != nil {
		return err
	}
	var out []byte
	for _, w := range removed {
		out = fmt.Appendf(out, "%s: session removed from [%s] in %s\n",
			w.Profile, w.Name, printable(credentials))
	}
	return a.print(out)
}

// withSecond returns one of two errors that happened independently, and reports the other one.
func withSecond(a *app, first, second error) error {
	if first != nil && second != nil && first.Error() != second.Error() {
		a.report(first)
	}
	return cmp.Or(second, first)
}
