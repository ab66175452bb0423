package keyring

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A write may take longer after the service has responded.
func TestWriteLimitStartsWithTheAnswerOfTheService(t *testing.T) {
	writes := writeLimits.silence - time.Millisecond
	for name, test := range map[string]struct {
		answers []time.Duration // how long each takes; the first is that of the bus
		took    time.Duration
		want    error
	}{
		"no response":  {[]time.Duration{time.Hour}, ResponseLimit, ErrTimeout},
		"only the bus": {[]time.Duration{0, time.Hour}, ResponseLimit, ErrTimeout},
		"writes":       {[]time.Duration{0, 0, writes}, writes, nil},
		"hangs":        {[]time.Duration{0, 0, time.Hour}, writeLimits.silence, ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				err := runErr(t.Context(), new(Keyring), writeLimits,
					answerAfter(true, test.answers...))
				if took := time.Since(start); !errors.Is(err, test.want) || took != test.took {
					t.Errorf("%v after %s, want %v after %s", err, took, test.want, test.took)
				}
			})
		})
	}
}
