package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// sessionStatus is a session as `status --json` prints it, which is a public interface.
type sessionStatus struct {
	Profile   string     `json:"profile"`
	Profiles  []string   `json:"profiles"` // the profiles whose session it is, by the current config
	RoleARN   string     `json:"role_arn"`
	Type      string     `json:"type"`
	Store     string     `json:"store"`      // "" if there is no session, only an error
	Expires   *time.Time `json:"expires"`    // null if there is no session
	Created   *time.Time `json:"created"`    // null if there is no session
	LastError *string    `json:"last_error"` // null if the last attempt succeeded
	KeyLost   bool       `json:"key_lost"`   // see [cache.Facts.KeyLost]

	lastHint    string
	lastErrorAt time.Time
	use         *sessionUse // nil if no profile of the current config uses it
}

// sessionUse is how the profiles of the current config use a session.
type sessionUse struct {
	identity
	owners   []string // the profiles that configure it
	profiles []string // the profiles whose session it is: these, and those wired to them
	usedBy   []string // these, and those whose chain it is a step of
}

// sessionList is what `status` shows.
type sessionList struct {
	sessions []sessionStatus
	hidden   int // sessions that only --all shows
}

// statusFlags are the flags of `status`.
type statusFlags struct{ json, watch, quiet, all bool }

func newStatusCmd(a *app) *cobra.Command {
	var f statusFlags
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "status [PROFILE...]",
		Short: "Show the cached sessions and how long they last",
		Long: `Shows the cached sessions, how long they last, and the last error of those that
could not be obtained or renewed. It reads no cached credentials and never prompts.

It also shows which store new sessions go to. For that, it asks the keyring
whether it is unlocked.

Sessions that do not match the current settings of a profile are shown only with
--all: those of other config files, other endpoints or earlier settings, and those
obtained with --duration. With --json, all sessions are printed.

With --quiet, it prints no sessions. It exits with 0 if each profile has a session
that has not expired, and with 1 otherwise.`,
		Example: `  aws-credproc status
  aws-credproc status --watch
  aws-credproc status --json`,
		Args:              anyProfiles,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			switch {
			case f.quiet:
				return requireSessions(a, args)
			case f.watch:
				return watchSessions(cmd.Context(), a, args, f.all)
			}
			return printSessions(ctx, a, args, f)
		}),
	}
	cmd.PreRunE = func(_ *cobra.Command, args []string) error {
		return f.check(args, a.screen())
	}
	cmd.Flags().BoolVar(&f.all, "all", false,
		"include sessions of other config files, endpoints and settings")
	cmd.Flags().BoolVar(&f.watch, "watch", false, "update the page every second, until Ctrl-C")
	cmd.Flags().BoolVar(&f.quiet, "quiet", false,
		"print no sessions, and exit with 0 if each profile has one")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// check returns an error for flags that cannot be combined, or not used there.
func (f statusFlags) check(names []string, screen tui.Screen) error {
	switch {
	case f.quiet && len(names) == 0:
		return errors.New("--quiet requires a profile")
	case f.quiet && (f.watch || f.json || f.all):
		return errors.New("--quiet cannot be combined with --watch, --json or --all")
	case f.watch && f.json:
		return errors.New("--watch cannot be combined with --json")
	case f.watch && !screen.Cursor:
		return errors.New("--watch requires a terminal (and TERM other than dumb)")
	}
	return nil
}

// printSessions prints the sessions of the named profiles, or all.
func printSessions(ctx context.Context, a *app, names []string, f statusFlags) error {
	list, err := listSessions(a, names, f.all || f.json)
	if err != nil {
		return err
	}
	store, reason, err := storeChoice(ctx, a)
	if err != nil {
		return err
	}
	if f.json {
		out := map[string]any{"sessions": list.sessions}
		if reason != "" {
			out["store"], out["store_reason"] = store, reason
		}
		return a.printJSON(out)
	}
	return a.print(statusPage(list, storeNote(store, reason), time.Now(), a.screen()))
}

// requireSessions returns errPrinted unless each profile has a session that has not expired.
func requireSessions(a *app, names []string) error {
	if _, err := a.files(); err != nil { // without them, get would fail
		return err
	}
	for _, name := range names {
		list, err := listSessions(a, []string{name}, false)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list.sessions, func(s sessionStatus) bool {
			return s.Expires != nil && s.Expires.After(time.Now()) && !s.KeyLost
		}) {
			return errPrinted
		}
	}
	return nil
}

// storeChoice returns where new sessions go, and why. The reason is empty for a store that was
// chosen and can be used.
func storeChoice(ctx context.Context, a *app) (store cache.Choice, reason string, err error) {
	c, err := a.openCache()
	if err != nil {
		return "", "", err
	}
	store, reason = c.StoreName(ctx)
	return store, reason, nil
}

// storeNote returns a sentence about where new sessions go, "" if they go where the user chose.
func storeNote(store cache.Choice, reason string) string {
	if reason == "" {
		return ""
	}
	return "New sessions: " + storeText(store, reason)
}

// storeText returns where new sessions go, and why in parentheses.
func storeText(store cache.Choice, reason string) string {
	name := string(store) + " store"
	switch store {
	case cache.None:
		name = "not cached"
	case cache.Keyring:
		name = "keyring"
	}
	if reason == "" {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, reason)
}

// listSessions returns all sessions, or those of the named profiles. Without all, it leaves out
// those that no profile of the current config uses.
func listSessions(a *app, names []string, all bool) (sessionList, error) {
	c, err := a.openCache()
	if err != nil {
		return sessionList{}, err
	}
	facts, err := c.Facts()
	if err != nil {
		return sessionList{}, err
	}
	f, err := a.files()
	if err != nil {
		a.warn("%v", err) // the sessions can be shown without the config
		return selectSessions(facts, nil, names, true), nil
	}
	if faults := f.Faults(); len(faults) > 0 {
		a.warn("%v", faults[0])
	}
	if names, err = sessionNames(f, facts, names); err != nil {
		return sessionList{}, err
	}
	return selectSessions(facts, sessionUses(f), names, all), nil
}

// sessionNames returns the names with the targets of wired profiles added. It returns an error for
// a name that neither the config nor a session has.
func sessionNames(f *profiles.Files, facts []cache.Facts, names []string) ([]string, error) {
	all := slices.Clone(names)
	for _, name := range names {
		_, err := f.Profile(name)
		if err != nil && !slices.ContainsFunc(facts, func(fact cache.Facts) bool {
			return fact.Profile == name
		}) {
			return nil, err
		}
		if chain, err := f.Chain(name); err == nil {
			all = append(all, chain.Profile.Name)
		}
	}
	return all, nil
}

// selectSessions returns what listSessions does; uses is nil if the config cannot be read.
func selectSessions(
	facts []cache.Facts, uses map[cache.Key]*sessionUse, names []string, all bool,
) sessionList {
	list := sessionList{sessions: []sessionStatus{}}
	for _, fact := range facts {
		s := statusOf(fact, uses[fact.Key])
		if len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool {
			return name == s.Profile || name == fact.Profile || slices.Contains(s.Profiles, name)
		}) {
			continue
		}
		if s.use == nil && !all {
			list.hidden++
			continue
		}
		list.sessions = append(list.sessions, s)
	}
	slices.SortStableFunc(list.sessions, func(a, b sessionStatus) int {
		return cmp.Compare(a.Profile, b.Profile)
	})
	return list
}

// statusOf returns the status of a session. Its profile is one that configures it now, since setup
// renames profiles.
func statusOf(fact cache.Facts, use *sessionUse) sessionStatus {
	s := sessionStatus{
		Profile: fact.Profile, Profiles: []string{}, RoleARN: fact.RoleARN, Type: fact.Type,
		Store: string(fact.Store), use: use, KeyLost: fact.KeyLost,
	}
	if use != nil && use.profiles != nil {
		s.Profiles = use.profiles
	}
	if use != nil && len(use.owners) > 0 && !slices.Contains(use.owners, s.Profile) {
		s.Profile = use.owners[0]
	}
	if fact.Store != "" {
		s.Expires, s.Created = &fact.Expires, &fact.Created
	}
	if fact.LastError != "" {
		s.LastError, s.lastHint, s.lastErrorAt = &fact.LastError, fact.LastHint, fact.LastErrorAt
	}
	return s
}

// sessionUses returns the sessions that the profiles of the config have. It leaves out profiles
// with errors: they have no session.
func sessionUses(f *profiles.Files) map[cache.Key]*sessionUse {
	uses := map[cache.Key]*sessionUse{}
	for _, name := range f.Names() {
		chain, err := f.Chain(name)
		if err != nil {
			continue
		}
		p, err := plan.New(chain, os.Getenv)
		if err != nil {
			continue
		}
		for n := range p.Links {
			if !p.IsCached(n) {
				continue
			}
			use := uses[p.Key(n)]
			if use == nil {
				use = &sessionUse{identity: linkIdentity(p, n)}
				uses[p.Key(n)] = use
			}
			if owner := p.Links[n].Profile; !slices.Contains(use.owners, owner) {
				use.owners = append(use.owners, owner)
			}
			use.usedBy = append(use.usedBy, name)
			if n == p.Last() {
				use.profiles = append(use.profiles, name)
			}
		}
	}
	return uses
}
