package cache

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

func TestKeyringThatPanicsIsAFailure(t *testing.T) {
	_, err := bounded(t.Context(), &keyring{}, usualPatience, func(context.Context) (Session, error) { panic("hush") })
	if err == nil || errors.Is(err, ErrMiss) || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}

// openKeyring gives the keyring and a state directory for what is too large for its items.
func openKeyring(t testing.TB) keyringStore {
	t.Helper()
	d, err := openStateDir(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	return keyringStore{&keyring{}, d}
}

// The limit is for silence: a keyring that hundreds of processes ask at once answers each of them late. One that is busy may
// be asked again, once, and not one that hangs: then the bus answers alone.
func TestKeyringThatAnswersLateIsWaitedFor(t *testing.T) {
	p := patience{keyringLimit, 4 * keyringLimit}
	const late = keyringLimit * 9 / 10
	for name, test := range map[string]struct {
		bus     bool            // the first answer is the bus's
		answers []time.Duration // how long each took
		took    time.Duration
		want    error
		again   time.Duration // how long it takes when asked once more; 0 where it is not
	}{
		"late":                 {true, []time.Duration{late, late, late, late}, 4 * late, nil, 0},
		"nothing is heard":     {true, []time.Duration{time.Hour}, p.quiet, ErrTimeout, againLimit},
		"the bus alone":        {true, []time.Duration{late, time.Hour}, late + p.quiet, ErrTimeout, 0},
		"silent after a while": {true, []time.Duration{late, late, time.Hour}, 2*late + p.quiet, ErrTimeout, 2*late + p.quiet},
		"it comes to no end":   {false, []time.Duration{late, late, late, late, late, late, late}, p.whole, ErrTimeout, p.whole},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // its clock jumps
				k := &keyring{}
				for turn, want := range []time.Duration{test.took, test.again} {
					start := time.Now()
					_, err := bounded(t.Context(), k, p, func(ctx context.Context) (struct{}, error) {
						for i, answer := range test.answers {
							select {
							case <-time.After(answer):
								ctx.Value(answeredKey{}).(func(bool))(i > 0 || !test.bus)
							case <-ctx.Done():
								return struct{}{}, ctx.Err()
							}
						}
						return struct{}{}, nil
					})
					if took := time.Since(start); !errors.Is(err, test.want) || took != want {
						t.Errorf("%v after %s, want %v after %s", err, took, test.want, want)
					}
					if test.again == 0 {
						if k.again() {
							t.Error("it is asked again")
						}
						break
					}
					if got := k.again(); got != (turn == 0) {
						t.Errorf("after turn %d: asked again: %v", turn+1, got)
					}
				}
			})
		})
	}
}

// The line is go-keyring 0.2.8's. What it would have to quote would make it longer, and depend on how `security` reads.
func TestItemOfTheKeychainFitsItsLine(t *testing.T) {
	words := []string{"add-generic-password", "-U", "-s", keyringService, "-a", testKey.String(),
		"-w", "go-keyring-base64:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xff", keychainMaxItem)))}
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
