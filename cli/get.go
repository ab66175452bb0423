package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
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
			out, err := plan.Output(s)
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
		return named(args)
	}
	return fmt.Errorf("one profile is wanted, and %d are named", len(args))
}

// named refuses a profile without a name: a variable of some script that is not set.
func named(profiles []string) error {
	if slices.Contains(profiles, "") {
		return errors.New("the profile's name is empty")
	}
	return nil
}

// anyNamed takes any number of profiles. One without a name must not stand for all.
func anyNamed(_ *cobra.Command, args []string) error { return named(args) }

// profilesOrAll asks for profile names or --all, not both.
func profilesOrAll(all *bool) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case *all && len(args) > 0:
			return errors.New("name profiles or say --all, not both")
		case !*all && len(args) == 0:
			return errors.New("name a profile, or say --all")
		}
		return named(args)
	}
}

// forEach does something with each profile named, or with every one whose session is kept, one chain once. A failure is
// told and the rest go on, and one cause is told once: of the profiles that it hits too, their names. The last error decides
// the exit code, and one that a person must mend does not hide others.
func (a *app) forEach(f *profiles.Files, names []string, all bool, do func(*credproc.Resolver, profiles.Chain) error) error {
	r, err := a.resolver()
	if err != nil {
		return err
	}
	if all {
		a.warnOfNoHome()
		names = f.Names()
	}
	var result error
	done := map[cache.Key]bool{}
	told := causes{}
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
			if !told.has(err, name) {
				a.report(err)
			}
			if e := (*diag.Error)(nil); result == nil || !errors.As(err, &e) || !e.Has(diag.NeedsUser) {
				result = errors.Join(errReported, err)
			}
		}
	}
	for _, c := range told {
		if len(c.further) > 0 {
			a.say("%s: the same: %s", strings.Join(c.further, ", "), c.text)
		}
	}
	return result
}

// causes are the failures that were told.
type causes []*cause

type cause struct {
	whole      string // as it was told
	text, hint string
	further    []string // profiles that it hits too
}

// has reports whether the failure of a profile was told of another one, and notes it.
func (c *causes) has(err error, profile string) bool {
	var e *diag.Error
	if !errors.As(err, &e) {
		return false
	}
	text, hint := e.What(), strings.TrimSuffix(e.Hint, " "+e.Profile)
	for _, known := range *c {
		if known.text == text && known.hint == hint || known.whole == text { // it was a step on the way of both
			known.further = append(known.further, profile)
			return true
		}
	}
	*c = append(*c, &cause{whole: err.Error(), text: text, hint: hint})
	return false
}

// isNoChain reports whether a profile holds settings only, so that --all passes it over.
func isNoChain(f *profiles.Files, name string) bool {
	p, err := f.Profile(name)
	return err == nil && profiles.Kind(p) == profiles.KindNone
}
