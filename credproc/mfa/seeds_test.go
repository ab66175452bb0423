package mfa

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aws-credproc/profiles"
)

const testSerial = "arn:aws:iam::123456789012:mfa/jill"

// testCode is the code of testSeed at a time.
func testCode(t *testing.T, at time.Time) Code {
	t.Helper()
	c, err := Seed{profiles.Secret(testSeed)}.code(stepOf(at))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNoCodeIsGivenOutTwice: not even if many ask at once, each by a memory of its own.
func TestNoCodeIsGivenOutTwice(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Truncate(period)
		time.Sleep(10 * time.Second)
		var mu sync.Mutex
		var got []Code
		waited := map[time.Duration]int{}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				code, err := NewSeeds(dir, time.Now).next(t.Context(), testSerial, Seed{testSeed}, func(wait time.Duration) {
					mu.Lock()
					defer mu.Unlock()
					waited[wait]++
				})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				got = append(got, code)
			})
		}
		all.Wait()
		for n := range 4 {
			if want := testCode(t, start.Add(time.Duration(n)*period)); !slices.Contains(got, want) {
				t.Errorf("the code of window %d is given to nobody", n)
			}
		}
		if waited[20*time.Second] != 3 || waited[30*time.Second] != 3 {
			t.Errorf("they waited %v", waited)
		}
		// Another device has other codes.
		if _, err := NewSeeds(dir, time.Now).next(t.Context(), "other", Seed{testSeed}, func(time.Duration) { t.Error("it waits") }); err != nil {
			t.Error(err)
		}
	})
}

func TestNextCodeIsNotWaitedForInVain(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := NewSeeds(dir, time.Now)
		none := func(time.Duration) { t.Error("it waits") }
		if _, err := s.next(t.Context(), testSerial, Seed{testSeed}, none); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), period-time.Second)
		defer cancel()
		_, err := s.next(ctx, testSerial, Seed{testSeed}, none)
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "the next one comes in 30s, after the time allowed") || time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		// And it is given up by who interrupts.
		ctx, interrupt := context.WithCancel(t.Context())
		if _, err = s.next(ctx, testSerial, Seed{testSeed}, func(time.Duration) { interrupt() }); !errors.Is(err, ErrCancelled) {
			t.Error(err)
		}
	})
}

func TestClockThatWasSetBackIsNotWaitedFor(t *testing.T) {
	now := time.Unix(2e9, 0)
	s := NewSeeds(t.TempDir(), func() time.Time { return now })
	for _, now = range []time.Time{now, now.Add(-time.Hour), now.Add(time.Hour)} {
		if code, err := s.next(t.Context(), testSerial, Seed{testSeed}, func(time.Duration) { t.Error("it waits") }); err != nil || code != testCode(t, now) {
			t.Error(err)
		}
	}
}

func TestCodeThatCannotBeRememberedIsNotGivenOut(t *testing.T) {
	code, err := NewSeeds("", time.Now).next(t.Context(), testSerial, Seed{testSeed}, func(time.Duration) {})
	if err == nil || !strings.Contains(err.Error(), "which code was used last: ") || code != (Code{}) {
		t.Error(err)
	}
}
