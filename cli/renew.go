package cli

import (
	"context"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/internal/files"
	"aws-credproc/internal/proc"
	"aws-credproc/profiles"
)

// renewName is the hidden command that get starts to renew a session in the background.
const renewName = "renew"

// renewInBackground starts a detached process that renews a session, if the session is due for
// renewal and no other process renews it. The result is recorded in the session's facts. If the
// process cannot be started, the session is renewed by the first get that can no longer use it.
func renewInBackground(a *app, r *credproc.Resolver, chain profiles.Chain, s cache.Session) {
	if !r.ClaimsRenewal(chain, s) {
		return
	}
	name := chain.Profile.Name
	self, err := files.Executable()
	if err == nil {
		cmd := exec.Command(self, renewName, "--store", string(a.store), "--prompt", "none",
			"--timeout", a.timeout.String(), "--", name)
		cmd.Args[0] = os.Args[0]
		err = proc.StartDetached(cmd)
	}
	if err != nil {
		a.trace("%s: cannot renew the session in the background: %v", name, err)
		return
	}
	a.trace("%s: another process is renewing the session in the background", name)
}

func newRenewCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    renewName + " PROFILE",
		Hidden: true,
		Short:  "Renew a session before it expires",
		Long: `Renews the session of a profile if it is due for renewal. "get" starts this command
in the background.`,
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			chain, r, err := a.chain(args[0])
			if err != nil {
				return err
			}
			return r.Renew(ctx, chain)
		}),
	}
}
