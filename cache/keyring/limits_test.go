package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answerAfter returns a call that reports an answer after each of these durations. If bus is true,
// the first is that of the bus.
func answerAfter(bus bool, answers ...time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		for i, answer := range answers {
			select {
			case <-time.After(answer):
				ctx.Value(answeredKey{}).(answeredFunc)(i > 0 || !bus)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}
}

// The limit is for the time between responses, because a keyring that hundreds of processes call
// responds late to each of them. After a timeout, a call to a busy keyring is retried once; a call
// to a hanging one is not.
func TestLimitAppliesToEachResponse(t *testing.T) {
	l := limits{ResponseLimit, 4 * ResponseLimit}
	const late = ResponseLimit * 9 / 10
	for name, test := range map[string]struct {
		bus     bool            // the first answer is the bus's
		answers []time.Duration // how long each took
		took    time.Duration
		want    error
		again   time.Duration // how long a retry takes; 0 if there is none
	}{
		"late":         {true, []time.Duration{late, late, late, late}, 4 * late, nil, 0},
		"no response":  {true, []time.Duration{time.Hour}, l.silence, ErrTimeout, retryLimit},
		"only the bus": {true, []time.Duration{late, time.Hour}, late + l.silence, ErrTimeout, 0},
		"silent after some answers": {
			true, []time.Duration{late, late, time.Hour},
			2*late + l.silence, ErrTimeout, 2*late + l.silence,
		},
		"too many answers": {
			false, []time.Duration{late, late, late, late, late, late, late},
			l.total, ErrTimeout, l.total,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := new(Keyring)
				for turn, want := range []time.Duration{test.took, test.again} {
					start := time.Now()
					err := runErr(t.Context(), k, l, answerAfter(test.bus, test.answers...))
					if took := time.Since(start); !errors.Is(err, test.want) || took != want {
						t.Errorf("%v after %s, want %v after %s", err, took, test.want, want)
					}
					if test.again == 0 {
						if k.RetryOnce() {
							t.Error("RetryOnce: true")
						}
						break
					}
					if got := k.RetryOnce(); got != (turn == 0) {
						t.Errorf("RetryOnce after turn %d: %v", turn+1, got)
					}
				}
			})
		})
	}
}

// The line is that of go-keyring 0.2.8. Quoting would make it longer, and depends on `security`.
func TestKeychainItemFitsOnItsLine(t *testing.T) {
	value := strings.Repeat("\xff", keychainMaxItem)
	words := []string{
		"add-generic-password", "-U", "-s", "aws-credproc", "-a", strings.Repeat("f", 64),
		"-w", "go-keyring-base64:" + base64.StdEncoding.EncodeToString([]byte(value)),
	}
	line := strings.Join(words, " ") + "\n"
	if free := 4096 - len(line); free < 0 || free > 128 {
		t.Errorf("%d of 4096 bytes are free, want few", free)
	}
	for _, w := range words {
		if !regexp.MustCompile(`^[\w@%+=:,./-]+$`).MatchString(w) {
			t.Errorf("%.40q would be quoted", w)
		}
	}
}
