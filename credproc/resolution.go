package credproc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
)

const (
	longerHint  = "try again, or use a longer --timeout"
	networkHint = "check the network, the proxy and the endpoint"
)

// storeLimit is how long storing a new session may take.
const storeLimit = 5 * time.Second

// resolution obtains the sessions of one plan. Each link of the chain produces one session.
type resolution struct {
	*Resolver
	plan plan.Plan
	mfa  mfaCodes
	sts  func() (*stsClient, error) // returns the plan's client
	// background is set if no caller waits for the last session. If the cached session is deleted
	// during the renewal, the new one is not stored.
	background bool
	since      time.Time // failures before it are ignored
	storeLimit time.Duration
}

// fitness reports whether a cached session may be returned.
type fitness func(s cache.Session, now time.Time) bool

// session returns the session after link n: the cached one if it is fit, or else a new one.
func (r *resolution) session(ctx context.Context, n int, fit fitness) (cache.Session, error) {
	if !r.plan.IsCached(n) {
		return r.sourceSession(ctx)
	}
	s, err := r.Cache.Get(ctx, r.plan.Key(n))
	if err == nil {
		s, err = r.checkAccount(n, s)
	}
	if err == nil && fit(s, r.Now()) { // the warm path: it reads nothing else
		r.Tracef("%s: cached session, valid for %s", r.plan.Links[n], r.left(s))
		return s, nil
	}
	if err == nil {
		switch decide(r.situation(ctx, n, s, false)) {
		case returnStale:
			r.warnStale(n, s)
			return s, nil
		case claimRetry:
			if !r.claimRetry(n, s) {
				return s, nil
			}
		}
	}
	return r.obtain(ctx, n, fit, s)
}

// checkAccount returns s, a cached session after link n, or an error if it belongs to an account
// other than its role's. Such a session is never used, not even in an outage.
func (r *resolution) checkAccount(n int, s cache.Session) (cache.Session, error) {
	if err := r.plan.CheckAccount(n, s); err != nil {
		return cache.Session{}, err
	}
	return s, nil
}

// obtain returns a new session after link n. It holds the lock of the session, so that one process
// obtains it for all. If fit is not nil, and another process has already obtained a fit session or
// has failed, obtain returns that result. old is the cached session, if there is one. If old can
// still be used, obtain stops after a few seconds, including the wait for other processes, and
// falls back to old.
func (r *resolution) obtain(
	ctx context.Context, n int, fit fitness, old cache.Session,
) (cache.Session, error) {
	if err := r.refusal(n); err != nil {
		return cache.Session{}, err
	}
	if r.BeforeWait != nil {
		r.BeforeWait()
	}
	defer r.waiting(r.plan.Chain.Profile.Name + ": waiting for a new session")()
	caller := ctx
	if plan.IsFallback(old, r.Now()) && !(r.needsCode() && r.mfa.canAsk(ctx)) {
		// There is no such limit if the user is asked for a code.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, fallbackPatience)
		defer cancel()
	}
	l := lookup{resolution: r, n: n, fit: fit, old: old}
	done := r.waitingForProcess()
	unlock, err := r.Cache.Lock(ctx, r.plan.Key(n), func() bool { return l.look(ctx) })
	done()
	if err != nil {
		return r.fallBack(caller, l.old, lockError(r.plan, n, err))
	}
	defer unlock()
	if l.done {
		return l.found, l.failure
	}
	start := time.Now()
	s, err := r.renew(ctx, n)
	if err == nil {
		r.store(ctx, n, s)
		return s, nil
	}
	r.noteFailure(n, err, plan.IsFallback(l.old, r.Now()) || !isOwnTimeout(ctx, err) ||
		time.Since(start) > silencePatience)
	return r.fallBack(caller, l.old, err)
}

// lookup looks for the result of another process, before and while obtain holds the lock.
type lookup struct {
	*resolution
	n   int
	fit fitness
	old cache.Session // the last session that was read

	reported bool // it has been reported that the cache or the session cannot be used
	done     bool // found or failure is the result
	found    cache.Session
	failure  error
}

// look reports whether there is a result. It may be called without the lock.
func (l *lookup) look(ctx context.Context) bool {
	if l.fit == nil {
		return false
	}
	l.done = l.lookForFailure(ctx) || l.lookInStore(ctx)
	return l.done
}

// lookForFailure looks for a failure of another process if there is no session. It does not ask the
// store, which may be slow: the process that recorded the failure has already asked it.
func (l *lookup) lookForFailure(ctx context.Context) bool {
	f, _, ok := l.lastFailure(l.n)
	if !ok || f.Store != "" || l.old != (cache.Session{}) ||
		decide(l.situation(ctx, l.n, cache.Session{}, false)) != fail {
		return false
	}
	l.failure = l.sharedFailure(l.n)
	return l.failure != nil
}

func (l *lookup) lookInStore(ctx context.Context) bool {
	s, err := l.Cache.GetLocked(ctx, l.plan.Key(l.n), l.plan.Facts(l.n))
	wasRead := err == nil || errors.Is(err, cache.ErrCorrupt)
	if err == nil {
		s, err = l.checkAccount(l.n, s)
	}
	switch {
	case err == nil:
		l.old = s
	case !errors.Is(err, cache.ErrMiss) && !l.reported:
		l.reportUnreadable(l.n, wasRead, err)
		l.reported = true
	}
	switch decide(l.situation(ctx, l.n, s, err == nil && l.fit(s, l.Now()))) {
	case returnSession:
		l.Tracef("%s: session from another process, valid for %s", l.plan.Links[l.n], l.left(s))
		l.found = s
	case returnStale:
		l.warnStale(l.n, s)
		l.found = s
	case fail:
		l.failure = l.sharedFailure(l.n)
		return l.failure != nil
	default:
		return false
	}
	return true
}

// fallBack returns old, with a warning, if a session could not be renewed for a reason that does
// not affect old. Otherwise it returns err.
func (r *resolution) fallBack(
	caller context.Context, old cache.Session, err error,
) (cache.Session, error) {
	var e *diag.Error
	if !errors.As(err, &e) || errors.Is(caller.Err(), context.Canceled) {
		return cache.Session{}, err
	}
	now := r.Now()
	f := failure{at: now, temporary: e.Has(diag.Temporary), needsUser: e.Has(diag.NeedsUser)}
	if decide(situation{session: old, failure: &f, now: now}) != returnStale {
		return cache.Session{}, err
	}
	r.warnCached(err.Error(), old, e.Hint)
	return old, nil
}

// isOwnTimeout reports whether a call failed because of the time that this process had for it.
func isOwnTimeout(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) ||
		errors.Is(err, context.DeadlineExceeded)
}

// lockError returns the error for a lock that was not obtained: because another process held it for
// too long, for example.
func lockError(p plan.Plan, n int, err error) error {
	e := &diag.Error{
		Profile: p.Chain.Profile.Name, Where: p.Links[n].String(), Err: err, Flags: diag.Temporary,
	}
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = errors.New("another process is still working on it")
		e.Hint = longerHint
	}
	return e
}

// reportUnreadable reports a cached session that was read and cannot be used, or a cache that cannot
// be read and may have no session. If the cause also prevents storing the new session, it is only
// traced here, because storing reports it.
func (r *resolution) reportUnreadable(n int, wasRead bool, err error) {
	report := r.Warnf
	for _, laterReported := range []error{
		cache.ErrLocked, cache.ErrTimeout, cache.ErrUnavailable, cache.ErrVersion,
	} {
		if errors.Is(err, laterReported) {
			report = r.Tracef
		}
	}
	what := "the cache cannot be read, getting a new session"
	if wasRead {
		what = "the cached session cannot be used, getting a new one"
	}
	report("%s: %s: %v", r.plan.Links[n].Profile, what, err)
}

// renew obtains the session after link n from its source or from STS.
func (r *resolution) renew(ctx context.Context, n int) (cache.Session, error) {
	start := time.Now()
	defer func() {
		r.Tracef("%s: took %s", r.plan.Links[n], time.Since(start).Round(time.Millisecond))
	}()
	switch {
	case n == 0:
		return r.sourceSession(ctx)
	case r.plan.Links[n].IsSessionToken():
		return r.sessionToken(ctx)
	}
	return r.assumeRole(ctx, n)
}

// sourceSession obtains the credentials of the source.
func (r *resolution) sourceSession(ctx context.Context) (cache.Session, error) {
	defer r.waiting(fmt.Sprintf("%s: waiting for the credentials of %s",
		r.plan.Chain.Profile.Name, r.plan.Links[0].Profile))()
	from := source{Resolver: r.Resolver, plan: r.plan, sts: r.sts}
	s, err := from.session(ctx)
	if err != nil {
		return cache.Session{}, err
	}
	if err := r.plan.CheckAccount(0, s); err != nil {
		return cache.Session{}, from.fail(err, "sign in again")
	}
	return s, nil
}

// hasOlder reports whether the cache has a session of link n that has not expired, although it could
// not store the new one.
func (r *resolution) hasOlder(ctx context.Context, n int) bool {
	key := r.plan.Key(n)
	f, err := r.Cache.FactsOf(key)
	if err == nil && f.Store != "" && f.Expires.After(r.Now()) {
		return true
	}
	s, err := r.Cache.GetLocked(ctx, key, r.plan.Facts(n)) // one without facts
	return err == nil && s.Expiration.After(r.Now())
}

// store stores a new session, unless it has no expiration. It does so even if the caller's context
// has ended.
func (r *resolution) store(ctx context.Context, n int, s cache.Session) {
	if s.Expiration.IsZero() {
		return
	}
	name, key := r.plan.Links[n], r.plan.Key(n)
	if r.background && n == r.plan.Last() {
		if f, err := r.Cache.FactsOf(key); err != nil || f.Store == "" {
			r.Tracef("%s: the session was deleted meanwhile, so the new one is not stored", name)
			return
		}
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), r.storeLimit,
		fmt.Errorf("%w (%v)", cache.ErrTimeout, r.storeLimit))
	defer cancel()
	store, err := r.Cache.Put(ctx, key, s, r.plan.Facts(n))
	switch {
	case err != nil && store != cache.None:
		r.Warnf("%s: the new session is cached, but not everything about it could be written: %v",
			r.plan.Chain.Profile.Name, err)
	case err != nil:
		r.Warnf("%s: the new session could not be cached: %v", r.plan.Chain.Profile.Name, err)
		if r.OlderKept != nil && n == r.plan.Last() && r.hasOlder(ctx, n) {
			r.OlderKept()
		}
	case store == cache.None:
		_, why := r.Cache.StoreName(ctx)
		r.Tracef("%s: session not stored: %s", name, cmp.Or(why, "the store is none"))
	default:
		r.Tracef("%s: session stored in the %s store", name, store)
	}
}
