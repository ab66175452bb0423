package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/internal/tui"
)

func newListCmd(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "list",
		Short:             "show every profile as it is read",
		Long:              `Shows every profile and SSO session of both config files as they are read, whatever may be wrong with them.`,
		Example:           "  aws-credproc list\n  aws-credproc list --json",
		Args:              cobra.NoArgs,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(context.Context, []string) error {
			f, err := a.files()
			if err != nil {
				return err
			}
			a.warnOfNoHome()
			all, sessions, err := f.List()
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(map[string]any{"profiles": all, "sso_sessions": sessions})
			}
			rows := [][]string{{"PROFILE", "KIND", "SOURCE", "WIRED", "FILE"}}
			for _, p := range all {
				rows = append(rows, []string{p.Name, p.Kind, p.Source, map[bool]string{true: "yes", false: "-"}[p.Wired], p.File})
			}
			to := a.screen()
			out := tui.Table{Rows: rows, Shrink: []int{0, 2}, Paint: func(row, _ int, cell string) string {
				if row == 0 {
					return to.Paint(tui.Bold, cell)
				}
				return cell
			}}.Render(to.Width)
			if len(sessions) > 0 {
				var names []string
				for _, s := range sessions {
					names = append(names, s.Name)
				}
				out = append(out, tui.Lines([]string{"SSO sessions: " + strings.Join(names, " ")})...)
			}
			return a.print(out)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
