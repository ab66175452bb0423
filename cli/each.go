package cli

import (
	"context"
	"errors"
	"strings"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// chainFunc is what forEach does with each chain.
type chainFunc func(context.Context, *credproc.Resolver, profiles.Chain) error

// forEach calls do for each of the named profiles, or for every profile whose session is cached,
// once for profiles with the same chain. It prints failures and continues; profiles that fail for
// the same reason share one message. The exit code is that of the last error, where one that needs
// the user does not hide others.
func forEach(ctx context.Context, a *app, f *profiles.Files, names []string, all bool, do chainFunc) error {
	r, err := a.resolver()
	if err != nil {
		return err
	}
	if all {
		a.warnOfNoHome()
		names = f.Names()
	}
	var result error
	var failures causes
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
			return do(ctx, r, chain)
		}()
		if err == nil || all && hasNoCredentials(f, name) {
			continue
		}
		if failures.add(err, name) {
			a.report(err)
		}
		if result == nil || !diag.Has(err, diag.NeedsUser) {
			result = printed(err)
		}
	}
	for _, c := range failures {
		if len(c.others) > 0 {
			a.say("%s: the same: %s", strings.Join(c.others, ", "), c.problem)
		}
	}
	return result
}

// hasNoCredentials reports whether a profile has settings only, so that --all skips it.
func hasNoCredentials(f *profiles.Files, name string) bool {
	p, err := f.Profile(name)
	return err == nil && profiles.Kind(p) == profiles.KindNone
}

// causes are the failures that were printed.
type causes []*cause

type cause struct {
	text          string // as printed
	problem, hint string
	others        []string // further profiles that fail for this reason
}

// add records the failure of a profile and reports whether it is a new one, to be printed.
func (c *causes) add(err error, profile string) (isNew bool) {
	var e *diag.Error
	if !errors.As(err, &e) {
		return true
	}
	problem, hint := e.What(), strings.TrimSuffix(e.Hint, " "+e.Profile)
	for _, known := range *c {
		// The text of one is the problem of another if the former is a step of the latter's chain.
		if known.problem == problem && known.hint == hint || known.text == problem {
			known.others = append(known.others, profile)
			return false
		}
	}
	*c = append(*c, &cause{text: err.Error(), problem: problem, hint: hint})
	return true
}
