package plan

import (
	"hash/fnv"
	"time"

	"aws-credproc/cache"
)

// How much of a session's lifetime must be left for which use. Of each pair the smaller one counts,
// so that short sessions are used for most of their life too. The values follow from when the SDKs
// ask again: botocore must below 10 minutes left, JavaScript below 5, Go at the expiration.
const (
	RenewLeft    = 25 * time.Minute // below it a session is returned and renewed in the background
	RenewPart    = 2                // or below this part of the lifetime
	renewJitter  = 10               // reduced by up to a tenth, see IsDue
	UsableLeft   = 11 * time.Minute // below it a session is renewed before it is returned
	UsablePart   = 4
	FallbackLeft = time.Minute // below it a session is not returned if the renewal fails
	fallbackPart = 10
	sourceLeft   = time.Minute      // below it a session is not used to assume the next role
	printedEarly = 30 * time.Second // by so much the printed Expiration is earlier than the real one
	printedPart  = 20
)

const (
	// MaxSkew is how far clocks may be apart. AWS accepts signatures of that age.
	MaxSkew = 5 * time.Minute
	// MaxLifetime is the longest lifetime of a session, that of GetSessionToken.
	MaxLifetime = 36 * time.Hour
)

// IsUsable reports whether a session is returned without a call to its source.
func IsUsable(s cache.Session, now time.Time) bool {
	return hasLeft(s, now, UsableLeft, UsablePart) && !isTooOld(s, now)
}

// IsFresh reports whether a session need not be renewed.
func IsFresh(s cache.Session, now time.Time) bool { return hasLeft(s, now, RenewLeft, RenewPart) }

// IsDue reports whether a usable session should be renewed in the background. A jitter, derived
// from the access key ID, keeps machines that were started together from renewing together.
func IsDue(s cache.Session, now time.Time) bool {
	lifetime := s.Expiration.Sub(s.Issued)
	left := min(RenewLeft, lifetime/RenewPart)
	if !IsUsable(s, now) || left < renewJitter {
		return false
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.AccessKeyID)) // never fails
	left -= time.Duration(h.Sum64() % uint64(left/renewJitter))
	return s.Expiration.Sub(now) < left
}

// IsFallback reports whether a session may be returned if it cannot be renewed now.
func IsFallback(s cache.Session, now time.Time) bool {
	return hasLeft(s, now, FallbackLeft, fallbackPart)
}

// IsSource reports whether a session may be used to assume the next role of a chain.
func IsSource(s cache.Session, now time.Time) bool {
	return !isFromFuture(s, now) && !isTooOld(s, now) && !s.Expiration.Before(now.Add(sourceLeft))
}

// PrintedExpiration returns the Expiration that programs get with a session. It is earlier than the
// actual one: the Go SDK uses credentials until their Expiration, and AWS refuses a request that
// arrives later. It is never in the past unless the actual one is. That of static keys is zero.
func PrintedExpiration(s cache.Session, now time.Time) time.Time {
	actual := s.Expiration.Truncate(time.Second)
	if actual.IsZero() {
		return actual
	}
	lifetime := s.Expiration.Sub(s.Issued)
	early := s.Expiration.Add(-min(printedEarly, lifetime/printedPart)).Truncate(time.Second)
	if lifetime <= 0 || !early.After(now) {
		return actual
	}
	return early
}

// isTooOld reports whether a session is older than any that AWS issues. The output of a command may
// claim to be valid for years, and the command may return other credentials by now.
func isTooOld(s cache.Session, now time.Time) bool { return now.Sub(s.Issued) > MaxLifetime }

// isFromFuture reports whether the clock was set back after the session was issued, so that the
// time left is unknown.
func isFromFuture(s cache.Session, now time.Time) bool { return s.Issued.After(now.Add(MaxSkew)) }

func hasLeft(s cache.Session, now time.Time, left time.Duration, part int64) bool {
	lifetime := s.Expiration.Sub(s.Issued)
	if lifetime <= 0 { // no session
		return false
	}
	return !isFromFuture(s, now) && s.Expiration.Sub(now) >= min(left, lifetime/time.Duration(part))
}
