package doctor

import (
	"cmp"
	"fmt"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

// failure is the last attempt to get a session, if it failed.
type failure struct {
	profile string // that configures the session
	facts   cache.Facts
}

// readFailures returns the failures that the cache has of the profiles to check, each once. With
// online, it leaves out those since start: other checks report them.
func readFailures(x *examination, start time.Time) (failed []failure) {
	all, err := x.opts.Resolver.Cache.Facts()
	if err != nil {
		return nil // state-directory reports it
	}
	byKey := map[cache.Key]cache.Facts{}
	for _, f := range all {
		if f.LastError != "" && !(x.opts.Online && !f.LastErrorAt.Before(start)) {
			byKey[f.Key] = f
		}
	}
	if len(byKey) == 0 {
		return nil
	}
	for _, name := range x.config.names {
		c, ok := x.chains.byProfile[name]
		if !ok {
			continue
		}
		p, err := plan.New(c, x.opts.Resolver.Getenv)
		if err != nil {
			continue
		}
		for n := range p.Links {
			f, ok := byKey[p.Key(n)]
			if ok && p.IsCached(n) {
				failed = append(failed, failure{p.Links[n].Profile, f})
				delete(byKey, f.Key)
			}
		}
	}
	return failed
}

// lastFailure finds sessions whose last attempt failed. It asks nobody: the cache has the error.
func lastFailure(x *examination) (found []Finding) {
	for _, l := range x.failures {
		why := "there is no session: tools get no credentials until an attempt succeeds"
		if l.facts.Store != "" && l.facts.Expires.After(x.env.now()) {
			why = "the session of the profile is not renewed; it expires at " +
				l.facts.Expires.UTC().Format(time.RFC3339)
		}
		p := x.config.sections[l.profile]
		key := "role_arn"
		if p.Get(key) == "" {
			key = ""
		}
		found = append(found, Finding{
			Severity: Warning, Profile: l.profile, Where: x.config.place(p, key),
			What: fmt.Sprintf("the last attempt to get a session failed at %s: %s",
				l.facts.LastErrorAt.UTC().Format(time.RFC3339), l.facts.LastError),
			Why: why,
			Fix: cmp.Or(l.facts.LastHint,
				run("aws-credproc refresh "+profiles.Argument(l.profile))),
		})
	}
	return found
}
