package credproc

import (
	"testing"
	"time"

	"aws-credproc/cache"
)

func TestDecide(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	hour := func(left time.Duration) cache.Session {
		return cache.Session{AccessKeyID: "ASIAX", Issued: now.Add(left - time.Hour),
			Expiration: now.Add(left)}
	}
	good, due := hour(50*time.Minute), hour(15*time.Minute)
	nearly, expiring := hour(5*time.Minute), hour(30*time.Second)
	failed := func(ago time.Duration) *failure { return &failure{at: now.Add(-ago)} }
	temporary := func(ago time.Duration) *failure {
		return &failure{at: now.Add(-ago), temporary: true}
	}
	user := func(ago time.Duration) *failure { return &failure{at: now.Add(-ago), needsUser: true} }
	for name, test := range map[string]struct {
		s    situation
		want action
	}{
		"no session":       {situation{}, renew},
		"a good session":   {situation{session: good, usable: true}, returnSession},
		"a due session":    {situation{session: due, usable: true}, returnSession},
		"not fit":          {situation{session: nearly}, renew},
		"good, background": {situation{session: good, usable: true, renewable: true}, returnSession},
		"due, background":  {situation{session: due, usable: true, renewable: true}, returnAndRenew},
		"due, outage": {
			situation{session: due, usable: true, renewable: true, failure: temporary(20 * time.Second)},
			returnSession,
		},
		"due, after a while": {
			situation{session: due, usable: true, renewable: true, failure: temporary(31 * time.Second)},
			returnAndRenew,
		},
		"due, denied": {
			situation{session: due, usable: true, renewable: true, failure: failed(time.Hour)},
			returnSession,
		},
		"due, needs the user": {
			situation{session: due, usable: true, renewable: true, failure: user(time.Hour)}, returnSession,
		},

		"outage": {
			situation{session: nearly, failure: temporary(30 * time.Second)}, returnStale,
		},
		"outage, 1s ago": {
			situation{session: nearly, failure: temporary(time.Second)}, returnStale,
		},
		"outage, after a while": {
			situation{session: nearly, failure: temporary(31 * time.Second)}, claimRetry,
		},
		"outage, session expiring": {situation{session: expiring, failure: temporary(time.Second)}, fail},
		"outage, session expiring, later": {
			situation{session: expiring, failure: temporary(6 * time.Second)}, renew,
		},
		"outage, no session": {situation{failure: temporary(5 * time.Second)}, fail},

		"denied":        {situation{session: nearly, failure: failed(time.Second)}, fail},
		"denied, later": {situation{session: nearly, failure: failed(6 * time.Second)}, renew},
		"denied before since": {
			situation{failure: failed(2 * time.Second), since: now.Add(-time.Second)}, renew,
		},
		"denied since": {
			situation{failure: failed(time.Second), since: now.Add(-time.Second)}, fail,
		},
		"needs the user":                   {situation{session: nearly, failure: user(time.Second)}, returnStale},
		"needs the user, session expiring": {situation{session: expiring, failure: user(time.Second)}, fail},
		"needs the user, late":             {situation{session: nearly, failure: user(31 * time.Second)}, renew},
		"the user can answer": {
			situation{session: nearly, failure: user(time.Second), canAsk: true}, renew,
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.s.now = now
			if got := decide(test.s); got != test.want {
				t.Errorf("action %d, want %d", got, test.want)
			}
		})
	}
}
