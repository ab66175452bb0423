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
// the same reason share one message. The exit code is that of the last error, but an error that the
// user must resolve does not hide others.
func forEach(
	ctx context.Context, a *app, f *profiles.Files, names []string, all bool, do chainFunc,
) error {
	r, err := a.resolver()
	if err != nil {
		return err
	}
	if all {
		a.warnOfNoHome()
		names = f.Names()
	}
	e := each{resolver: r, files: f, all: all, do: do, done: map[cache.Key]bool{}}
	var result error
	var failures causes
	for _, name := range names {
		err := e.one(ctx, name)
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
	failures.reportOthers(a)
	return result
}

// each is one call of forEach.
type each struct {
	resolver *credproc.Resolver
	files    *profiles.Files
	all      bool
	do       chainFunc
	done     map[cache.Key]bool
}

// one calls do for the chain of a profile, unless it is done, or not cached with --all.
func (e each) one(ctx context.Context, name string) error {
	chain, err := e.files.Chain(name)
	if err != nil {
		return err
	}
	key, cached, err := e.resolver.Key(chain)
	if err != nil || e.all && !cached || cached && e.done[key] {
		return err
	}
	e.done[key] = true
	return e.do(ctx, e.resolver, chain)
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

// reportOthers prints which other profiles fail for the same reason.
func (c causes) reportOthers(a *app) {
	for _, cause := range c {
		if len(cause.others) > 0 {
			a.say("%s: the same: %s", strings.Join(cause.others, ", "), cause.problem)
		}
	}
}
