// Package owner finds files that belong to another user, who can change them or put others in their
// place.
package owner

import (
	"io/fs"
	"os"
	"strings"

	"aws-credproc/internal/ospath"
)

// FirstForeign returns the first of a path and the directories above it that belongs to another
// user, who is not root, and the name of that user. It leaves out those that do not exist or cannot
// be examined. path is "" if there is none.
func FirstForeign(path string) (foreign, name string) {
	for _, p := range WithParents(path) {
		if info, err := os.Stat(p); err == nil {
			if name, ok := Foreign(info); ok {
				return p, name
			}
		}
	}
	return "", ""
}

// WithParents returns a path and the directories above it, up to the root.
func WithParents(path string) (all []string) {
	path, err := ospath.Abs(path)
	if err != nil {
		return nil
	}
	for {
		all = append(all, path)
		parent := ospath.Dir(path)
		if parent == path {
			return all
		}
		path = parent
	}
}

// Foreign reports whether a file belongs to another user, who is not root, and returns the name of
// that user. On Windows it returns false.
func Foreign(info fs.FileInfo) (name string, ok bool) { return foreign(info) }

// IsUnknown reports whether a name that [Foreign] has returned is that of a user without an entry in
// the user database, as in a container with files of its host.
func IsUnknown(name string) bool { return strings.HasPrefix(name, unknownPrefix) }

const unknownPrefix = "uid "

// IsOfRoot reports whether a file belongs to root. On Windows it returns false.
func IsOfRoot(info fs.FileInfo) bool { return isOfRoot(info) }

// GiveToParent gives a file or directory of root to the user whose directory it is in, if that is
// another user. It does nothing if there is no file, and follows no link.
func GiveToParent(path string) error { return giveToParent(path) }
