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

// testCode returns the code of testSeed at a time.
func testCode(t *testing.T, at time.Time) Code {
	t.Helper()
	c, err := Seed{profiles.Secret(testSeed)}.code(stepOf(at))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// nextCode returns the next code of testSeed.
func nextCode(
	ctx context.Context, s *Seeds, serial string, waiting func(time.Duration),
) (Code, error) {
	return s.next(ctx, serial, Seed{testSeed}, waiting)
}

// mustNotWait fails the test if a code is awaited.
func mustNotWait(t *testing.T) func(time.Duration) {
	return func(wait time.Duration) { t.Errorf("waits %v for a code", wait) }
}

// TestEachCodeIsUsedOnce gets codes concurrently, with separate Seeds like separate processes.
func TestEachCodeIsUsedOnce(t *testing.T) {
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
				s := NewSeeds(dir, time.Now)
				code, err := nextCode(t.Context(), s, testSerial, func(wait time.Duration) {
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
				t.Errorf("the code of step %d is missing", n)
			}
		}
		if waited[20*time.Second] != 3 || waited[30*time.Second] != 3 {
			t.Errorf("waited %v", waited)
		}
		s := NewSeeds(dir, time.Now)
		if _, err := nextCode(t.Context(), s, "other device", mustNotWait(t)); err != nil {
			t.Error(err)
		}
	})
}

func TestNextCodeAfterDeadlineIsNotAwaited(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := NewSeeds(dir, time.Now)
		if _, err := nextCode(t.Context(), s, testSerial, mustNotWait(t)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), period-time.Second)
		defer cancel()
		_, err := nextCode(ctx, s, testSerial, mustNotWait(t))
		const want = "the next one comes in 30s, after the time allowed"
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) ||
			time.Since(start) > 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestWaitForNextCodeCanBeInterrupted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := NewSeeds(dir, time.Now)
		if _, err := nextCode(t.Context(), s, testSerial, mustNotWait(t)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		_, err := nextCode(ctx, s, testSerial, func(time.Duration) { cancel() })
		if !errors.Is(err, ErrCancelled) {
			t.Error(err)
		}
	})
}

func TestClockSetBackDoesNotDelayCodes(t *testing.T) {
	now := time.Unix(2e9, 0)
	s := NewSeeds(t.TempDir(), func() time.Time { return now })
	for _, now = range []time.Time{now, now.Add(-time.Hour), now.Add(time.Hour)} {
		code, err := nextCode(t.Context(), s, testSerial, mustNotWait(t))
		if err != nil || code != testCode(t, now) {
			t.Error(err)
		}
	}
}

func TestNoCodeWithoutStateDirectory(t *testing.T) {
	s := NewSeeds("", time.Now)
	code, err := nextCode(t.Context(), s, testSerial, mustNotWait(t))
	const want = "check whether the MFA code is already used: "
	if err == nil || !strings.Contains(err.Error(), want) || code != (Code{}) {
		t.Error(err)
	}
}
