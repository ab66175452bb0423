package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

func newClearCmd(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "clear PROFILE... | --all",
		Short: "forget sessions",
		Long: `Forgets the session of each profile, or every session in every store. Sessions that other profiles share as a
step on their way stay, unless --all is said. Long-term keys are never touched.`,
		Example:           "  aws-credproc clear dev-role\n  aws-credproc clear --all",
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			if all {
				return clearAll(ctx, a)
			}
			r, err := a.resolver() // one for all, so that a silent keyring is waited for once
			if err != nil {
				return err
			}
			if r.Cache, err = a.openCacheQuietly(); err != nil {
				return err
			}
			var result error
			for _, name := range args {
				if err := clearProfile(ctx, a, r, name); err != nil {
					a.report(err)
					result = errPrinted
				}
			}
			return result
		}),
	}
	cmd.Args = profilesOrAll(&all)
	cmd.Flags().BoolVar(&all, "all", false, "every session in every store")
	return cmd
}

func clearAll(ctx context.Context, a *app) error {
	c, err := a.openCacheQuietly()
	if err != nil {
		return err
	}
	n, err := c.Clear(ctx)
	if err != nil {
		return &diag.Error{Where: fmt.Sprintf("forget all sessions: %d forgotten, and then", n), Err: err, Hint: hintOf(err, "aws-credproc clear --all")}
	}
	return a.print(fmt.Appendf(nil, "%d %s forgotten\n", n, tui.Plural(n, "session")))
}

// clearProfile forgets the session that a profile stands for now, and those that it stood for before its settings were
// changed. A profile that is gone from the config can have sessions left too.
func clearProfile(ctx context.Context, a *app, r *credproc.Resolver, name string) error {
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
	return a.print(fmt.Appendf(nil, "%s: %d %s forgotten\n", name, n, tui.Plural(n, "session")))
}
