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
	var all, expired bool
	cmd := &cobra.Command{
		Use:   "clear PROFILE... | --all | --expired",
		Short: "Delete cached sessions",
		Long: `Deletes the cached session of each profile or, with --all, every session in every
store. Without --all, it keeps the sessions of source profiles, which other profiles
may use too. With --expired, it deletes the sessions that have expired. It never
deletes long-term access keys.

It also removes the sections that export --write-profile has written to the
credentials file for the profile, unless they were edited since.`,
		Example:           "  aws-credproc clear dev-role\n  aws-credproc clear --all\n  aws-credproc clear --expired",
		Args:              profilesOrAll(&all, &expired),
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(ctx context.Context, args []string) error {
			switch {
			case all:
				err := clearSessions(ctx, a, "all", (*cache.Cache).Clear)
				return withSecond(a, err, removeWritten(ctx, a, isAny))
			case expired:
				err := clearSessions(ctx, a, "expired", (*cache.Cache).ClearExpired)
				return withSecond(a, err, removeWritten(ctx, a, isExpired))
			}
			r, err := a.resolver() // shared, so that a keyring that does not respond times out once
			if err != nil {
				return err
			}
			if r.Cache, err = a.openCacheQuietly(); err != nil {
				return err
			}
			var result error
			for _, name := range args {
				err := clearProfile(ctx, a, r, name)
				if err := withSecond(a, err, removeWritten(ctx, a, isOf(name))); err != nil {
					a.report(err)
					result = errPrinted
				}
			}
			return result
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "delete every session in every store")
	cmd.Flags().BoolVar(&expired, "expired", false, "delete the sessions that have expired")
	return cmd
}

// clearSessions deletes sessions with a method of the cache, for the flag --which.
func clearSessions(
	ctx context.Context, a *app, which string,
	clearCache func(*cache.Cache, context.Context) (int, error),
) error {
	c, err := a.openCacheQuietly()
	if err != nil {
		return err
	}
	n, err := clearCache(c, ctx)
	if err != nil {
		where := fmt.Sprintf("delete %s sessions (%d deleted)", which, n)
		hint := hintOf(err, "aws-credproc clear --"+which)
		return &diag.Error{Where: where, Err: err, Hint: hint}
	}
	what := "session"
	if which == "expired" {
		what = "expired session"
	}
	return a.print(fmt.Appendf(nil, "%d %s deleted\n", n, tui.Plural(n, what)))
}

// clearProfile deletes the session of a profile, and those from before its settings changed. The
// profile need not exist any more.
func clearProfile(ctx context.Context, a *app, r *credproc.Resolver, name string) error {
	keys, name, err := sessionKeys(a, r, name)
	if err != nil {
		return err
	}
	n := 0
	for key := range keys {
		found, err := r.Cache.DeleteFound(ctx, key)
		if err != nil {
			return &diag.Error{
				Profile: name, Where: "delete its session", Err: err,
				Hint: hintOf(err, "aws-credproc clear "+profiles.Argument(name)),
			}
		}
		if found {
			n++
		}
	}
	return a.print(fmt.Appendf(nil, "%s: %d %s deleted\n", name, n, tui.Plural(n, "session")))
}

// sessionKeys returns the keys of the sessions that a profile may have. chainName is the profile that
// a wired profile leads to.
func sessionKeys(
	a *app, r *credproc.Resolver, name string,
) (keys map[cache.Key]struct{}, chainName string, err error) {
	facts, err := r.Cache.Facts()
	if err != nil {
		return nil, name, err
	}
	f, err := a.files()
	if err != nil {
		return nil, name, err
	}
	keys = map[cache.Key]struct{}{}
	chain, err := f.Chain(name)
	if err == nil {
		name = chain.Profile.Name
		var key cache.Key
		var cached bool
		if key, cached, err = r.Key(chain); err == nil && cached {
			keys[key] = struct{}{}
		}
	}
	for _, fact := range facts {
		if fact.Profile == name {
			keys[fact.Key] = struct{}{}
		}
	}
	if len(keys) > 0 {
		err = nil
	}
	return keys, name, err
}
