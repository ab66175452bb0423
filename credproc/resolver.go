package credproc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

// Resolver turns chains into credentials. Its fields are set once, before the first call.
type Resolver struct {
	Cache   *cache.Cache
	Getenv  func(string) string
	Now     func() time.Time
	Warnf   func(format string, args ...any) // what a person should know, although all went well
	Tracef  func(format string, args ...any) // steps, for --verbose; never a secret
	Version string                           // of this program, for the User-Agent
}

// Credentials gives the credentials that a chain stands for: a cached session that is fit to serve, else a new one,
// which is then cached. A chain without a role gives its source's credentials, which for static keys have no expiry.
//
// Any number of processes that call this at the same time for one session make one call of STS. An error is an
// [*Error], or comes from ctx.
func (r *Resolver) Credentials(ctx context.Context, c profiles.Chain) (cache.Session, error) {
	return r.credentials(ctx, c, false)
}

// Refresh is Credentials, but assumes the chain's last role anew, whatever is cached.
func (r *Resolver) Refresh(ctx context.Context, c profiles.Chain) (cache.Session, error) {
	return r.credentials(ctx, c, true)
}

func (r *Resolver) credentials(ctx context.Context, c profiles.Chain, anew bool) (cache.Session, error) {
	e, err := endpointOf(c, r.Getenv)
	if err != nil {
		return cache.Session{}, err
	}
	w := way{Resolver: r, chain: c, endpoint: e}
	if anew && len(c.Hops) > 0 {
		return w.assume(ctx, len(c.Hops), nil)
	}
	return w.session(ctx, len(c.Hops), isServable)
}

// way is a chain on its way to credentials.
type way struct {
	*Resolver
	chain    profiles.Chain
	endpoint Endpoint
	client   *stsClient // made when the first call of STS is needed
}

// fitness says whether a cached session will do.
type fitness func(s cache.Session, now time.Time) bool

// session gives the session after the first n hops. With n of 0 that is the source's.
func (w *way) session(ctx context.Context, n int, fit fitness) (cache.Session, error) {
	if n == 0 {
		return sourceCredentials(w.chain)
	}
	s, err := w.Cache.Get(ctx, w.key(n))
	if err == nil && fit(s, w.Now()) {
		w.Tracef("%s: session from the cache, %s left", w.chain.Hops[n-1].RoleARN, w.left(s))
		return s, nil
	}
	return w.assume(ctx, n, fit)
}

// assume makes hop n, under the lock that lets one process do it for all. fit says whether a session that another
// process may have made meanwhile will do; nil means that none will.
func (w *way) assume(ctx context.Context, n int, fit fitness) (cache.Session, error) {
	h := w.chain.Hops[n-1]
	if h.MFASerial != "" {
		return cache.Session{}, &Error{
			Profile: w.chain.Profile.Name, Step: "assume role " + h.RoleARN,
			Err:  fmt.Errorf("it wants a code of the MFA device %s, and this version cannot ask for one", h.MFASerial),
			Mend: "use this profile with the AWS CLI alone", NeedsPerson: true,
		}
	}
	key := w.key(n)
	var found, old cache.Session // old may be kept where it cannot be renewed
	look := func() bool {
		if fit == nil {
			return false
		}
		s, err := w.Cache.GetLocked(ctx, key, w.facts(n))
		switch {
		case err == nil && fit(s, w.Now()):
			found = s
			return true
		case err == nil:
			old = s
		case !errors.Is(err, cache.ErrMiss):
			w.cannotRead(h, err)
		}
		return false
	}
	unlock, err := w.Cache.Lock(ctx, key, look)
	if err != nil {
		return cache.Session{}, &Error{Profile: w.chain.Profile.Name, Step: "assume role " + h.RoleARN, Err: err, Passing: true,
			Mend: "try again, or allow more time with --timeout"}
	}
	defer unlock()
	if found != (cache.Session{}) {
		w.Tracef("%s: session that another process made, %s left", h.RoleARN, w.left(found))
		return found, nil
	}
	s, err := w.call(ctx, n, old)
	if err == nil {
		return s, nil
	}
	if err := w.Cache.Fail(key, w.facts(n), err); err != nil {
		w.Warnf("%s: its failure is not noted: %v", w.chain.Profile.Name, err)
	}
	if e := (*Error)(nil); errors.As(err, &e) && e.Passing && old != (cache.Session{}) && isKept(old, w.Now()) {
		w.Warnf("%v; the session before is served, %s left", err, w.left(old))
		return old, nil
	}
	return cache.Session{}, err
}

// cannotRead tells of a session that is there and cannot be read. Where the store is such that the new session cannot
// be kept either, that is told then, once.
func (w *way) cannotRead(h profiles.Hop, err error) {
	tell := w.Warnf
	for _, told := range []error{cache.ErrLocked, cache.ErrTimeout, cache.ErrUnavailable, cache.ErrVersion} {
		if errors.Is(err, told) {
			tell = w.Tracef
		}
	}
	tell("%s: its session cannot be read, and is made anew: %v", h.Profile, err)
}

func (w *way) left(s cache.Session) time.Duration {
	return s.Expiration.Sub(w.Now()).Round(time.Second)
}

// call makes hop n at STS and puts its session into the cache.
func (w *way) call(ctx context.Context, n int, old cache.Session) (cache.Session, error) {
	if old != (cache.Session{}) && isKept(old, w.Now()) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, keptPatience)
		defer cancel()
	}
	source, err := w.session(ctx, n-1, isSource)
	if err != nil {
		return cache.Session{}, err
	}
	if w.client == nil {
		if w.client, err = newSTSClient(w.chain, w.endpoint, w.Getenv, w.Version, w.Now); err != nil {
			return cache.Session{}, err
		}
	}
	h := w.chain.Hops[n-1]
	start := time.Now()
	s, err := w.client.assumeRole(ctx, source, h)
	w.Tracef("%s: AssumeRole took %s", h.RoleARN, time.Since(start).Round(time.Millisecond))
	if err != nil {
		return cache.Session{}, w.client.explainFailure(err, w.chain, n, source)
	}
	// The caller may have little time left, and the session is worth storing all the same: the store has limits of
	// its own.
	store, err := w.Cache.Put(context.WithoutCancel(ctx), w.key(n), s, w.facts(n))
	if err != nil {
		w.Warnf("%s: the session is good, but could not be kept for the next call: %v", w.chain.Profile.Name, err)
	} else {
		w.Tracef("%s: session kept in store %s", h.RoleARN, store)
	}
	return s, nil
}

func (w *way) key(n int) cache.Key { return keyOf(w.chain, n, w.endpoint) }

// facts says what the session after hop n is, for `status`.
func (w *way) facts(n int) cache.Facts {
	h := w.chain.Hops[n-1]
	source := w.chain.Source.Profile
	if n > 1 {
		source = w.chain.Hops[n-2].Profile
	}
	return cache.Facts{Profile: h.Profile, RoleARN: h.RoleARN, Type: TypeAssumeRole, Source: source}
}

// Key gives the cache key of the session that a chain stands for; ok is false for one that is never cached.
func (r *Resolver) Key(c profiles.Chain) (key cache.Key, ok bool, err error) {
	e, err := endpointOf(c, r.Getenv)
	if err != nil || len(c.Hops) == 0 {
		return cache.Key{}, false, err
	}
	return keyOf(c, len(c.Hops), e), true, nil
}
