package credproc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
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
	// TokenCodes is asked for the codes of MFA devices; nil where nobody can be asked.
	TokenCodes TokenCodes
	// Stderr is where a command that gives credentials (a nested credential_process) may speak to a person: bounded, and
	// without control characters. nil drops it.
	Stderr io.Writer
	// BeforeWait, if there is one, is called before a session is made anew, which another process, a person or a server
	// may hold up. A session from the cache does not call it.
	BeforeWait func()

	newCodes map[cache.Key]error // what came of asking for one anew, by Refresh
}

// Credentials gives the credentials that a chain stands for: a cached session that is fit to serve, else a new one,
// which is then cached. A chain without a role gives its source's credentials, which for static keys have no expiry.
//
// Any number of processes that call this at the same time for one session make one call of STS. An error is an
// [*diag.Error], or comes from ctx.
func (r *Resolver) Credentials(ctx context.Context, c profiles.Chain) (cache.Session, error) {
	w, err := r.way(c)
	if err != nil {
		return cache.Session{}, err
	}
	if err := w.checkRecursion(); err != nil {
		return cache.Session{}, err
	}
	return w.session(ctx, w.plan.Last(), plan.IsUsable)
}

// Refresh is Credentials, but gets the chain's last session anew, whatever is cached; with newCode also that which the
// code of an MFA device was turned into, so that somebody is asked for another: once for all roles that one Resolver
// refreshes. What failed before since, on the way there too, is tried again. It is not to be called from several goroutines.
func (r *Resolver) Refresh(ctx context.Context, c profiles.Chain, since time.Time, newCode bool) (cache.Session, error) {
	w, err := r.way(c)
	if err != nil {
		return cache.Session{}, err
	}
	w.since = since
	if err := w.checkRecursion(); err != nil {
		return cache.Session{}, err
	}
	if newCode {
		if c.MFA.Serial == "" {
			return cache.Session{}, &diag.Error{Profile: c.Profile.Name, Where: "ask for a new code", Err: errors.New("its chain has no MFA device"),
				Hint: "refresh it without --mfa", Flags: diag.Local}
		}
		if n := slices.IndexFunc(w.plan.Links, plan.Link.IsSessionToken); n > 0 && n < w.plan.Last() {
			if err := w.newCode(ctx, n); err != nil {
				return cache.Session{}, err
			}
		}
	}
	if !w.plan.IsCached(w.plan.Last()) {
		return w.session(ctx, w.plan.Last(), plan.IsUsable)
	}
	return w.obtain(ctx, w.plan.Last(), nil, cache.Session{})
}

// way is a chain on its way to credentials.
type way struct {
	*Resolver
	plan   plan.Plan
	client *stsClient // made when the first call of STS is needed
	// ahead says that nobody waits for the last session: where it was forgotten meanwhile, it stays so.
	ahead bool
	since time.Time // failures noted before tell nothing
}

// way makes a chain ready to go: what is in files that the chain names is read.
func (r *Resolver) way(c profiles.Chain) (way, error) {
	p, err := plan.New(c, r.Getenv)
	return way{Resolver: r, plan: p}, err
}

// fitness says whether a cached session will do.
type fitness func(s cache.Session, now time.Time) bool

// A chain has a session after each of its links.

// session gives the session after link n: from the cache, if there is one that is fit, else a new one.
func (w *way) session(ctx context.Context, n int, fit fitness) (cache.Session, error) {
	if !w.plan.IsCached(n) {
		return w.sourceSession(ctx)
	}
	s, err := w.Cache.Get(ctx, w.plan.Key(n))
	if err == nil && fit(s, w.Now()) {
		w.Tracef("%s: session from the cache, %s left", w.plan.Links[n].String(), w.left(s))
		return s, nil
	}
	if err == nil && (w.isKeptNow(ctx, n, s) || w.isTriedNow(n, s)) {
		return s, nil
	}
	return w.obtain(ctx, n, fit, s)
}

// obtain gets the session after link n anew, under the lock that lets one process do it for all. fit says whether a
// session that another process may have got meanwhile will do; nil means that none will, and that it is tried whatever
// has failed before. old is the session before, if there is one: while it could be kept instead, a few seconds are all
// that a new one may take, the wait for another process included.
func (w *way) obtain(ctx context.Context, n int, fit fitness, old cache.Session) (cache.Session, error) {
	if w.BeforeWait != nil {
		w.BeforeWait()
	}
	key := w.plan.Key(n)
	caller := ctx
	if plan.IsFallback(old, w.Now()) && !(w.needsPerson() && w.canAsk(ctx)) { // whoever is asked needs time to answer
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
		if f, _, ok := w.lastFailure(n); ok && f.Store == "" && old == (cache.Session{}) {
			// Who noted it has looked in the store, which may be slow to say that there is no session.
			if failure = w.sharedFailure(ctx, n); failure != nil {
				return true
			}
		}
		s, err := w.Cache.GetLocked(ctx, key, w.plan.Facts(n))
		switch {
		case err == nil && fit(s, w.Now()):
			w.Tracef("%s: session that another process got, %s left", w.plan.Links[n].String(), w.left(s))
			found = s
			return true
		case err == nil:
			old = s
			if w.isKeptNow(ctx, n, s) {
				found = s
				return true
			}
		case !errors.Is(err, cache.ErrMiss):
			w.cannotRead(n, err)
		}
		failure = w.sharedFailure(ctx, n)
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
		start := time.Now()
		if s, err = w.renew(ctx, n); err == nil {
			w.keep(ctx, n, s)
			return s, nil
		}
		if plan.IsFallback(old, w.Now()) || !isOfOwnLimit(ctx, err) || time.Since(start) > tellingPatience {
			w.noteFailure(n, err)
		}
	}
	if e := (*diag.Error)(nil); errors.As(err, &e) && (e.Has(diag.Temporary) || e.Has(diag.NeedsUser)) && plan.IsFallback(old, w.Now()) && !errors.Is(caller.Err(), context.Canceled) {
		w.Warnf("%s", diag.WithHint(fmt.Sprintf("%v; the session before is served, %s left", err, w.left(old)), diag.Hint(err)))
		return old, nil
	}
	return cache.Session{}, err
}

// isOfOwnLimit reports whether a failure came of how little time this process had.
func isOfOwnLimit(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// lockError says that another process was waited for in vain.
func (w *way) lockError(n int, err error) error {
	e := &diag.Error{Profile: w.plan.Chain.Profile.Name, Where: w.plan.Links[n].String(), Err: err, Flags: diag.Temporary}
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		e.Err = errors.New("another process is at it, and has not come to an end within the time allowed")
		e.Hint = "try again, or allow more with --timeout"
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
	tell("%s: its session cannot be read, and is made anew: %v", w.plan.Facts(n).Profile, err)
}

func (w *way) left(s cache.Session) time.Duration {
	return s.Expiration.Sub(w.Now()).Round(time.Second)
}

// renew gets the session after link n from its source or from STS.
func (w *way) renew(ctx context.Context, n int) (cache.Session, error) {
	start := time.Now()
	defer func() { w.Tracef("%s: took %s", w.plan.Links[n].String(), time.Since(start).Round(time.Millisecond)) }()
	switch {
	case n == 0:
		return w.sourceSession(ctx)
	case w.plan.Links[n].IsSessionToken():
		return w.sessionToken(ctx)
	}
	return w.assumeRole(ctx, n)
}

// assumeRole assumes the role of link n with the session after the link before it.
func (w *way) assumeRole(ctx context.Context, n int) (cache.Session, error) {
	if w.plan.Links[n].Role.MFASerial != "" {
		if err := w.plan.CheckMFA(n); err != nil {
			return cache.Session{}, err
		}
		if !w.plan.Links[n-1].IsSessionToken() {
			return w.assumeRoleWithCode(ctx, n)
		}
	}
	source, err := w.session(ctx, n-1, plan.IsSource)
	if errors.Is(err, errTemporary) {
		return w.assumeRoleWithCode(ctx, n)
	}
	if err != nil {
		return cache.Session{}, err
	}
	client, err := w.sts()
	if err != nil {
		return cache.Session{}, err
	}
	s, err := client.assumeRole(ctx, source, *w.plan.Links[n].Role, nil)
	if err == nil {
		return s, nil
	}
	failure := client.explainFailure(err, w, n, source)
	if w.plan.Links[n-1].IsSessionToken() && isDenial(err) && w.Now().Sub(source.Issued) > freshCode {
		// The role's trust policy may bound how old the code is.
		if w.canAsk(ctx) {
			w.Tracef("%v; trying once more, with a new code", failure)
			return w.assumeRoleWithCode(ctx, n)
		}
		failure.Hint += "; if that bounds aws:MultiFactorAuthAge, run aws-credproc refresh --mfa " + profiles.Argument(w.plan.Chain.Profile.Name)
	}
	return cache.Session{}, failure
}

// sts gives the STS client, made when it is first needed: the warm way has no use for one.
func (w *way) sts() (*stsClient, error) {
	if w.client == nil {
		// The SDK's error would come with the call, and look like one of the network.
		if _, err := w.stsURL(context.Background()); err != nil {
			return nil, err
		}
		client, err := w.newSTSClient(w.plan.Chain, w.plan.Endpoint)
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
	if f, err := w.Cache.FactsOf(w.plan.Key(n)); w.ahead && n == w.plan.Last() && (err != nil || f.Store == "") {
		w.Tracef("%s: the session was forgotten meanwhile, and so is the new one", w.plan.Links[n].String())
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), keepPatience, fmt.Errorf("%w (%v)", cache.ErrTimeout, keepPatience))
	defer cancel()
	store, err := w.Cache.Put(ctx, w.plan.Key(n), s, w.plan.Facts(n))
	if err != nil {
		w.Warnf("%s: the session is good, but could not be kept for the next call: %v", w.plan.Chain.Profile.Name, err)
		return
	}
	if store == cache.None {
		_, why := w.Cache.StoreName(ctx)
		w.Tracef("%s: session not kept: %s", w.plan.Links[n].String(), cmp.Or(why, "the store is none"))
		return
	}
	w.Tracef("%s: session kept in store %s", w.plan.Links[n].String(), store)
}

// Key gives the cache key of the session that a chain stands for; ok is false for one that is never cached.
func (r *Resolver) Key(c profiles.Chain) (key cache.Key, ok bool, err error) {
	w, err := r.way(c)
	if err != nil || !w.plan.IsCached(w.plan.Last()) {
		return cache.Key{}, false, err
	}
	return w.plan.Key(w.plan.Last()), true, nil
}
