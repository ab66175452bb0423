package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFilesOfAnotherUser needs root, to give files to another user.
func TestFilesOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give files to another user")
	}
	for name, want := range map[string][]string{
		"config":           {"file-access "},
		"credentials":      {"file-access "},
		".":                {"directory-access ", "state-directory "},
		"bin":              {"process-access dev"},
		"bin/aws-credproc": {"process-access dev"},
	} {
		t.Run(name, func(t *testing.T) {
			f := fixture{prepare: func(t *testing.T, dir string) {
				must(t, os.Chown(filepath.Join(dir, name), 12345, -1))
			}}
			var got []string
			for _, found := range f.examine(t).Findings {
				checkText(t, found)
				severity := Warning // as in a container, since the user is unknown
				if found.Check == "process-access" {
					severity = Error
				}
				if found.Check != "state-directory" && (found.Severity != severity ||
					!strings.Contains(found.What, "belongs to another user, uid 12345")) {
					t.Errorf("%+v", found)
				}
				if id := found.Check + " " + found.Profile; !slices.Contains(got, id) {
					got = append(got, id)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestLinkedConfigIsChecked: the directory of the file that a link leads to counts too.
func TestLinkedConfigIsChecked(t *testing.T) {
	f := fixture{prepare: func(t *testing.T, dir string) {
		other := filepath.Join(dir, "dotfiles")
		must(t, os.Mkdir(other, 0o700), os.Rename(filepath.Join(dir, "config"), other+"/config"),
			os.Symlink(other+"/config", filepath.Join(dir, "config")), os.Chmod(other, 0o777))
	}}
	found := f.examine(t).Findings
	if len(found) != 1 || found[0].Check != "directory-access" ||
		!strings.HasSuffix(found[0].Where, "/dotfiles") {
		t.Errorf("%+v", found)
	}
}

// TestGroupsThatMayWrite: a group of the system, and that of the user, are no finding for a
// program.
func TestGroupsThatMayWrite(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give files to another group")
	}
	for gid, want := range map[int]int{50: 0, 0: 0, 100: 1, 4321: 1} {
		f := fixture{prepare: func(t *testing.T, dir string) {
			bin := filepath.Join(dir, "bin")
			must(t, os.Chown(bin, -1, gid), os.Chmod(bin, 0o775))
		}}
		if found := f.examine(t).Findings; len(found) != want {
			t.Errorf("group %d: %+v", gid, found)
		}
	}
}
