package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/cli/doctor"
	"aws-credproc/profiles"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON, online bool
	cmd := a.command("doctor [PROFILE]", "find what is wrong with the set-up, and how to mend it",
		`Looks at the config files, the environment and the stores, and says of each thing that is wrong what it is, why it
matters and how to mend it. With a profile, it tells of what concerns that one.

Nothing is changed and nothing is sent, unless you say --online: then STS is asked what time it has, whose credentials
each source gives, and for each role that takes no MFA code now. What it gives is kept, as ever.

The exit code is 1 if anything is an error, and 0 if there are warnings only.`,
		"  aws-credproc doctor\n  aws-credproc doctor --online dev\n  aws-credproc doctor --json", cobra.MatchAll(cobra.MaximumNArgs(1), anyNamed),
		func(ctx context.Context, args []string) error {
			report, err := a.examine(ctx, strings.Join(args, ""), online)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(map[string]any{"findings": report.Findings})
			} else {
				err = a.print(diagnosis(report, a.screen()))
			}
			if err == nil && slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return f.Severity == doctor.Error }) {
				err = errReported
			}
			return err
		})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&online, "online", false, "ask STS too")
	return cmd
}

// examine looks at everything. What it warns of on the way is in the findings.
func (a *app) examine(ctx context.Context, profile string, online bool) (doctor.Report, error) {
	r, err := a.resolver()
	if err != nil {
		return doctor.Report{}, err
	}
	if r.Cache, err = cache.Open(cache.Options{Dir: a.stateDir(), Choice: a.store}); err != nil { // it warns of nothing
		return doctor.Report{}, err
	}
	r.Warnf, r.TokenCodes = a.trace, nil // nobody is asked
	o := doctor.Options{Profile: profile, Resolver: r, Online: online}
	o.ConfigPath, o.CredentialsPath = profiles.Paths(os.Getenv)
	if o.Files, err = a.files(); err != nil {
		a.trace("%v", err) // it is among the findings
	}
	if o.Helper, err = onPath("aws-credproc"); err == nil {
		o.Helper, err = filepath.Abs(o.Helper)
	} else {
		o.Helper, err = os.Executable()
	}
	if err != nil {
		return doctor.Report{}, fmt.Errorf("where this program is: %w", err)
	}
	o.Helper, _ = plainPath(o.Helper) // as setup writes it; a check tells where there is no such form
	if online {
		defer a.progress("asking STS")()
	}
	report := doctor.Examine(ctx, o)
	if errors.Is(ctx.Err(), context.Canceled) { // so that what was not asked would be taken for what is wrong
		return doctor.Report{}, errors.New("doctor: interrupted")
	}
	return report, nil
}

// diagnosis shows a report to a person.
func diagnosis(r doctor.Report, to screen) []byte {
	var out []string
	for _, f := range r.Facts {
		out = append(out, hanging(fmt.Sprintf("%-12s ", f.Name), f.Text, to.width)...)
	}
	count := map[doctor.Severity]int{}
	for _, f := range r.Findings {
		count[f.Severity]++
	}
	for _, s := range []struct {
		doctor.Severity
		colour string
	}{{doctor.Error, red}, {doctor.Warning, yellow}} {
		if n := count[s.Severity]; n > 0 {
			out = append(out, "", to.paint(s.colour, fmt.Sprintf("%d %s", n, plural(n, string(s.Severity)))))
		}
		for _, f := range r.Findings {
			if f.Severity == s.Severity {
				out = append(out, finding(f, to)...)
			}
		}
	}
	if len(r.Findings) == 0 {
		out = append(out, "", to.paint(green, "nothing is wrong"))
	}
	return []byte(strings.Join(out, "\n") + "\n")
}

// finding shows one of them.
func finding(f doctor.Finding, to screen) []string {
	const indent = "    "
	what := f.What
	if f.Profile != "" {
		what = f.Profile + ": " + what
	}
	out := []string{""}
	for i, l := range hanging("  ", what, to.width) {
		if i == 0 {
			l = "  " + to.paint(bold, strings.TrimPrefix(l, "  "))
		} else {
			l = "  " + to.paint(bold, strings.TrimLeft(l, " "))
		}
		out = append(out, l)
	}
	if f.Where != "" {
		out = append(out, hanging(indent+"in    ", f.Where, 0)...) // whole, so that it can be clicked on
	}
	out = append(out, hanging(indent+"why   ", f.Why, to.width)...)
	label := "fix   "
	for l := range strings.Lines(f.Fix) {
		l = strings.TrimRight(l, "\n")
		width := to.width
		if strings.HasPrefix(l, "  ") {
			width = 0 // to be copied: a break would be copied too
		}
		out = append(out, hanging(indent+label, l, width)...)
		label = strings.Repeat(" ", len(label))
	}
	return append(out, hanging(indent+"check ", f.Check, to.width)...)
}

// hanging breaks a text at spaces into lines of a width, 0 for no end, below the start of the first, which follows a
// label. It is made fit for a terminal; the label is so.
func hanging(label, text string, width int) []string {
	text = printable(text)
	indent := strings.Repeat(" ", utf8.RuneCountInString(label))
	room := max(width-len(indent), 20)
	if width == 0 {
		return []string{label + text}
	}
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			out = append(out, label+line)
			label, line = indent, ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(out, label+line)
}
