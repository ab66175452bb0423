package plan

import (
	"aws-credproc/cache"
	"testing"
	"time"
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
