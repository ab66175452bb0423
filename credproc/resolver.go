package credproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// Resolver obtains the credentials of chains. Its fields are set before the first call.
type Resolver struct {
	Cache   *cache.Cache
	Keyring *keyring.Keyring // has imported keys; nil means a new one
	Getenv  func(string) string
	Now     func() time.Time
	Warnf   func(format string, args ...any) // reports problems that cause no failure
	Tracef  func(format string, args ...any) // reports steps for --verbose, without secrets
	Version string                           // of this program, for the User-Agent header
	// TokenCodes returns the codes of MFA devices. It is nil if the user cannot be asked.
	TokenCodes TokenCodes
	// Stderr receives the standard error of commands in the config: a limited amount, without
	// control characters. If it is nil, that output is discarded.
	Stderr io.Writer
	// BeforeWait, if it is not nil, is called before anything that may take long: STS, a command, a
	// prompt, or another process. It is not called if the session is in the cache.
	BeforeWait func()
	// Waiting, if it is not nil, is called with what is waited for. It returns a function that is
	// called at the end of the wait. text may return something else each time.
	Waiting func(text func() string) (done func())
	// OlderKept, if it is not nil, is called when the new session of a chain could not be cached, which
	// Warnf has reported, and the cache still has an older one.
	OlderKept func()

	newCodes map[cache.Key]error // results of newCode
}

// Credentials returns the credentials of a chain: the cached session if it is usable, or else a new
// one, which is cached. A chain without a role has the credentials of its source; static keys have
// no expiration.
//
// Processes that need the same session at the same time make one STS call. The error is a
// [*diag.Error] or that of ctx.
func (r *Resolver) Credentials(ctx context.Context, c profiles.Chain) (cache.Session, error) {
	res, err := r.start(c)
	if err != nil {
		return cache.Session{}, err
	}
	return res.session(ctx, res.plan.Last(), plan.IsUsable)
}

// Refresh is like [Resolver.Credentials], but always obtains a new session. With newCode it also
// replaces the session that an MFA code was exchanged for, once for all chains of a Resolver.
// Failures of other processes before since are ignored. Refresh must not be called concurrently.
func (r *Resolver) Refresh(
	ctx context.Context, c profiles.Chain, since time.Time, newCode bool,
) (cache.Session, error) {
	res, err := r.start(c)
	if err != nil {
		return cache.Session{}, err
	}
	res.since = since
	last := res.plan.Last()
	if err := res.refusal(last); err != nil {
		return cache.Session{}, err
	}
	if newCode {
		if c.MFA.Serial == "" {
			return cache.Session{}, &diag.Error{
				Profile: c.Profile.Name, Err: errors.New("no role of its chain uses an MFA device"),
				Hint: "leave out --mfa", Flags: diag.Local,
			}
		}
		n := slices.IndexFunc(res.plan.Links, plan.Link.IsSessionToken)
		if n > 0 && n < last {
			if err := res.newCode(ctx, n); err != nil {
				return cache.Session{}, err
			}
		}
	}
	if !res.plan.IsCached(last) {
		return res.session(ctx, last, plan.IsUsable)
	}
	return res.obtain(ctx, last, nil, cache.Session{})
}

// Try is like [Resolver.Refresh], but never asks for an MFA code. If one is needed, the error has
// the flag [diag.NeedsUser].
func (r *Resolver) Try(
	ctx context.Context, c profiles.Chain, since time.Time,
) (cache.Session, error) {
	res, err := r.newResolution(c)
	if err != nil {
		return cache.Session{}, err
	}
	if err := res.refusal(res.plan.Last()); err != nil {
		return cache.Session{}, err
	}
	if res.needsCode() {
		return cache.Session{}, &diag.Error{
			Profile: c.Profile.Name,
			Err:     errors.New("MFA code required for " + c.MFA.Serial),
			Hint:    "aws-credproc refresh " + profiles.Argument(c.Profile.Name),
			Flags:   diag.NeedsUser | diag.Local,
		}
	}
	return r.Refresh(ctx, c, since, false)
}

// ClaimsRenewal reports whether s, which [Resolver.Credentials] returned for a chain, is due for
// renewal and the caller is to start a process that calls [Resolver.Renew]. It returns true to one
// process in 30 seconds, and never if the renewal needs the user.
func (r *Resolver) ClaimsRenewal(c profiles.Chain, s cache.Session) bool {
	if !plan.IsDue(s, r.Now()) {
		return false
	}
	res, err := r.newResolution(c)
	if err != nil || !res.plan.IsCached(res.plan.Last()) || res.needsCode() {
		return false
	}
	last := res.plan.Last()
	name := res.plan.Links[last]
	if f, age, ok := res.lastFailure(last); ok {
		r.Tracef("%s: the last renewal failed %s ago: %s", name, tui.Span(age), f.LastError)
	}
	state := res.situation(context.Background(), last, s, true)
	state.renewable = true
	if decide(state) != returnAndRenew {
		return false
	}
	claimed, err := r.Cache.Claim(res.plan.Key(last), outageLife)
	if err != nil {
		r.Tracef("%s: not renewed in the background: %v", name, err)
	}
	return err == nil && claimed
}

// Renew replaces the session of a chain if it is due for renewal; see [Resolver.ClaimsRenewal]. It
// does nothing if another process has renewed it or has failed to, or if the session was deleted.
func (r *Resolver) Renew(ctx context.Context, c profiles.Chain) error {
	res, err := r.start(c)
	if err != nil {
		return err
	}
	last := res.plan.Last()
	if !res.plan.IsCached(last) {
		return nil
	}
	s, err := r.Cache.Get(ctx, res.plan.Key(last))
	if errors.Is(err, cache.ErrMiss) || err == nil && plan.IsFresh(s, r.Now()) {
		return nil
	}
	if err != nil {
		return err
	}
	res.background = true
	_, err = res.obtain(ctx, last, plan.IsFresh, s)
	return err
}

// Key returns the cache key of a chain's session. ok is false if the session is never cached.
func (r *Resolver) Key(c profiles.Chain) (key cache.Key, ok bool, err error) {
	p, err := r.newPlan(c)
	if err != nil || !p.IsCached(p.Last()) {
		return cache.Key{}, false, err
	}
	return p.Key(p.Last()), true, nil
}

// newResolution returns the resolution of a chain.
func (r *Resolver) newResolution(c profiles.Chain) (*resolution, error) {
	p, err := r.newPlan(c)
	if err != nil {
		return nil, err
	}
	return r.resolutionOf(p), nil
}

// resolutionOf returns the resolution of a plan.
func (r *Resolver) resolutionOf(p plan.Plan) *resolution {
	return &resolution{
		Resolver: r, plan: p, mfa: mfaCodes{p.Chain, r.TokenCodes}, storeLimit: storeLimit,
		// Only once: the calls of one chain share connections.
		sts: sync.OnceValues(func() (*stsClient, error) { return r.stsClientFor(p) }),
	}
}

// start is newResolution for callers that may run a command.
func (r *Resolver) start(c profiles.Chain) (*resolution, error) {
	res, err := r.newResolution(c)
	if err != nil {
		return nil, err
	}
	return res, checkRecursion(c)
}

// stsClientFor returns the STS client of a plan. It checks the endpoint first, because the SDK
// would report a bad one as a network error.
func (r *Resolver) stsClientFor(p plan.Plan) (*stsClient, error) {
	if _, err := stsURL(context.Background(), p); err != nil {
		return nil, err
	}
	return r.newSTSClient(p.Chain, p.Endpoint)
}

// left returns how long a session is still valid, as text.
func (r *Resolver) left(s cache.Session) string { return tui.TimeLeft(s.Expiration, r.Now()) }

// warnCached warns that the cached session s is returned although it should be renewed.
func (r *Resolver) warnCached(problem string, s cache.Session, hint string) {
	r.Warnf("%s", diag.WithHint(fmt.Sprintf(
		"%s; returning the cached session, which is valid for %s", problem, r.left(s)), hint))
}
