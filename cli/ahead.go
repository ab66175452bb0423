package cli

import (
	"context"
	"os"
	"os/exec"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/profiles"
)

// renewName is the command that renewAhead starts. It is for this program only.
const renewName = "renew"

// renewAhead starts a process that renews a session which has just been served and is running out, if that is for this
// process to do. Nobody waits for it, and what comes of it is in the facts: where it cannot even be started, the session
// is renewed by whoever finds it used up.
func (a *app) renewAhead(r *credproc.Resolver, chain profiles.Chain, s cache.Session) {
	if !r.ClaimsRenewal(chain, s) {
		return
	}
	self, err := os.Executable()
	if err == nil {
		cmd := exec.Command(self, renewName, "--store", string(a.store), "--prompt", "none", "--timeout", a.timeout.String(), "--", chain.Profile.Name)
		cmd.Args[0] = os.Args[0] // as its caller calls it
		err = startDetached(cmd)
	}
	if err != nil {
		a.trace("%s: not renewed ahead of its need: %v", chain.Profile.Name, err)
		return
	}
	a.trace("%s: renewed ahead of its need, by another process", chain.Profile.Name)
}

func (a *app) renewCommand() *cobra.Command {
	cmd := a.command(renewName+" PROFILE", "renew a session ahead of its need",
		`Renews the session of a profile if it is running out. "get" starts this, detached, so that nobody waits for STS.`,
		"", oneProfile,
		func(ctx context.Context, args []string) error {
			chain, r, err := a.chain(args[0])
			if err != nil {
				return err
			}
			return r.Renew(ctx, chain)
		})
	cmd.Hidden = true
	return cmd
}
