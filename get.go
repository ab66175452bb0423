package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/profiles"
)

func (a *app) getCommand() *cobra.Command {
	return a.command("get PROFILE", "print a profile's credentials as credential_process JSON",
		`Prints the credentials of a profile in the form that the AWS CLI and the SDKs read from a credential_process.
A session that is cached and fit to serve is printed at once; else the role is assumed, and the session kept.

The profile is always named: AWS_PROFILE is not followed, since it may lead back to this very command.`,
		"  aws-credproc get dev-role", oneProfile,
		func(ctx context.Context, args []string) error {
			chain, r, err := a.chain(args[0])
			if err != nil {
				return err
			}
			s, err := r.Credentials(ctx, chain)
			if err != nil {
				return err
			}
			out, err := credproc.Output(s)
			if err != nil {
				return err
			}
			if err := a.print(out); err != nil {
				return err
			}
			a.renewAhead(r, chain, s)
			return nil
		})
}

// oneProfile asks for exactly one profile name.
func oneProfile(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return errors.New("the profile is missing; it is always named, since AWS_PROFILE is not followed")
	case 1:
		return nil
	}
	return fmt.Errorf("one profile is wanted, and %d are named", len(args))
}

func (a *app) refreshCommand() *cobra.Command {
	var all, newCode bool
	cmd := a.command("refresh PROFILE... | --all", "assume roles anew now, whatever is cached",
		`Assumes the role of each profile anew and keeps the new session. Where that fails, the old session stays as it is.`,
		"  aws-credproc refresh dev-role\n  aws-credproc refresh --mfa dev-role\n  aws-credproc refresh --all", nil,
		func(ctx context.Context, args []string) error {
			f, err := a.files()
			if err != nil {
				return err
			}
			return a.forEach(f, args, all, func(r *credproc.Resolver, chain profiles.Chain) error {
				return a.refresh(ctx, r, chain, newCode)
			})
		})
	cmd.Args = profilesOrAll(&all)
	cmd.Flags().BoolVar(&newCode, "mfa", false, "ask for a new code, although the session of the last one is good")
	cmd.Flags().BoolVar(&all, "all", false, "every profile whose credentials expire, cached or not")
	return cmd
}

func (a *app) refresh(ctx context.Context, r *credproc.Resolver, chain profiles.Chain, newCode bool) error {
	name := chain.Profile.Name
	if _, cached, err := r.Key(chain); err != nil {
		return err
	} else if !cached {
		return a.print(fmt.Appendf(nil, "%s: its keys do not expire, so there is nothing to refresh\n", name))
	}
	stop := a.progress(name + ": waiting for STS")
	s, err := r.Refresh(ctx, chain, newCode)
	stop()
	if err != nil {
		return err
	}
	if s.Expiration.IsZero() { // a command gave them, and did not say that they expire
		return a.print(fmt.Appendf(nil, "%s: its credentials do not expire, so they are not kept\n", name))
	}
	return a.print(fmt.Appendf(nil, "%s: refreshed, good for %s\n", name, left(s.Expiration, time.Now())))
}

// profilesOrAll asks for profile names or --all, not both.
func profilesOrAll(all *bool) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case *all && len(args) > 0:
			return errors.New("name profiles or say --all, not both")
		case !*all && len(args) == 0:
			return errors.New("name a profile, or say --all")
		}
		return nil
	}
}

// forEach does something with each profile named, or with every one whose session is kept, one chain once. A failure is
// told and the rest go on; the last error decides the exit code, and one that a person must mend does not hide others.
func (a *app) forEach(f *profiles.Files, names []string, all bool, do func(*credproc.Resolver, profiles.Chain) error) error {
	r, err := a.resolver()
	if err != nil {
		return err
	}
	if all {
		names = f.Names()
	}
	var result error
	done := map[cache.Key]bool{}
	for _, name := range names {
		err := func() error {
			chain, err := f.Chain(name)
			if err != nil {
				return err
			}
			key, cached, err := r.Key(chain)
			if err != nil || all && !cached || cached && done[key] {
				return err
			}
			done[key] = true
			return do(r, chain)
		}()
		if err != nil {
			if all && isNoChain(f, name) {
				continue
			}
			a.say("%v", err)
			if e := (*credproc.Error)(nil); result == nil || !errors.As(err, &e) || !e.NeedsPerson {
				result = errors.Join(errReported, err)
			}
		}
	}
	return result
}

// isNoChain reports whether a profile holds settings only, so that --all passes it over.
func isNoChain(f *profiles.Files, name string) bool {
	p, err := f.Profile(name)
	return err == nil && profiles.Kind(p) == profiles.KindNone
}
