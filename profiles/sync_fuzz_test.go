package profiles

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzSyncSSO checks that profiles for roles with any names can be read, have safe names, change no
// other profile, are found again, and are removed without a trace.
func FuzzSyncSSO(f *testing.F) {
	f.Add("", "Main", "Dev", "Ops", "{account}-{role}")
	f.Add("[profile Main-Dev]\nregion = x", "Main", "Dev", "Dev-sso", "{role}")
	f.Add("[default]\na = b # c\n\n", "[x] = y\n#", "\u00fc ..", "-", "")
	f.Fuzz(func(t *testing.T, config, account, first, second, template string) {
		if strings.Contains(config, syncCommentStart) {
			return
		}
		files := textFiles(config, "")
		before := all(t, files)
		o := SSOSync{
			Session: "corp", Helper: "/usr/bin/aws-credproc", Region: "eu-west-1",
			Roles: []SSORole{
				{"123456789012", account, first}, {"123456789012", account, second},
				{"210987654321", account, first},
			},
			Wanted: func(SSORole) bool { return true },
			Name: func(r SSORole) string {
				return strings.NewReplacer("{account}", r.AccountName, "{role}", r.Name).Replace(template)
			},
		}
		if first == second {
			o.Roles = o.Roles[1:]
		}
		e := files.Edit()
		change, err := e.SyncSSO(o)
		if err != nil {
			if len(e.Changes()) > 0 {
				t.Errorf("%v, and changes %v", err, e.Changes())
			}
			return
		}
		if len(change.Added) != len(o.Roles) || len(change.Gone) > 0 {
			t.Fatalf("%+v", change)
		}
		now := all(t, e.Files())
		for _, name := range change.Added {
			if name != safeName(name) || !IsName(name) {
				t.Errorf("name %q", name)
			}
			p, err := e.Files().Profile(name)
			if target, ok := Wired(p); err != nil || !ok || target != name+ssoSuffix {
				t.Errorf("%s: wired to %q, %v", name, target, err)
			}
			delete(now, name)
			delete(now, name+ssoSuffix)
		}
		if diff := cmp.Diff(before, now); diff != "" {
			t.Errorf("other profiles (-want +got):\n%s", diff)
		}
		text := e.now.config.text
		again, err := e.SyncSSO(o)
		if err != nil || again.Kept != len(o.Roles) || e.now.config.text != text {
			t.Errorf("again: %+v, %v", again, err)
		}
		o.Roles, o.Prune = nil, true
		if _, err := e.SyncSSO(o); err != nil || e.now.config.text != config {
			t.Errorf("removed: %v, %q, want %q", err, e.now.config.text, config)
		}
	})
}
