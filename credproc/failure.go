package credproc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// The facts of a session record the last failure to obtain it. So a hundred processes do not make a
// hundred denied calls, and do not all wait for an STS that does not respond.
const (
	// sharedFailureLife is how long other processes return a failure instead of trying themselves.
	sharedFailureLife = 5 * time.Second
	// outageLife is how long a session is returned after a temporary failure to renew it.
	outageLife = 30 * time.Second
	// fallbackPatience limits a renewal while the previous session could be returned instead.
	fallbackPatience = 5 * time.Second
	// silencePatience is how long a process must have waited for a response before its timeout is
	// shared with other processes.
	silencePatience = 10 * time.Second
)

// noteFailure records why link n failed. An interrupt is not recorded: waiting processes then try
// themselves. A prompt that the user did not answer is; otherwise fifty waiting processes would ask
// one after the other. Unless shared is true, the failure is for status only, and does not replace
// one that other processes still use.
func (r *resolution) noteFailure(n int, err error, shared bool) {
	facts := r.plan.Facts(n)
	facts.Unshared = !shared
	if _, age, ok := r.lastFailure(n); ok && !shared && age < outageLife {
		return
	}
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		if e.Has(diag.Local) || errors.Is(err, context.Canceled) {
			return
		}
		facts.Temporary, facts.NeedsUser = e.Has(diag.Temporary), e.Has(diag.NeedsUser)
	}
	if err := r.Cache.RecordFailure(r.plan.Key(n), facts, err); err != nil {
		r.Warnf("%s: the failure could not be saved for other processes: %v",
			r.plan.Chain.Profile.Name, err)
	}
}

// lastFailure returns the facts with the last failure of link n, and its age. ok is false if there
// is none, or if it is not shared.
func (r *resolution) lastFailure(n int) (f cache.Facts, age time.Duration, ok bool) {
	f, err := r.Cache.FactsOf(r.plan.Key(n))
	age = r.Now().Sub(f.LastErrorAt)
	return f, age, err == nil && f.LastError != "" && !f.Unshared && age >= 0
}

// situation returns the input for the decision about the session s after link n.
func (r *resolution) situation(
	ctx context.Context, n int, s cache.Session, usable bool,
) situation {
	state := situation{session: s, usable: usable, since: r.since, now: r.Now()}
	if f, _, ok := r.lastFailure(n); ok {
		state.failure = &failure{f.LastErrorAt, f.Temporary, f.NeedsUser}
		state.canAsk = !usable && f.NeedsUser && r.mfa.canAsk(ctx)
	}
	return state
}

// warnStale warns that a session is returned because renewing it has just failed.
func (r *resolution) warnStale(n int, s cache.Session) {
	f, age, _ := r.lastFailure(n)
	r.warnCached(fmt.Sprintf("%s; last tried %s ago", f.LastError, tui.Span(age)), s, f.LastHint)
}

// claimRetry reports whether this process is the one that tries again to renew a session after a
// temporary failure: one process in 30 seconds, so that others need not wait in a long outage. If
// it is not, claimRetry warns that the session s is returned.
func (r *resolution) claimRetry(n int, s cache.Session) bool {
	claimed, err := r.Cache.Claim(r.plan.Key(n), outageLife)
	if err != nil {
		r.Tracef("%s: %v", r.plan.Links[n], err)
		return true
	}
	if !claimed {
		f, _, _ := r.lastFailure(n)
		r.warnCached(f.LastError+"; another process is trying again", s, f.LastHint)
	}
	return claimed
}

// sharedFailure returns the last failure of another process to obtain the session after link n, and
// nil if there is none.
func (r *resolution) sharedFailure(n int) error {
	f, age, ok := r.lastFailure(n)
	if !ok {
		return nil
	}
	e := &diag.Error{
		Problem: f.LastError, Hint: f.LastHint,
		Err:   errors.New(f.LastError),
		Flags: diag.Local, // not to be noted again, with a new age
	}
	own := r.plan.Chain.Profile.Name
	if r.since.IsZero() { // otherwise this refresh has just tried it, for another profile
		e.Problem += fmt.Sprintf(" (failed %s ago; next attempt in %s)",
			tui.Span(age), tui.Span(sharedFailureLife-age))
		e.Hint = cmp.Or(e.Hint, "aws-credproc refresh "+profiles.Argument(own)+" tries again now")
	}
	e.Set(diag.Temporary, f.Temporary)
	e.Set(diag.NeedsUser, f.NeedsUser)
	if !strings.HasPrefix(f.LastError, own+": ") {
		e.Profile = own // another profile failed, at a step that both need
	}
	return e
}
