package main

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
)

// strategy is a way to get the sessions for the uses of a profile.
type strategy struct {
	name, color string
	// ask returns how many calls the processes make that need a session now, and the session that
	// they then have.
	ask func(r *rand.Rand, cached session, now, processes int) (n int, got session)
}

// session is a cached session with a lifetime of an hour.
type session struct {
	expires int // second of the day; 0 if there is no session
	id      string
}

const (
	lifetime = hour
	// A process that goes on running asks again when this much is left, as botocore does.
	askAgain = 15 * 60
)

var strategies = []strategy{
	{"one call per process", "#cf222e", callPerProcess},
	{"the AWS CLI's cache", "#9a6700", awsCLI},
	{"aws-credproc", "#1a7f37", credproc},
}

func newSession(r *rand.Rand, now int) session {
	return session{expires: now + lifetime, id: fmt.Sprintf("ASIA%016X", r.Uint64())}
}

func callPerProcess(r *rand.Rand, _ session, now, processes int) (int, session) {
	return processes, newSession(r, now)
}

// awsCLI is the cache in ~/.aws/cli/cache. It has no lock, so that all processes make a call that
// start together when less than 15 minutes are left.
func awsCLI(r *rand.Rand, cached session, now, processes int) (int, session) {
	if cached.expires-now > askAgain {
		return 0, cached
	}
	return processes, newSession(r, now)
}

// credproc makes one call for any number of processes, in the background if the cached session can
// still be used.
func credproc(r *rand.Rand, cached session, now, _ int) (int, session) {
	if cached.expires == 0 {
		return 1, newSession(r, now)
	}
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	s := cache.Session{
		AccessKeyID: cached.id,
		Issued:      at(cached.expires - lifetime), Expiration: at(cached.expires),
	}
	if plan.IsUsable(s, at(now)) && !plan.IsDue(s, at(now)) {
		return 0, cached
	}
	return 1, newSession(r, now)
}

// simulate adds the calls for the uses of one profile, which are in the order of time.
func (s strategy) simulate(r *rand.Rand, uses []use, c *calls) {
	var cached session
	var running []use // processes that will ask again, in the order of time
	for len(uses) > 0 || len(running) > 0 {
		var u use
		if len(running) == 0 || len(uses) > 0 && uses[0].at <= running[0].at {
			u, uses = uses[0], uses[1:]
		} else {
			u, running = running[0], running[1:]
		}
		if u.at >= daySpan {
			continue
		}
		var n int
		n, cached = s.ask(r, cached, u.at, u.processes)
		c[u.at] += int32(n)
		wait := max(cached.expires-askAgain-u.at, 60)
		if u.runs > wait {
			again := use{at: u.at + wait, processes: 1, runs: u.runs - wait}
			i := sort.Search(len(running), func(i int) bool { return running[i].at > again.at })
			running = append(running[:i], append([]use{again}, running[i:]...)...)
		}
	}
}
