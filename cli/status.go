package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// sessionStatus is a session in the form in which `status --json` prints it: a public interface.
type sessionStatus struct {
	Profile   string     `json:"profile"`
	Profiles  []string   `json:"profiles"` // all that it serves now, by the config as it is
	RoleARN   string     `json:"role_arn"`
	Type      string     `json:"type"`
	Store     string     `json:"store"`   // "" where there is no session, only an error to tell of
	Expires   *time.Time `json:"expires"` // null likewise
	Created   *time.Time `json:"created"`
	LastError *string    `json:"last_error"` // null where the last try went well

	lastHint    string
	lastErrorAt time.Time
}

func newStatusCmd(a *app) *cobra.Command {
	var asJSON, watch bool
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "status [PROFILE...]",
		Short: "show each session and the time it has left",
		Long: `Shows what is known about each session. It opens no secret and asks for nothing. It also tells where new sessions
go by --store auto, and why; and with any other store, why they are not kept, if they are not. For that the keyring is asked
whether it is there and open.`,
		Example:           "  aws-credproc status\n  aws-credproc status --watch\n  aws-credproc status --json",
		Args:              anyProfiles,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			if watch {
				return watchSessions(cmd.Context(), a, args)
			}
			all, err := sessions(a, args)
			if err != nil {
				return err
			}
			store, reason, err := storeChoice(ctx, a)
			if err != nil {
				return err
			}
			if asJSON {
				out := map[string]any{"sessions": all}
				if reason != "" {
					out["store"], out["store_reason"] = store, reason
				}
				return a.printJSON(out)
			}
			return a.print(statusPage(all, storeNote(store, reason), time.Now(), a.screen()))
		}),
	}
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if watch && (asJSON || !a.screen().IsTerminal) {
			return errors.New("--watch: shows a table on a terminal")
		}
		return nil
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it until Ctrl-C, every second anew")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// storeChoice tells where new sessions go, and why; the reason is empty where that is as chosen.
func storeChoice(ctx context.Context, a *app) (store cache.Choice, reason string, err error) {
	c, err := a.openCache()
	if err != nil {
		return "", "", err
	}
	store, reason = c.StoreName(ctx)
	return store, reason, nil
}

func storeNote(store cache.Choice, reason string) string {
	switch {
	case reason == "":
		return ""
	case store == cache.None:
		return "new sessions are not kept: " + reason
	}
	return fmt.Sprintf("new sessions go to store %s: %s", store, reason)
}

// sessions gives what is known about all sessions, or about those that serve the profiles named.
func sessions(a *app, names []string) ([]sessionStatus, error) {
	r, err := a.resolver()
	if err != nil {
		return nil, err
	}
	facts, err := r.Cache.Facts()
	if err != nil {
		return nil, err
	}
	serves := map[cache.Key][]string{}
	f, err := a.files()
	if err == nil {
		serves = servedProfiles(f, r)
	} else {
		a.warn("%v", err) // sessions can be told of without it
	}
	for _, name := range slices.Clone(names) {
		if f == nil {
			break
		}
		if chain, err := f.Chain(name); err == nil { // what it stands for, with the sessions of other settings too
			names = append(slices.Clip(names), chain.Profile.Name)
		}
		if _, err := f.Profile(name); err != nil && !slices.ContainsFunc(facts, func(fact cache.Facts) bool { return fact.Profile == name }) {
			return nil, err
		}
	}
	all := []sessionStatus{}
	for _, fact := range facts {
		s := sessionStatus{Profile: fact.Profile, Profiles: serves[fact.Key], RoleARN: fact.RoleARN, Type: fact.Type, Store: string(fact.Store)}
		if s.Profiles == nil {
			s.Profiles = []string{}
		}
		if fact.Store != "" {
			s.Expires, s.Created = &fact.Expires, &fact.Created
		}
		if fact.LastError != "" {
			s.LastError, s.lastHint, s.lastErrorAt = &fact.LastError, fact.LastHint, fact.LastErrorAt
		}
		isNamed := func(name string) bool { return name == s.Profile || slices.Contains(s.Profiles, name) }
		if len(names) == 0 || slices.ContainsFunc(names, isNamed) {
			all = append(all, s)
		}
	}
	return all, nil
}

// servedProfiles gives the profiles that each session serves, by the config as it is now. A profile that does not
// resolve has no session, and says so when it is used.
func servedProfiles(f *profiles.Files, r *credproc.Resolver) map[cache.Key][]string {
	serves := map[cache.Key][]string{}
	for _, name := range f.Names() {
		chain, err := f.Chain(name)
		if err != nil {
			continue
		}
		if key, cached, err := r.Key(chain); err == nil && cached {
			serves[key] = append(serves[key], name)
		}
	}
	return serves
}

// statusPage shows sessions for a person, and below them what there is to say of them.
func statusPage(all []sessionStatus, note string, now time.Time, to tui.Screen) []byte {
	page := []byte("no sessions\n")
	if len(all) > 0 {
		page = statusTable(all, now, to).Render(to.Width)
	}
	paragraph := func(lines ...string) { page = append(page, "\n"+strings.Join(lines, "\n")+"\n"...) }
	for _, s := range all {
		if s.LastError != nil {
			title := printable(s.Profile) + ": last error, " + tui.Span(now.Sub(s.lastErrorAt)) + " ago:"
			lines := append([]string{title}, tui.Hanging("  ", strings.TrimPrefix(*s.LastError, s.Profile+": "), to.Width)...)
			if s.lastHint != "" {
				lines = append(lines, tui.Hanging("  hint: ", s.lastHint, to.Width)...)
			}
			paragraph(lines...)
		}
	}
	if slices.ContainsFunc(all, func(s sessionStatus) bool { return s.Store == string(cache.File) }) {
		paragraph(tui.Hanging("", "store file: its key lies beside it, so it protects no better than the AWS CLI's own cache", to.Width)...)
	}
	if note != "" {
		paragraph(tui.Hanging("", note, to.Width)...)
	}
	return page
}

func statusTable(all []sessionStatus, now time.Time, to tui.Screen) tui.Table {
	const timeColumn = 3
	t := tui.Table{Rows: [][]string{{"PROFILE", "ROLE", "STORE", "LEFT", "SERVES"}}, Shrink: []int{1, 4, 0}}
	for _, s := range all {
		store, time, role := s.Store, "none", s.RoleARN
		if s.Expires != nil {
			time = tui.Left(*s.Expires, now)
		} else {
			store = "-"
		}
		if role == "" {
			role = s.Type
		}
		t.Rows = append(t.Rows, []string{s.Profile, role, store, time, strings.Join(s.Profiles, " ")})
	}
	t.Paint = func(row, column int, cell string) string {
		switch {
		case row == 0:
			return to.Paint(tui.Bold, cell)
		case column == timeColumn:
			return to.Paint(timeColour(all[row-1], now), cell)
		}
		return cell
	}
	return t
}

// timeColour says by a colour what a session is good for: served, renewed first by whoever asks, or nothing.
func timeColour(s sessionStatus, now time.Time) tui.Colour {
	switch {
	case s.Expires == nil || !s.Expires.After(now):
		return tui.Red
	case !plan.IsUsable(cache.Session{Issued: *s.Created, Expiration: *s.Expires}, now):
		return tui.Yellow
	}
	return tui.Green
}

// watchEvery is how often status --watch looks again.
const watchEvery = time.Second

// watchSessions shows the sessions until somebody ends it.
func watchSessions(ctx context.Context, a *app, names []string) error {
	a.pauseWatchdog()
	const clear = "\x1b[H\x1b[J" // from the first line on (ECMA-48)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	store, reason, err := storeChoice(ctx, a)
	if err != nil {
		return err
	}
	for {
		look := &app{}
		*look = *a
		look.console = newConsole(a.stdout, io.Discard) // warnings are part of the page
		all, err := sessions(look, names)
		if err != nil {
			return err
		}
		to := a.screen()
		var page []byte
		for _, warning := range look.warnings {
			page = append(page, strings.Join(tui.Hanging("", warning, to.Width), "\n")+"\n\n"...)
		}
		page = append(page, statusPage(all, storeNote(store, reason), time.Now(), to)...)
		if err := a.print(append([]byte(clear), to.CutPage(page)...)); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done(): // Ctrl-C, which is how it ends
			return nil
		}
	}
}
