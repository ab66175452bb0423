package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"aws-credproc/cli/doctor"
	"aws-credproc/internal/tui"
)

// reportText lays out a report for a screen.
func reportText(r doctor.Report, to tui.Screen) []byte {
	var out []string
	for _, f := range r.Facts {
		out = append(out, tui.Hanging(fmt.Sprintf("%-12s ", f.Name), f.Text, to.Width)...)
	}
	count := map[doctor.Severity]int{}
	for _, g := range r.Group() {
		count[g[0].Severity]++
		out = append(out, "")
		out = append(out, groupLines(g, to)...)
	}
	return []byte(strings.Join(append(out, "", summary(count, to)), "\n") + "\n")
}

var severityColors = map[doctor.Severity]tui.Color{
	doctor.Error:   tui.Red,
	doctor.Warning: tui.Yellow,
}

// summary returns the last line of a report: "2 errors, 1 warning".
func summary(count map[doctor.Severity]int, to tui.Screen) string {
	var parts []string
	for _, s := range []doctor.Severity{doctor.Error, doctor.Warning} {
		if n := count[s]; n > 0 {
			text := fmt.Sprintf("%d %s", n, tui.Plural(n, string(s)))
			parts = append(parts, to.Paint(severityColors[s], text))
		}
	}
	if len(parts) == 0 {
		return to.Paint(tui.Green, "No problems found.")
	}
	return strings.Join(parts, ", ")
}

// groupLines lays out findings that differ only in profile and place.
func groupLines(g doctor.Group, to tui.Screen) []string {
	f := g[0]
	severity := string(f.Severity) + "[" + f.Check + "]:"
	what := f.What
	switch {
	case f.Profile == "":
	case len(g) == 1:
		what = f.Profile + ": " + what
	default:
		what = fmt.Sprintf("%d profiles: %s", len(g), what)
	}
	const indent = "  "
	var out []string
	for i, l := range tui.Hanging("", severity+" "+what, max(to.Width-len(indent), 0)) {
		if i == 0 {
			rest := strings.TrimPrefix(l, severity)
			out = append(out, to.Paint(severityColors[f.Severity], severity)+to.Paint(tui.Bold, rest))
		} else {
			out = append(out, indent+to.Paint(tui.Bold, l))
		}
	}
	out = append(out, labeled("in:", places(g), 0)...) // not wrapped, so that a path can be clicked
	out = append(out, labeled("why:", []string{f.Why}, to.Width)...)
	if commands, ok := g.Commands(); ok {
		return append(out, labeled("fix:", commands, 0)...)
	}
	return append(out, labeled("fix:", g.Fix(), to.Width)...)
}

// places returns where the findings of a group are, each with its profile if there are several.
func places(g doctor.Group) (lines []string) {
	const most = 10
	width := 0
	for _, f := range g {
		width = max(width, utf8.RuneCountInString(f.Profile))
	}
	for i, f := range g {
		switch {
		case i == most:
			return append(lines, fmt.Sprintf("and %d more; --json lists all", len(g)-most))
		case len(g) == 1 || width == 0:
			if f.Where != "" {
				lines = append(lines, f.Where)
			}
		default:
			line := fmt.Sprintf("%-*s  %s", width, f.Profile, f.Where)
			lines = append(lines, strings.TrimRight(line, " "))
		}
	}
	return lines
}

// labeled lays out lines after a label, wrapped to width. Lines that start with two spaces are to
// be copied, so they are not wrapped.
func labeled(label string, lines []string, width int) (out []string) {
	label = fmt.Sprintf("  %-5s", label)
	for _, l := range lines {
		room := width
		if strings.HasPrefix(l, "  ") {
			room = 0
		}
		out = append(out, tui.Hanging(label, l, room)...)
		label = strings.Repeat(" ", len(label))
	}
	return out
}
