package credproc

import (
	"hash/fnv"
	"time"

	"aws-credproc/cache"
)

// How long a session is good for what, by the time that it has left. Of each pair the lesser counts, so that short
// sessions are served for most of their life too. The figures follow from when the SDKs ask again: botocore insists
// below 10 minutes left, JavaScript below 5, Go at the expiry.
const (
	aheadLeft   = 25 * time.Minute // below it a session is renewed while it is still served
	aheadPart   = 2                // of its lifetime, if a half of it is less
	aheadJitter = 10               // a tenth less, at most: see isDue
	servedLeft  = 11 * time.Minute // served as it is; else it is renewed first
	servedPart  = 4
	keptLeft    = time.Minute // served where renewing fails for a reason that will pass
	keptPart    = 10
	sourceLeft  = time.Minute // used to assume the next role of a chain
	// tellingPatience is after what time a process that gets no answer, and has no more time to wait for it, can say for
	// others that there is none.
	tellingPatience = 10 * time.Second
	keptPatience    = 5 * time.Second // how long renewing may take while a session could be kept instead

	// maxSkew is how far clocks may be apart. AWS takes a signature that is up to so old.
	maxSkew = 5 * time.Minute
	// maxLifetime is what AWS gives at most, to GetSessionToken.
	maxLifetime = 36 * time.Hour
)

// keepPatience is how long storing a new session may take. Only tests change it.
var keepPatience = 5 * time.Second

// isServable reports whether a session is served without asking STS, or the command that gave it.
func isServable(s cache.Session, now time.Time) bool {
	return hasLeft(s, now, servedLeft, servedPart) && !isStale(s, now)
}

// isStale reports whether a session is older than AWS gives any. A command may say of its credentials that they are good
// for years, and nobody would notice that it gives others by now.
func isStale(s cache.Session, now time.Time) bool { return now.Sub(s.Issued) > maxLifetime }

// IsServed reports whether a session that was issued and expires at these times is served as it is; else whoever asks for
// it renews it first, or is served it only where that fails.
func IsServed(issued, expiration, now time.Time) bool {
	return isServable(cache.Session{Issued: issued, Expiration: expiration}, now)
}

// isFresh reports whether a session is so good that nobody needs to think of renewing it.
func isFresh(s cache.Session, now time.Time) bool { return hasLeft(s, now, aheadLeft, aheadPart) }

// isDue reports whether a session that is served should be renewed ahead of its need. Machines that were started
// together would come together for ever; so the access key ID, which is as good as random, puts it off a little.
func isDue(s cache.Session, now time.Time) bool {
	lifetime := s.Expiration.Sub(s.Issued)
	left := min(aheadLeft, lifetime/aheadPart)
	if !isServable(s, now) || left < aheadJitter {
		return false
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.AccessKeyID)) // it cannot fail
	left -= time.Duration(h.Sum64() % uint64(left/aheadJitter))
	return s.Expiration.Sub(now) < left
}

// isKept reports whether a session is served where it cannot be renewed now.
func isKept(s cache.Session, now time.Time) bool { return hasLeft(s, now, keptLeft, keptPart) }

// isSource reports whether a session may assume the next role of a chain.
func isSource(s cache.Session, now time.Time) bool {
	return !isFromTheFuture(s, now) && !isStale(s, now) && !s.Expiration.Before(now.Add(sourceLeft))
}

// isFromTheFuture reports whether the clock was set back since a session was made, so that it tells nothing of what the
// session has left.
func isFromTheFuture(s cache.Session, now time.Time) bool { return s.Issued.After(now.Add(maxSkew)) }

func hasLeft(s cache.Session, now time.Time, left time.Duration, part int64) bool {
	lifetime := s.Expiration.Sub(s.Issued)
	if lifetime <= 0 { // none
		return false
	}
	return !isFromTheFuture(s, now) && s.Expiration.Sub(now) >= min(left, lifetime/time.Duration(part))
}
