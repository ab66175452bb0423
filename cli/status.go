package cli

import (
	"context"
	"encoding/json"
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
	"aws-credproc/internal/diag"
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

func (a *app) statusCommand() *cobra.Command {
	var asJSON, watch bool
	var cmd *cobra.Command
	cmd = a.command("status [PROFILE...]", "show each session and the time it has left",
		`Shows what is known about each session. It opens no secret and asks for nothing. It also tells where new sessions
go by --store auto, and why; and with any other store, why they are not kept, if they are not. For that the keyring is asked
whether it is there and open.`,
		"  aws-credproc status\n  aws-credproc status --watch\n  aws-credproc status --json", anyNamed,
		func(ctx context.Context, args []string) error {
			if watch {
				return a.watch(cmd.Context(), args)
			}
			all, err := a.sessions(args)
			if err != nil {
				return err
			}
			store, reason, err := a.storeChoice(ctx)
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
		})
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if watch && (asJSON || !a.screen().isTerminal) {
			return errors.New("--watch: shows a table on a terminal")
		}
		return nil
	}
	cmd.Flags().BoolVar(&watch, "watch", false, "show it until Ctrl-C, every second anew")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// storeChoice tells where new sessions go, and why; the reason is empty where that is as chosen.
func (a *app) storeChoice(ctx context.Context) (store cache.Choice, reason string, err error) {
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
func (a *app) sessions(names []string) ([]sessionStatus, error) {
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
func statusPage(all []sessionStatus, note string, now time.Time, to screen) []byte {
	page := []byte("no sessions\n")
	if len(all) > 0 {
		page = statusTable(all, now, to).render(to.width)
	}
	paragraph := func(lines ...string) { page = append(page, "\n"+strings.Join(lines, "\n")+"\n"...) }
	for _, s := range all {
		if s.LastError != nil {
			title := printable(s.Profile) + ": last error, " + span(now.Sub(s.lastErrorAt)) + " ago:"
			lines := append([]string{title}, hanging("  ", strings.TrimPrefix(*s.LastError, s.Profile+": "), to.width)...)
			if s.lastHint != "" {
				lines = append(lines, hanging("  hint: ", s.lastHint, to.width)...)
			}
			paragraph(lines...)
		}
	}
	if slices.ContainsFunc(all, func(s sessionStatus) bool { return s.Store == string(cache.File) }) {
		paragraph(hanging("", "store file: its key lies beside it, so it protects no better than the AWS CLI's own cache", to.width)...)
	}
	if note != "" {
		paragraph(hanging("", note, to.width)...)
	}
	return page
}

func statusTable(all []sessionStatus, now time.Time, to screen) table {
	const timeColumn = 3
	t := table{rows: [][]string{{"PROFILE", "ROLE", "STORE", "LEFT", "SERVES"}}, shrink: []int{1, 4, 0}}
	for _, s := range all {
		store, time, role := s.Store, "none", s.RoleARN
		if s.Expires != nil {
			time = left(*s.Expires, now)
		} else {
			store = "-"
		}
		if role == "" {
			role = s.Type
		}
		t.rows = append(t.rows, []string{s.Profile, role, store, time, strings.Join(s.Profiles, " ")})
	}
	t.paint = func(row, column int, cell string) string {
		switch {
		case row == 0:
			return to.paint(bold, cell)
		case column == timeColumn:
			return to.paint(timeColour(all[row-1], now), cell)
		}
		return cell
	}
	return t
}

// timeColour says by a colour what a session is good for: served, renewed first by whoever asks, or nothing.
func timeColour(s sessionStatus, now time.Time) string {
	switch {
	case s.Expires == nil || !s.Expires.After(now):
		return red
	case !plan.IsUsable(cache.Session{Issued: *s.Created, Expiration: *s.Expires}, now):
		return yellow
	}
	return green
}

// watchEvery is how often status --watch looks again.
const watchEvery = time.Second

// watch shows the sessions until somebody ends it.
func (a *app) watch(ctx context.Context, names []string) error {
	a.watchdog.Stop()
	const clear = "\x1b[H\x1b[J" // from the first line on (ECMA-48)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	store, reason, err := a.storeChoice(ctx)
	if err != nil {
		return err
	}
	for {
		look := *a
		look.warned, look.stderr = nil, io.Discard // on the terminal the page would wipe away what is told before it
		all, err := look.sessions(names)
		if err != nil {
			return err
		}
		to := a.screen()
		var page []byte
		for _, warning := range look.warned {
			page = append(page, strings.Join(hanging("", warning, to.width), "\n")+"\n\n"...)
		}
		page = append(page, statusPage(all, storeNote(store, reason), time.Now(), to)...)
		if err := a.print(append([]byte(clear), to.cut(page)...)); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done(): // Ctrl-C, which is how it ends
			return nil
		}
	}
}

func (a *app) clearCommand() *cobra.Command {
	var all bool
	cmd := a.command("clear PROFILE... | --all", "forget sessions",
		`Forgets the session of each profile, or every session in every store. Sessions that other profiles share as a
step on their way stay, unless --all is said. Long-term keys are never touched.`,
		"  aws-credproc clear dev-role\n  aws-credproc clear --all", nil,
		func(ctx context.Context, args []string) error {
			if all {
				return a.clearAll(ctx)
			}
			r, err := a.resolver() // one for all, so that a silent keyring is waited for once
			if err != nil {
				return err
			}
			if r.Cache, err = a.quietCache(); err != nil {
				return err
			}
			var result error
			for _, name := range args {
				if err := a.clearProfile(ctx, r, name); err != nil {
					a.report(err)
					result = errReported
				}
			}
			return result
		})
	cmd.Args = profilesOrAll(&all)
	cmd.Flags().BoolVar(&all, "all", false, "every session in every store")
	return cmd
}

func (a *app) clearAll(ctx context.Context) error {
	c, err := a.quietCache()
	if err != nil {
		return err
	}
	n, err := c.Clear(ctx)
	if err != nil {
		return &diag.Error{Where: fmt.Sprintf("forget all sessions: %d forgotten, and then", n), Err: err, Hint: hintOf(err, "aws-credproc clear --all")}
	}
	return a.print(fmt.Appendf(nil, "%d %s forgotten\n", n, plural(n, "session")))
}

// clearProfile forgets the session that a profile stands for now, and those that it stood for before its settings were
// changed. A profile that is gone from the config can have sessions left too.
func (a *app) clearProfile(ctx context.Context, r *credproc.Resolver, name string) error {
	facts, err := r.Cache.Facts()
	if err != nil {
		return err
	}
	keys := map[cache.Key]bool{}
	f, err := a.files()
	if err != nil {
		return err
	}
	chain, err := f.Chain(name)
	if err == nil {
		name = chain.Profile.Name
		var key cache.Key
		var cached bool
		if key, cached, err = r.Key(chain); err == nil && cached {
			keys[key] = false
		}
	}
	for _, fact := range facts {
		if _, own := keys[fact.Key]; own || fact.Profile == name {
			keys[fact.Key] = fact.Store != ""
		}
	}
	if err != nil && len(keys) == 0 {
		return err
	}
	n := 0
	for key, known := range keys {
		if err := r.Cache.Delete(ctx, key); err != nil {
			return &diag.Error{Profile: name, Where: "forget its session", Err: err, Hint: hintOf(err, "aws-credproc clear "+profiles.Argument(name))}
		}
		if known {
			n++
		}
	}
	return a.print(fmt.Appendf(nil, "%s: %d %s forgotten\n", name, n, plural(n, "session")))
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// printJSON prints a value as indented JSON in ASCII.
func (a *app) printJSON(v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return a.print(plan.ASCII([]byte(b.String())))
}

func lines(all []string) (out []byte) {
	for _, l := range all {
		out = append(out, printable(l)+"\n"...)
	}
	return out
}
