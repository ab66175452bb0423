package cli

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"aws-credproc/cache"
	"aws-credproc/credproc/mfa"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/terminal"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// offerProfiles makes a command that is started at a terminal without its profile show a list to
// pick one from.
func (a *app) offerProfiles(cmd *cobra.Command) {
	check, run := cmd.Args, cmd.RunE
	var missing missingProfile // "" unless a profile is to be picked
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := check(cmd, args)
		if errors.As(err, &missing) && term.IsTerminal(int(os.Stdin.Fd())) &&
			tui.ScreenOf(a.stderr).Cursor {
			return nil
		}
		return err
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if missing == "" {
			return run(cmd, args)
		}
		if a.prompt == mfa.None {
			return missing
		}
		tty, err := terminal.Open()
		if err != nil {
			return missing
		}
		a.handleSignals()
		profile, err := a.pick(cmd, tty)
		if err = errors.Join(err, tty.Close()); err != nil {
			return fail(err)
		}
		return run(cmd, append([]string{profile}, args...))
	}
}

// errNothingToPick means that no profile has credentials.
var errNothingToPick = &diag.Error{
	Problem: "no profile in the config files has credentials",
	Hint:    "aws-credproc setup shows how to create one",
}

// pick returns the profile that the user picks for a command.
func (a *app) pick(cmd *cobra.Command, tty *terminal.Terminal) (string, error) {
	f, err := a.files()
	if err != nil {
		return "", err
	}
	all, _, err := f.List()
	choices := pickable(listRows(all))
	if len(choices) == 0 {
		return "", cmp.Or(err, error(errNothingToPick))
	}
	a.addSessions(f, choices)
	rows := make([]tui.PickerRow, len(choices))
	for i, c := range choices {
		rows[i] = c.row(time.Now())
	}
	i, err := tui.Pick(cmd.Context(), tty, "Profile for "+cmd.Name(), rows, tui.ScreenOf(a.stderr).Colors)
	if err != nil {
		return "", err
	}
	return choices[i].profile, nil
}

// choice is a profile that can be picked.
type choice struct {
	listRow
	used    time.Time // when its session was last obtained or tried, zero if that is not known
	session *cache.Facts
	steps   int // of the chain, if there is a session
}

// pickable returns the rows that have credentials.
func pickable(rows []listRow) (choices []choice) {
	for _, r := range rows {
		if r.source != kindText(profiles.KindNone) {
			choices = append(choices, choice{listRow: r})
		}
	}
	return choices
}

// row returns a choice as the picker shows it.
func (c choice) row(now time.Time) tui.PickerRow {
	r := tui.PickerRow{
		Profile: printable(c.profile), Account: printable(c.account),
		Role: printable(cmp.Or(c.role, "("+c.source+")")),
	}
	if c.session != nil && c.session.Store != "" && !c.session.KeyLost {
		r.Left = tui.TimeLeft(c.session.Expires, now)
	}
	return r
}

// maxKeys limits for how many profiles addSessions computes the cache key. Each may read a CA bundle.
const maxKeys = 100

// addSessions finds the cached sessions of profiles, without opening them, and sorts the profiles by
// their last use. Those that were not used keep the order of the config.
func (a *app) addSessions(f *profiles.Files, choices []choice) {
	c, err := a.openCacheQuietly()
	if err != nil {
		return // the command reports it
	}
	facts, err := c.Facts()
	if err != nil {
		return
	}
	sessions := map[cache.Key]*cache.Facts{}
	last := map[string]time.Time{} // use of a profile
	for i, fact := range facts {
		sessions[fact.Key] = &facts[i]
		if fact.Type != plan.TypeSessionToken && lastUse(fact).After(last[fact.Profile]) {
			last[fact.Profile] = lastUse(fact)
		}
	}
	used := map[identity]bool{}
	for i := range choices {
		c := &choices[i]
		if c.used = last[cmp.Or(c.target, c.profile)]; !c.used.IsZero() {
			used[c.identity] = true
		}
	}
	sortByUse(choices)
	keys := 0
	for i := range choices {
		c := &choices[i]
		if used[c.identity] && keys < maxKeys { // profiles with the same role may share its session
			keys++
			c.find(sessions, f)
		}
	}
	sortByUse(choices)
}

// lastUse returns when a session was last obtained, or an attempt failed.
func lastUse(f cache.Facts) time.Time {
	if f.LastErrorAt.After(f.Created) {
		return f.LastErrorAt
	}
	return f.Created
}

// sortByUse sorts profiles by their last use. The sessions of a chain may be from the same second: the
// last step is first.
func sortByUse(choices []choice) {
	slices.SortStableFunc(choices, func(a, b choice) int {
		return cmp.Or(b.used.Compare(a.used), cmp.Compare(b.steps, a.steps))
	})
}

// find finds the session of a profile.
func (c *choice) find(sessions map[cache.Key]*cache.Facts, f *profiles.Files) {
	chain, err := f.Chain(c.profile)
	if err != nil {
		return
	}
	p, err := plan.New(chain, os.Getenv)
	if err != nil {
		return
	}
	if c.session = sessions[p.Key(p.Last())]; c.session != nil {
		c.used, c.steps = lastUse(*c.session), len(p.Links)
	}
}
