package credproc

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

// clock is a clock that moves only when it is set.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// testChain is the chain of profile p with an STS and a Resolver that use one clock.
type testChain struct {
	clock *clock
	sts   *ststest.Server
	chain profiles.Chain
	dir   string // the state directory
	Resolver
}

// newTestChain returns a chain with role A, and if roles is 2, role B assumed by A. settings are
// added to each profile.
func newTestChain(t *testing.T, roles int, settings string) testChain {
	t.Helper()
	o := testChain{clock: &clock{time.Now()}, dir: t.TempDir()}
	var err error
	if o.sts, err = ststest.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.sts.Close() })
	o.sts.SetNow(o.clock.Now)
	o.sts.SetMaxSkew(24 * time.Hour) // the SDK signs by the machine's own clock
	user, err := o.sts.AddUser("111111111111", "jill", ststest.AllowAssume("*"))
	must(t, err)
	config, names, caller := "", []string{"p"}, "arn:aws:iam::111111111111:user/jill"
	if roles == 2 {
		names = []string{"q", "p"}
	}
	for i, name := range names {
		arn := "arn:aws:iam::111111111111:role/" + string(rune('A'+i))
		must(t, o.sts.AddRole(ststest.Role{ARN: arn, Trust: ststest.TrustPolicy(caller),
			Policy: ststest.AllowAssume("*")}))
		source := "base"
		if i > 0 {
			source = names[i-1]
		}
		config += fmt.Sprintf("[profile %s]\nrole_arn = %s\nsource_profile = %s\n%s\n", name, arn, source,
			settings)
		caller = arn
	}
	o.chain = chainOf(t, config, fmt.Sprintf("[base]\naws_access_key_id = %s\n"+
		"aws_secret_access_key = %s\n", user.Key.ID, user.Key.Secret))
	c, err := cache.Open(cache.Options{Dir: o.dir, Choice: cache.File, Warnf: t.Errorf,
		Now: o.clock.Now})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	env := getenv(map[string]string{"AWS_ENDPOINT_URL_STS": o.sts.URL, "AWS_MAX_ATTEMPTS": "1"})
	o.Resolver = Resolver{Cache: c, Getenv: env, Now: o.clock.Now, Warnf: t.Errorf,
		Tracef: func(string, ...any) {}}
	return o
}

// TestOnlyFirstCallOfDayWaits makes a call every second for 8 hours.
func TestOnlyFirstCallOfDayWaits(t *testing.T) {
	const day, renewing = 8 * time.Hour, 2 * time.Second
	for name, test := range map[string]struct {
		roles    int
		settings string
		lifetime time.Duration
	}{
		"an hour":            {1, "", time.Hour},
		"an hour, two roles": {2, "", time.Hour},
		"15 minutes":         {1, "duration_seconds = 900", 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newTestChain(t, test.roles, test.settings)
			start := o.clock.now
			var renewal time.Time // when the process that renews has come to it
			for ; o.clock.now.Before(start.Add(day)); o.clock.now = o.clock.now.Add(time.Second) {
				before := o.sts.Calls("AssumeRole")
				s, err := o.Credentials(t.Context(), o.chain)
				if err != nil {
					t.Fatal(err)
				}
				at := o.clock.now.Sub(start)
				if waited := o.sts.Calls("AssumeRole") != before; waited != (at == 0) {
					t.Fatalf("at %s: waited for STS: %v", at, waited)
				}
				if left := s.Expiration.Sub(o.clock.now); left < min(plan.UsableLeft,
					test.lifetime/plan.UsablePart) {
					t.Fatalf("at %s: %s left", at, left)
				}
				if o.ClaimsRenewal(o.chain, s) {
					if !renewal.IsZero() {
						t.Fatalf("at %s: claimed twice", at)
					}
					renewal = o.clock.now.Add(renewing)
				}
				if o.clock.now.Equal(renewal) {
					if err := o.Renew(t.Context(), o.chain); err != nil {
						t.Fatal(err)
					}
					renewal = time.Time{}
				}
			}
			ahead := min(plan.RenewLeft, test.lifetime/plan.RenewPart)
			most := test.roles * (1 + int(day/(test.lifetime-ahead)))
			if calls := o.sts.Calls("AssumeRole"); calls > most {
				t.Errorf("%d calls, want %d at most", calls, most)
			} else {
				t.Logf("%d calls", calls)
			}
		})
	}
}

// TestOutageCostsOneSlowCallPer30Seconds makes a call every second while STS fails for a time.
func TestOutageCostsOneSlowCallPer30Seconds(t *testing.T) {
	for name, test := range map[string]struct {
		from, to time.Duration // since the start of the session, which lasts an hour
		ahead    bool          // whether there is a process that renews
		lost     bool          // whether there is a time without credentials
	}{
		"before it is due, until it expires": {
			10 * time.Minute, 2 * time.Hour, true, true,
		},
		"before it is due, short": {
			10 * time.Minute, 40 * time.Minute, true, false,
		},
		"until the last minutes": {
			30 * time.Minute, 58 * time.Minute, true, false,
		},
		"no background renewal": {
			30 * time.Minute, 58 * time.Minute, false, false,
		},
		"no background renewal, until it expires": {
			30 * time.Minute, 2 * time.Hour, false, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newTestChain(t, 1, "")
			warned := false
			o.Warnf = func(string, ...any) { warned = true }
			start := o.clock.now
			first, err := o.Credentials(t.Context(), o.chain)
			must(t, err)
			var lastSlow time.Duration
			for at := time.Second; at < 3*time.Hour; at += time.Second {
				o.clock.now = start.Add(at)
				switch at {
				case test.from:
					o.sts.Fault(ststest.Fault{Kind: ststest.Fail, Status: 503, Times: ststest.Always})
				case test.to:
					o.sts.ClearFaults()
				}
				out := at >= test.from && at < test.to
				before := o.sts.Calls("AssumeRole")
				warned = false
				s, err := o.Credentials(t.Context(), o.chain)
				if lost := at >= time.Hour-plan.FallbackLeft && at < test.to+outageLife &&
					test.lost; err != nil && !lost {
					t.Fatalf("at %s: %v", at, err)
				}
				if err == nil && s.AccessKeyID == first.AccessKeyID && at > time.Hour-plan.UsableLeft &&
					!warned {
					t.Fatalf("at %s: returned without a warning", at)
				}
				if o.sts.Calls("AssumeRole") != before && at < time.Hour-plan.FallbackLeft {
					if out && lastSlow != 0 && at-lastSlow < outageLife {
						t.Fatalf("at %s: a slow call, as was one %s before", at, at-lastSlow)
					}
					if out && test.ahead && at < time.Hour-plan.UsableLeft {
						t.Fatalf("at %s: waited for STS", at)
					}
					lastSlow = at
				}
				if err == nil && test.ahead && o.ClaimsRenewal(o.chain, s) {
					must(t, o.Renew(t.Context(), o.chain))
				}
				if err == nil && s.AccessKeyID != first.AccessKeyID && at > test.to+outageLife {
					return
				}
			}
			t.Error("not renewed after the outage")
		})
	}
}

func TestSessionDeletedDuringRenewalStaysDeleted(t *testing.T) {
	o := newTestChain(t, 1, "")
	_, err := o.Credentials(t.Context(), o.chain)
	must(t, err)
	o.clock.now = o.clock.now.Add(40 * time.Minute)
	key, _, err := o.Key(o.chain)
	must(t, err)
	o.BeforeWait = func() { must(t, o.Cache.Delete(t.Context(), key)) }
	must(t, o.Renew(t.Context(), o.chain))
	if _, err := o.Cache.FactsOf(key); !errors.Is(err, cache.ErrMiss) ||
		o.sts.Calls("AssumeRole") != 2 {
		t.Errorf("%v, %d calls", err, o.sts.Calls("AssumeRole"))
	}
}
