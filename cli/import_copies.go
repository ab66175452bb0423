package cli

import (
	"os"
	"slices"
	"strings"

	"aws-credproc/profiles"
)

// hardLinks is the number of hard links of a file, and its inode number; zero if unknown.
type hardLinks struct{ count, inode uint64 }

// warnOfCopies warns about other places that contain a secret key which import has moved to the
// keyring.
func warnOfCopies(a *app, t transfer, links map[string]hardLinks, copies []string) {
	secret := string(t.keys.SecretAccessKey)
	for _, c := range t.changes {
		if l := links[c.Path]; l.count > 1 && strings.Contains(string(c.Old), secret) {
			a.warn("%s had other hard links (%d), which still lead to the old file with the key; "+
				"find ~ -inum %d finds them", c.Path, l.count-1, l.inode)
		}
	}
	config, credentials := profiles.Paths(os.Getenv)
	for _, p := range profiles.PlacesOf(t.keys.SecretAccessKey, config, credentials) {
		switch {
		case slices.Contains(copies, p.Where): // there is a warning about it
		case p.IsCopy:
			a.warn("a backup also has the key: delete %s when you no longer need it", p.Where)
		case p.Profile != "":
			a.warn("profile %s also has the key, in %s: import that profile too, or delete the key there",
				p.Profile, p.Where)
		default:
			a.warn("%s also has the key: delete that line", p.Where)
		}
	}
}
