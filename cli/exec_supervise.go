package cli

import (
	"context"

	"github.com/spf13/cobra"

	"aws-credproc/internal/proc"
	"aws-credproc/internal/tui"
)

// superviseName is the hidden command between exec --serve and its command.
const superviseName = "supervise"

func newSuperviseCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    superviseName,
		Hidden: true,
		Short:  "Run a command that must not outlive its credentials endpoint",
		Long: `Runs the command of "exec --serve", which starts this command on Linux. It ends when
all descendants of the command have ended, and kills them if the credentials endpoint
is gone.`,
		Args: cobra.ArbitraryArgs,
		RunE: a.runE(func(_ context.Context, args []string) error {
			a.then = func() (int, error) {
				return proc.Supervise(args, func(n int) {
					a.say("the command has ended; the credentials endpoint stays open for %d %s that "+
						"it has left running", n, tui.Plural(n, "process"))
				})
			}
			return nil
		}),
	}
}
