package credproc

import (
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
)

// action is what to do about a session.
type action int

const (
	renew          action = iota // renew it, or wait for the process that does
	returnSession                // return it
	returnAndRenew               // return it, and renew it in the background
	returnStale                  // return it although it should be renewed, with a warning
	claimRetry                   // renew it unless another process is trying to; else return it
	fail                         // return the failure of another process
)

// situation is all that the decision about a session depends on.
type situation struct {
	session   cache.Session // the cached one; zero if there is none
	usable    bool          // the caller accepts the session
	renewable bool          // the caller can renew it in the background
	failure   *failure      // of the last attempt to renew it, in any process
	canAsk    bool          // the user can be asked for an MFA code now
	since     time.Time     // failures before it are not returned
	now       time.Time
}

// failure is a failed attempt to obtain a session.
type failure struct {
	at        time.Time
	temporary bool // it may succeed later
	needsUser bool // it may succeed if a user can be asked
}

// decide returns what to do about a session.
func decide(s situation) action {
	f := s.failure
	fallback := plan.IsFallback(s.session, s.now)
	switch {
	case s.usable && s.renewable && plan.IsDue(s.session, s.now) && (f == nil || s.isPast(f)):
		return returnAndRenew
	case s.usable:
		return returnSession
	case f == nil, f.needsUser && s.canAsk:
		return renew
	case fallback && (f.temporary || f.needsUser) && s.now.Sub(f.at) <= outageLife:
		return returnStale
	case s.now.Sub(f.at) <= sharedFailureLife && !f.at.Before(s.since):
		return fail
	case fallback && f.temporary:
		return claimRetry
	}
	return renew
}

// isPast reports whether a failure no longer prevents a renewal in the background. A failure that
// is not temporary prevents it until a user sees the failure, when the session can no longer be
// used.
func (s situation) isPast(f *failure) bool {
	return f.temporary && s.now.Sub(f.at) > outageLife
}
