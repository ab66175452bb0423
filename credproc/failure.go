package credproc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
)

// A failure is kept beside the session, so that a hundred processes are not denied a hundred times in a row, nor each of
// them made to wait for an STS that does not answer.
const (
	sharedFailureLife = 5 * time.Second  // it answers for every process that needs the same session
	outageLife        = 30 * time.Second // a passing one leaves a session that can be kept alone

	// tellingPatience is after what time a process that gets no answer, and has no more time to wait for it, can say for
	// others that there is none.
	tellingPatience = 10 * time.Second
	keptPatience    = 5 * time.Second // how long renewing may take while a session could be kept instead
)

// keepPatience is how long storing a new session may take. Only tests change it.
var keepPatience = 5 * time.Second

// noteFailure keeps why link n failed, where that tells others something: not that somebody interrupted this process
// (Ctrl-C at its prompt, say). Those that wait for it then try themselves, and so does whoever starts it again; those at
// the same terminal were interrupted together with it. That a person gave no code (an empty line, a window closed) is kept:
// else fifty processes that wait would each ask in their turn.
func (w *way) noteFailure(n int, err error) {
	facts := w.plan.Facts(n)
	if e := (*diag.Error)(nil); errors.As(err, &e) {
		if e.Has(diag.Local) || errors.Is(err, context.Canceled) {
			return
		}
		facts.Passing, facts.NeedsPerson = e.Has(diag.Temporary), e.Has(diag.NeedsUser)
	}
	if err := w.Cache.Fail(w.plan.Key(n), facts, err); err != nil {
		w.Warnf("%s: its failure is not noted: %v", w.plan.Chain.Profile.Name, err)
	}
}

// lastFailure gives the failure noted for link n, if there is one, and its age.
func (w *way) lastFailure(n int) (f cache.Facts, age time.Duration, ok bool) {
	f, err := w.Cache.FactsOf(w.plan.Key(n))
	age = w.Now().Sub(f.LastErrorAt)
	return f, age, err == nil && f.LastError != "" && age >= 0
}

// isKeptNow reports whether a session that should be renewed is served as it is, since renewing it has failed a moment
// ago for a reason that passes, and tells so.
func (w *way) isKeptNow(ctx context.Context, n int, s cache.Session) bool {
	f, age, ok := w.lastFailure(n)
	if !ok || !f.Passing && !f.NeedsPerson || age > outageLife || !plan.IsFallback(s, w.Now()) || f.NeedsPerson && w.canAsk(ctx) {
		return false
	}
	w.Warnf("%s", diag.WithHint(fmt.Sprintf("%s; that was %s ago, and the session before is served, %s left", f.LastError, age.Round(time.Second), w.left(s)), f.LastHint))
	return true
}

// isTriedNow reports whether a session that should be renewed is served as it is, since renewing it has failed for a
// reason that passes and another process is finding out whether it has: one in half a minute, so that in a long outage
// the others are not made to wait with it.
func (w *way) isTriedNow(n int, s cache.Session) bool {
	f, _, ok := w.lastFailure(n)
	if !ok || !f.Passing || !plan.IsFallback(s, w.Now()) {
		return false
	}
	mine, err := w.Cache.Claim(w.plan.Key(n), outageLife)
	if err != nil {
		w.Tracef("%s: %v", w.plan.Links[n].String(), err)
		return false
	}
	if !mine {
		w.Warnf("%s", diag.WithHint(fmt.Sprintf("%s; another process tries again, and the session before is served, %s left", f.LastError, w.left(s)), f.LastHint))
	}
	return !mine
}

// sharedFailure gives the failure of another process to get the session after link n, if it was just now. That a process
// could ask nobody tells nothing to one that can.
func (w *way) sharedFailure(ctx context.Context, n int) error {
	f, age, ok := w.lastFailure(n)
	if !ok || age > sharedFailureLife || f.LastErrorAt.Before(w.since) || f.NeedsPerson && w.canAsk(ctx) {
		return nil
	}
	text := f.LastError
	if w.since.IsZero() { // else it was a step that refresh itself has just tried, for another profile
		text += fmt.Sprintf(" [%s ago; tried again after %s, or at once by refresh]", age.Round(time.Second), sharedFailureLife)
	}
	e := &diag.Error{
		Err:   errors.New(text),
		Hint:  f.LastHint,
		Flags: diag.Local, // it is noted already, and its age counts from then
	}
	e.Set(diag.Temporary, f.Passing)
	e.Set(diag.NeedsUser, f.NeedsPerson)
	if own := w.plan.Chain.Profile.Name; !strings.HasPrefix(f.LastError, own+": ") {
		e.Profile = own // it was another one that failed, at what both need
	}
	return e
}
