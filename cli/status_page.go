package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/tui"
)

// statusPage returns the page of `status`: a table, the failures, and notes.
func statusPage(list sessionList, note string, now time.Time, to tui.Screen) []byte {
	page := []byte("No sessions\n")
	if len(list.sessions) > 0 {
		page = statusTable(list.sessions, now, to).Render(to.Width)
	}
	paragraph := func(lines ...string) {
		page = append(page, "\n"+strings.Join(lines, "\n")+"\n"...)
	}
	for _, f := range failuresOf(list.sessions) {
		paragraph(f.lines(now, to)...)
	}
	if list.hidden > 0 {
		text := fmt.Sprintf("Not shown without --all: %d %s of other config files, "+
			"endpoints, settings or --duration", list.hidden, tui.Plural(list.hidden, "session"))
		paragraph(tui.Hanging("", text, to.Width)...)
	}
	if slices.ContainsFunc(list.sessions, func(s sessionStatus) bool {
		return s.Store == string(cache.File)
	}) {
		const text = "The file store protects sessions no better than the AWS CLI's cache: " +
			"the key is in a file next to them."
		paragraph(tui.Hanging("", text, to.Width)...)
	}
	if n := lostKeys(list.sessions); n > 0 {
		text := fmt.Sprintf("%d %s in the kernel store cannot be read here: the key is in another user "+
			"namespace or on another machine, or was lost at a restart. get requests a new session.",
			n, tui.Plural(n, "session"))
		paragraph(tui.Hanging("", text, to.Width)...)
	}
	if note != "" {
		paragraph(tui.Hanging("", note, to.Width)...)
	}
	return page
}

// lostKeys returns the number of sessions that cannot be read here.
func lostKeys(all []sessionStatus) (n int) {
	for _, s := range all {
		if s.KeyLost {
			n++
		}
	}
	return n
}

func statusTable(all []sessionStatus, now time.Time, to tui.Screen) tui.Table {
	const leftColumn = 4
	t := tui.Table{
		Rows:   [][]string{{"PROFILE", "ACCOUNT", "ROLE", "STORE", "LEFT", "USED BY"}},
		Shrink: []int{0, 2, 5},
	}
	for _, s := range all {
		id := s.identity()
		t.Rows = append(t.Rows, []string{
			s.Profile, cmp.Or(id.account, "-"), cmp.Or(id.role, "-"), cmp.Or(s.Store, "-"),
			s.left(now), s.others(),
		})
	}
	t.Paint = func(row, column int, piece string) string {
		if row > 0 && column == leftColumn {
			return to.Paint(leftColor(all[row-1], now), piece)
		}
		return to.PaintTitles(row, column, piece)
	}
	return t
}

// identity returns the owner of a session's credentials: by the config or, if the config no longer
// has its profile, by the facts about the session.
func (s sessionStatus) identity() identity {
	switch {
	case s.use != nil:
		return s.use.identity
	case s.RoleARN != "":
		return roleIdentity(s.RoleARN)
	}
	return identity{role: noRole(s.Type)}
}

// left returns the time that a session has left, or why there is none.
func (s sessionStatus) left(now time.Time) string {
	switch {
	case s.Expires != nil:
		return tui.TimeLeft(*s.Expires, now)
	case s.LastError != nil:
		return "failed"
	}
	return "-"
}

// others returns the other profiles that use a session.
func (s sessionStatus) others() string {
	const most = 8
	if s.use == nil {
		return "-"
	}
	names := slices.DeleteFunc(slices.Clone(s.use.usedBy), func(name string) bool {
		return name == s.Profile
	})
	if len(names) > most+1 {
		names = append(names[:most:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, " ")
}

// leftColor returns green for a session that is returned as it is, yellow for one that is renewed
// first, and red for none.
func leftColor(s sessionStatus, now time.Time) tui.Color {
	switch {
	case s.Expires == nil || !s.Expires.After(now):
		return tui.Red
	case !plan.IsUsable(cache.Session{Issued: *s.Created, Expiration: *s.Expires}, now):
		return tui.Yellow
	}
	return tui.Green
}

// sharedFailure is a failure that one or more profiles have.
type sharedFailure struct {
	profiles      []string
	problem, hint string
	at            time.Time // of the latest
}

// failuresOf returns the last errors of sessions, each once. Errors are the same if they differ in
// the names of the sessions' own profiles only.
func failuresOf(all []sessionStatus) (failures []*sharedFailure) {
	known := map[[2]string]*sharedFailure{}
	for _, s := range all {
		if s.LastError == nil {
			continue
		}
		problem := *s.LastError
		names := s.names()
		for _, name := range names {
			problem = strings.TrimPrefix(problem, name+": ")
		}
		key := [2]string{withoutNames(problem, names), withoutNames(s.lastHint, names)}
		f := known[key]
		if f == nil {
			f = &sharedFailure{problem: problem, hint: s.lastHint}
			known[key] = f
			failures = append(failures, f)
		}
		if !slices.Contains(f.profiles, s.Profile) {
			f.profiles = append(f.profiles, s.Profile)
		}
		if s.lastErrorAt.After(f.at) {
			f.at = s.lastErrorAt
		}
	}
	return failures
}

// names returns the profile of a session and those that use it.
func (s sessionStatus) names() []string {
	names := []string{s.Profile}
	if s.use != nil {
		names = append(names, s.use.usedBy...)
	}
	return names
}

// withoutNames returns text with each of the names replaced by the same word.
func withoutNames(text string, names []string) string {
	isName := func(r rune) bool { return !strings.ContainsRune(" ,;:[]()'\"", r) }
	var out strings.Builder
	for text != "" {
		n := strings.IndexFunc(text, func(r rune) bool { return !isName(r) })
		if n == 0 {
			_, n = utf8.DecodeRuneInString(text)
		} else if n < 0 {
			n = len(text)
		}
		word := text[:n]
		if slices.Contains(names, word) {
			word = "PROFILE"
		}
		out.WriteString(word)
		text = text[n:]
	}
	return out.String()
}

// lines returns a failure as the problem and, on a line of its own, the hint.
func (f sharedFailure) lines(now time.Time, to tui.Screen) []string {
	who := strings.Join(f.profiles, ", ")
	text := fmt.Sprintf("%s (%s ago): %s", who, tui.Span(now.Sub(f.at)), f.problem)
	lines := tui.Hanging("  ", text, to.Width)
	lines[0] = strings.TrimPrefix(lines[0], "  ")
	if rest, ok := strings.CutPrefix(lines[0], who); ok {
		lines[0] = to.Paint(tui.Red, who) + rest
	}
	if f.hint != "" {
		const label = "  hint: "
		hint := tui.Hanging(label, f.hint, to.Width)
		hint[0] = "  " + to.Paint(tui.Green, "hint:") + " " + strings.TrimPrefix(hint[0], label)
		lines = append(lines, hint...)
	}
	return lines
}
