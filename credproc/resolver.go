package credproc

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// Stderr is where a command that gives credentials (a nested credential_process) may speak to a person: bounded, and
	// without control characters. nil drops it.
	Stderr io.Writer
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
	w, err := r.way(c)
	if err != nil {
		return cache.Session{}, err
	}
	if err := w.checkRecursion(); err != nil {
		return cache.Session{}, err
	}
	last := len(c.Hops)
	if anew && w.isCached(last) {
		return w.obtain(ctx, last, nil, cache.Session{})
	}
	return w.session(ctx, last, isServable)
}

// way is a chain on its way to credentials.
type way struct {
	*Resolver
	chain    profiles.Chain
	endpoint Endpoint
	client   *stsClient // made when the first call of STS is needed
}

// way makes a chain ready to go: what is in files that the chain names is read.
func (r *Resolver) way(c profiles.Chain) (way, error) {
	e, err := endpointOf(c, r.Getenv)
	if err != nil {
		return way{}, err
	}
	c, err = withPolicies(c)
	return way{Resolver: r, chain: c, endpoint: e}, err
}

// fitness says whether a cached session will do.
type fitness func(s cache.Session, now time.Time) bool

// A chain has a session after each of its links: link 0 is the source, link n its nth role.

// session gives the session after link n: from the cache, if there is one that is fit, else a new one.
func (w *way) session(ctx context.Context, n int, fit fitness) (cache.Session, error) {
	if !w.isCached(n) {
		return w.sourceSession(ctx)
	}
	s, err := w.Cache.Get(ctx, w.key(n))
	if err == nil && fit(s, w.Now()) {
		w.Tracef("%s: session from the cache, %s left", w.name(n), w.left(s))
		return s, nil
	}
	if err == nil && (w.isKeptNow(n, s) || w.isTriedNow(n, s)) {
		return s, nil
	}
	return w.obtain(ctx, n, fit, s)
}

// isCached reports whether the session after link n is kept: all but a source that has no expiry.
func (w *way) isCached(n int) bool { return n > 0 || w.chain.Source.IsTemporary() }

// obtain gets the session after link n anew, under the lock that lets one process do it for all. fit says whether a
// session that another process may have got meanwhile will do; nil means that none will, and that it is tried whatever
// has failed before. old is the session before, if there is one: while it could be kept instead, a few seconds are all
// that a new one may take, the wait for another process included.
func (w *way) obtain(ctx context.Context, n int, fit fitness, old cache.Session) (cache.Session, error) {
	key := w.key(n)
	caller := ctx
	if isKept(old, w.Now()) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, keptPatience)
		defer cancel()
	}
	var found cache.Session
	var failure error // of another process, just now
	look := func() bool {
		if fit == nil {
			return false
		}
		s, err := w.Cache.GetLocked(ctx, key, w.facts(n))
		switch {
		case err == nil && fit(s, w.Now()):
			w.Tracef("%s: session that another process got, %s left", w.name(n), w.left(s))
			found = s
			return true
		case err == nil:
			old = s
			if w.isKeptNow(n, s) {
				found = s
				return true
			}
		case !errors.Is(err, cache.ErrMiss):
			w.cannotRead(n, err)
		}
		failure = w.sharedFailure(n)
		return failure != nil
	}
	unlock, err := w.Cache.Lock(ctx, key, look)
	var s cache.Session
	switch {
	case err != nil:
		err = w.lockError(n, err)
	default:
		defer unlock()
		if found != (cache.Session{}) || failure != nil {
			return found, failure
		}
		if s, err = w.renew(ctx, n); err == nil {
			w.keep(ctx, n, s)
			return s, nil
		}
		w.noteFailure(n, err)
	}
	if e := (*Error)(nil); errors.As(err, &e) && (e.Passing || e.NeedsPerson) && isKept(old, w.Now()) && !errors.Is(caller.Err(), context.Canceled) {
		w.Warnf("%v; the session before is served, %s left", err, w.left(old))
		return old, nil
	}
	return cache.Session{}, err
}

// lockError says that another process was waited for in vain.
func (w *way) lockError(n int, err error) error {
	e := &Error{Profile: w.chain.Profile.Name, Step: w.name(n), Err: err, Passing: true}
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = errors.New("another process is at it, and has not come to an end within the time allowed")
		e.Mend = "try again, or allow more with --timeout"
	}
	return e
}

// cannotRead tells of a session that is there and cannot be read. Where the store is such that the new session cannot
// be kept either, that is told then, once.
func (w *way) cannotRead(n int, err error) {
	tell := w.Warnf
	for _, told := range []error{cache.ErrLocked, cache.ErrTimeout, cache.ErrUnavailable, cache.ErrVersion} {
		if errors.Is(err, told) {
			tell = w.Tracef
		}
	}
	tell("%s: its session cannot be read, and is made anew: %v", w.facts(n).Profile, err)
}

func (w *way) left(s cache.Session) time.Duration {
	return s.Expiration.Sub(w.Now()).Round(time.Second)
}

// renew gets the session after link n from its source or from STS.
func (w *way) renew(ctx context.Context, n int) (cache.Session, error) {
	start := time.Now()
	defer func() { w.Tracef("%s: took %s", w.name(n), time.Since(start).Round(time.Millisecond)) }()
	if n == 0 {
		return w.sourceSession(ctx)
	}
	return w.assumeRole(ctx, n)
}

// assumeRole assumes the nth role with the session after the link before it.
func (w *way) assumeRole(ctx context.Context, n int) (cache.Session, error) {
	h := w.chain.Hops[n-1]
	if h.MFASerial != "" {
		return cache.Session{}, &Error{
			Profile: w.chain.Profile.Name, Step: w.name(n),
			Err:  fmt.Errorf("it wants a code of the MFA device %s, and this version cannot ask for one", h.MFASerial),
			Mend: "use this profile with the AWS CLI alone", NeedsPerson: true,
		}
	}
	source, err := w.session(ctx, n-1, isSource)
	if err != nil {
		return cache.Session{}, err
	}
	client, err := w.sts()
	if err != nil {
		return cache.Session{}, err
	}
	s, err := client.assumeRole(ctx, source, h)
	if err != nil {
		return cache.Session{}, client.explainFailure(err, w.chain, n, source)
	}
	return s, nil
}

// sts gives the STS client, made when it is first needed: the warm way has no use for one.
func (w *way) sts() (*stsClient, error) {
	if w.client == nil {
		client, err := w.newSTSClient(w.chain, w.endpoint)
		if err != nil {
			return nil, err
		}
		w.client = client
	}
	return w.client, nil
}

// keep puts a new session into the cache. The caller may have little time left, and the session is worth keeping all
// the same. A session without an expiry is served and not kept.
func (w *way) keep(ctx context.Context, n int, s cache.Session) {
	if s.Expiration.IsZero() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepPatience)
	defer cancel()
	store, err := w.Cache.Put(ctx, w.key(n), s, w.facts(n))
	if err != nil {
		w.Warnf("%s: the session is good, but could not be kept for the next call: %v", w.chain.Profile.Name, err)
		return
	}
	w.Tracef("%s: session kept in store %s", w.name(n), store)
}

// name says what link n is, for messages.
func (w *way) name(n int) string {
	if n == 0 {
		return "get the credentials of profile " + w.chain.Source.Profile
	}
	return "assume role " + w.chain.Hops[n-1].RoleARN
}

// key is the cache key of the session after link n.
func (w *way) key(n int) cache.Key { return keyOf(w.chain, n, w.endpoint, w.Getenv) }

// facts says what the session after link n is, for `status`.
func (w *way) facts(n int) cache.Facts {
	source := w.chain.Source
	switch n {
	case 0:
		return cache.Facts{Profile: source.Profile, RoleARN: source.RoleARN, Type: string(source.Type), Source: source.Profile}
	case 1:
		return cache.Facts{Profile: w.chain.Hops[0].Profile, RoleARN: w.chain.Hops[0].RoleARN, Type: TypeAssumeRole, Source: source.Profile}
	}
	h := w.chain.Hops[n-1]
	return cache.Facts{Profile: h.Profile, RoleARN: h.RoleARN, Type: TypeAssumeRole, Source: w.chain.Hops[n-2].Profile}
}

// Key gives the cache key of the session that a chain stands for; ok is false for one that is never cached.
func (r *Resolver) Key(c profiles.Chain) (key cache.Key, ok bool, err error) {
	w, err := r.way(c)
	last := len(c.Hops)
	if err != nil || !w.isCached(last) {
		return cache.Key{}, false, err
	}
	return w.key(last), true, nil
}
