package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/cli/doctor"
	"aws-credproc/internal/proc"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

func newDoctorCmd(a *app) *cobra.Command {
	var asJSON, online bool
	cmd := &cobra.Command{
		Use:   "doctor [PROFILE]",
		Short: "find what is wrong with the set-up, and how to mend it",
		Long: `Looks at the config files, the environment and the stores, and says of each thing that is wrong what it is, why it
matters and how to mend it. With a profile, it tells of what concerns that one.

Nothing is changed and nothing is sent, unless you say --online: then STS is asked what time it has, whose credentials
each source gives, and for each role that takes no MFA code now. What it gives is kept, as ever.

The exit code is 1 if anything is an error, and 0 if there are warnings only.`,
		Example:           "  aws-credproc doctor\n  aws-credproc doctor --online dev\n  aws-credproc doctor --json",
		Args:              cobra.MatchAll(cobra.MaximumNArgs(1), anyProfiles),
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			report, err := examine(ctx, a, strings.Join(args, ""), online)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(map[string]any{"findings": report.Findings})
			} else {
				err = a.print(diagnosis(report, a.screen()))
			}
			if err == nil && slices.ContainsFunc(report.Findings, func(f doctor.Finding) bool { return f.Severity == doctor.Error }) {
				err = errPrinted
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&online, "online", false, "ask STS too")
	return cmd
}

// examine looks at everything. What it warns of on the way is in the findings.
func examine(ctx context.Context, a *app, profile string, online bool) (doctor.Report, error) {
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
	if o.Helper, err = proc.LookPath("aws-credproc"); err == nil {
		o.Helper, err = filepath.Abs(o.Helper)
	} else {
		o.Helper, err = os.Executable()
	}
	if err != nil {
		return doctor.Report{}, fmt.Errorf("where this program is: %w", err)
	}
	o.Helper, _ = proc.UnquotedPath(o.Helper) // as setup writes it; a check tells where there is no such form
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
func diagnosis(r doctor.Report, to tui.Screen) []byte {
	var out []string
	for _, f := range r.Facts {
		out = append(out, tui.Hanging(fmt.Sprintf("%-12s ", f.Name), f.Text, to.Width)...)
	}
	count := map[doctor.Severity]int{}
	for _, f := range r.Findings {
		count[f.Severity]++
	}
	for _, s := range []struct {
		doctor.Severity
		colour tui.Colour
	}{{doctor.Error, tui.Red}, {doctor.Warning, tui.Yellow}} {
		if n := count[s.Severity]; n > 0 {
			out = append(out, "", to.Paint(s.colour, fmt.Sprintf("%d %s", n, tui.Plural(n, string(s.Severity)))))
		}
		for _, f := range r.Findings {
			if f.Severity == s.Severity {
				out = append(out, finding(f, to)...)
			}
		}
	}
	if len(r.Findings) == 0 {
		out = append(out, "", to.Paint(tui.Green, "nothing is wrong"))
	}
	return []byte(strings.Join(out, "\n") + "\n")
}

// finding shows one of them.
func finding(f doctor.Finding, to tui.Screen) []string {
	const indent = "    "
	what := f.What
	if f.Profile != "" {
		what = f.Profile + ": " + what
	}
	out := []string{""}
	for i, l := range tui.Hanging("  ", what, to.Width) {
		if i == 0 {
			l = "  " + to.Paint(tui.Bold, strings.TrimPrefix(l, "  "))
		} else {
			l = "  " + to.Paint(tui.Bold, strings.TrimLeft(l, " "))
		}
		out = append(out, l)
	}
	if f.Where != "" {
		out = append(out, tui.Hanging(indent+"in    ", f.Where, 0)...) // whole, so that it can be clicked on
	}
	out = append(out, tui.Hanging(indent+"why   ", f.Why, to.Width)...)
	label := "fix   "
	for l := range strings.Lines(f.Fix) {
		l = strings.TrimRight(l, "\n")
		width := to.Width
		if strings.HasPrefix(l, "  ") {
			width = 0 // to be copied: a break would be copied too
		}
		out = append(out, tui.Hanging(indent+label, l, width)...)
		label = strings.Repeat(" ", len(label))
	}
	return append(out, tui.Hanging(indent+"check ", f.Check, to.Width)...)
}
