package credproc

import (
	"context"
	"errors"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

// ClaimsRenewal reports whether s, which Credentials has just given for a chain, should be renewed ahead of its need, and
// whether the caller is the one to see to it, by [Resolver.Renew] in a process that nobody waits for. Of many processes
// one gets this answer, once in half a minute. It is never given for a chain that needs a person now.
func (r *Resolver) ClaimsRenewal(c profiles.Chain, s cache.Session) bool {
	if !plan.IsDue(s, r.Now()) {
		return false
	}
	w, err := r.way(c)
	if err != nil || !w.plan.IsCached(w.plan.Last()) || w.needsPerson() {
		return false
	}
	last := w.plan.Last()
	if f, age, ok := w.lastFailure(last); ok {
		w.Tracef("%s: renewing it failed %s ago: %s", w.plan.Links[last].String(), age.Round(time.Second), f.LastError)
		if !f.Passing || age <= outageLife {
			return false // what does not pass by itself is for somebody to see, when the session is used up
		}
	}
	mine, err := w.Cache.Claim(w.plan.Key(last), outageLife)
	if err != nil {
		w.Tracef("%s: not renewed ahead of its need: %v", w.plan.Links[last].String(), err)
	}
	return err == nil && mine
}

// Renew gets the session that a chain stands for anew if it is due, for processes to come: see ClaimsRenewal. It does
// nothing where another process has done so meanwhile, or has just failed to, or where the session was forgotten.
func (r *Resolver) Renew(ctx context.Context, c profiles.Chain) error {
	w, err := r.way(c)
	if err != nil {
		return err
	}
	if err := w.checkRecursion(); err != nil {
		return err
	}
	last := w.plan.Last()
	if !w.plan.IsCached(last) {
		return nil
	}
	s, err := w.Cache.Get(ctx, w.plan.Key(last))
	if errors.Is(err, cache.ErrMiss) || err == nil && plan.IsFresh(s, w.Now()) {
		return nil
	}
	if err != nil {
		return err
	}
	w.ahead = true
	_, err = w.obtain(ctx, last, plan.IsFresh, s)
	return err
}
