package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"aws-credproc/cache/keyring"
	"aws-credproc/credproc/warm"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// errNoProfile is the usage error of setup without a profile.
const errNoProfile = missingProfile("name a profile, or use --all or --sso-session")

// checkGuide makes setup without arguments a guided one: an overview, and what --all does. Without a
// terminal to ask at, and with --undo or --yes, a profile is missing.
func (s *setup) checkGuide() error {
	if s.undo || s.yes || !s.screen().IsTerminal || !term.IsTerminal(int(os.Stdin.Fd())) {
		return errNoProfile
	}
	s.guided, s.all = true, true
	return nil
}

// overview is what a guided setup has found.
type overview struct {
	proposed, done, inFiles, sessions []string

	importable []string // of inFiles, if there is a keyring
	unsynced   []string // sessions for which no profiles were added
}

// overviewOf looks at all profiles. proposed are those that can be set up.
func overviewOf(f *profiles.Files, proposed []string) (o overview) {
	all, sessions, _ := f.List() // doctor reports what cannot be read
	o.proposed = proposed
	for _, p := range all {
		switch {
		case p.Wired && p.Source != p.Name:
			o.done = append(o.done, p.Name)
		case isLongTermKey(p):
			o.inFiles = append(o.inFiles, p.Name)
		}
	}
	synced := f.SyncedSessions()
	for _, session := range sessions {
		o.sessions = append(o.sessions, session.Name)
		if !slices.Contains(synced, session.Name) {
			o.unsynced = append(o.unsynced, session.Name)
		}
	}
	return o
}

func isLongTermKey(p profiles.Summary) bool {
	return p.Kind == string(profiles.Static) && p.Properties["aws_session_token"] == ""
}

// page returns the overview as text, and the commands of further steps.
func (o overview) page() []byte {
	var b strings.Builder
	b.WriteString("The config files have\n")
	found := false
	line := func(names []string, what, rest string) {
		if len(names) > 0 {
			found = true
			fmt.Fprintf(&b, "  %d %s%s: %s\n", len(names), tui.Plural(len(names), what), rest,
				shortList(names))
		}
	}
	line(o.proposed, "profile", " to set up")
	line(o.done, "profile", " already set up")
	line(o.inFiles, "long-term access key", " in a file")
	line(o.sessions, "SSO session", "")
	if !found {
		b.WriteString("  no profile with credentials and no SSO session\n")
	}
	b.WriteString("\nOther steps:\n")
	for _, name := range firstNames(o.importable) {
		fmt.Fprintf(&b, "  aws-credproc import %s\n    moves the access key from the file to the keyring\n",
			profiles.Argument(printable(name)))
	}
	for _, name := range firstNames(o.unsynced) {
		fmt.Fprintf(&b, "  aws-credproc setup --sso-session %s\n"+
			"    adds a profile for each account and role\n", profiles.Argument(printable(name)))
	}
	if len(o.sessions) == 0 {
		b.WriteString("  aws-credproc login --sso-session NAME --sso-start-url URL --sso-region REGION\n" +
			"    signs in with IAM Identity Center\n")
	}
	b.WriteString("  aws-credproc setup NAME --role-arn ARN --source-profile PROFILE\n" +
		"    creates a profile for a role\n")
	if len(o.proposed) > 0 {
		b.WriteString("\nProposed changes:\n")
	}
	return []byte(b.String())
}

// maxNames is how many profiles an overview names.
const maxNames = 5

func firstNames(names []string) []string { return names[:min(len(names), maxNames)] }

// shortList returns the first names, and how many more there are.
func shortList(names []string) string {
	text := printable(strings.Join(firstNames(names), ", "))
	if more := len(names) - maxNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// hasKeyring reports whether there is a keyring that import can use, perhaps after an unlock.
func (s *setup) hasKeyring(ctx context.Context) bool {
	err := warm.Keyring.Status(ctx, keyring.ResponseLimit)
	return !errors.Is(err, keyring.ErrUnavailable) || errors.Is(err, keyring.ErrNotStarted)
}
