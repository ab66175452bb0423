package plan

import (
	"testing"
	"time"

	"aws-credproc/cache"
)

func TestLifetimes(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		lifetime, left           time.Duration
		servable, kept, IsSource bool
	}{
		"new":                    {time.Hour, time.Hour, true, true, true},
		"11 minutes of an hour":  {time.Hour, 11 * time.Minute, true, true, true},
		"less than 11 minutes":   {time.Hour, 11*time.Minute - 1, false, true, true},
		"a minute":               {time.Hour, time.Minute, false, true, true},
		"less than a minute":     {time.Hour, time.Minute - 1, false, false, false},
		"expired":                {time.Hour, -time.Minute, false, false, false},
		"a quarter of 15 min":    {15 * time.Minute, 225 * time.Second, true, true, true},
		"less than a quarter":    {15 * time.Minute, 225*time.Second - 1, false, true, true},
		"a tenth of two minutes": {2 * time.Minute, 12 * time.Second, false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := cache.Session{Issued: now.Add(test.left - test.lifetime), Expiration: now.Add(test.left)}
			if got := IsUsable(s, now); got != test.servable {
				t.Errorf("servable: %v", got)
			}
			if got := IsFallback(s, now); got != test.kept {
				t.Errorf("kept: %v", got)
			}
			if got := IsSource(s, now); got != test.IsSource {
				t.Errorf("source: %v", got)
			}
		})
	}
}

// A session that claims to be older than AWS allows, or newer than the clock, is not used.
func TestSessionOfTheWrongAgeIsNotUsed(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for age, want := range map[time.Duration]bool{
		MaxLifetime: true, MaxLifetime + time.Second: false, -MaxSkew: true, -MaxSkew - time.Second: false,
	} {
		s := cache.Session{Issued: now.Add(-age), Expiration: now.Add(1000 * time.Hour)}
		if usable, source := IsUsable(s, now), IsSource(s, now); usable != want || source != want {
			t.Errorf("age %s: usable %v, as source %v", age, usable, source)
		}
	}
}

func TestPrintedExpirationIsEarly(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 500e6, time.UTC)
	for name, test := range map[string]struct{ lifetime, left, early time.Duration }{
		"an hour":                    {time.Hour, time.Hour, 30 * time.Second},
		"12 hours":                   {12 * time.Hour, time.Hour, 30 * time.Second},
		"15 minutes":                 {15 * time.Minute, time.Minute, 30 * time.Second},
		"a minute":                   {time.Minute, time.Minute, 3 * time.Second},
		"a minute, a tenth left":     {time.Minute, 6 * time.Second, 3 * time.Second},
		"30 s":                       {30 * time.Second, 30 * time.Second, 1500 * time.Millisecond},
		"less left than it is early": {time.Hour, 20 * time.Second, 0},
		"as much left":               {time.Hour, 30 * time.Second, 0},
		"expired":                    {time.Hour, -time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			end := now.Add(test.left)
			s := cache.Session{Issued: end.Add(-test.lifetime), Expiration: end}
			got := PrintedExpiration(s, now)
			if want := end.Add(-test.early).Truncate(time.Second); !got.Equal(want) {
				t.Errorf("%s early, want %s", end.Sub(got), end.Sub(want))
			}
			if test.left > time.Second && !got.After(now) {
				t.Errorf("%s is in the past", got)
			}
		})
	}
	if got := PrintedExpiration(cache.Session{}, now); !got.IsZero() {
		t.Errorf("static keys expire at %s", got)
	}
}
