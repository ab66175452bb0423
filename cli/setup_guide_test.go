package cli

import (
	"strings"
	"testing"
)

// TestOverviewNamesStepsThatCanWork: import needs a keyring, and setup --sso-session is for sessions
// without profiles.
func TestOverviewNamesStepsThatCanWork(t *testing.T) {
	many := []string{"a", "b", "c", "d", "e", "f", "g"}
	for name, test := range map[string]struct {
		o         overview
		want, not string
	}{
		"nothing": {overview{}, "  no profile with credentials and no SSO session\n", "import"},
		"key":     {overview{inFiles: []string{"base"}}, "  1 long-term access key in a file: base\n", "import"},
		"key and keyring": {
			overview{inFiles: []string{"my key"}, importable: []string{"my key"}},
			"\n  aws-credproc import 'my key'\n", "Proposed",
		},
		"session": {
			overview{sessions: []string{"corp"}, unsynced: []string{"corp"}},
			"\n  aws-credproc setup --sso-session corp\n", "login",
		},
		"session with profiles": {
			overview{sessions: []string{"corp"}, done: []string{"x"}},
			"\n  1 profile already set up: x\n", "--sso-session",
		},
		"many": {overview{proposed: many}, "  7 profiles to set up: a, b, c, d, e and 2 more\n", "f,"},
	} {
		page := string(test.o.page())
		if !strings.Contains(page, test.want) || strings.Contains(page, test.not) {
			t.Errorf("%s: %s", name, page)
		}
	}
}
