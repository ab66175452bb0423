package cache

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
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

// keyringKeepsReplacesAndForgets does so with sessions of each size, of which those whose token alone exceeds limit are sealed.
// It calls look when there are two sessions.
func keyringKeepsReplacesAndForgets(t *testing.T, k keyringStore, limit int, look func()) {
	t.Helper()
	s, dir := testSession(), filepath.Join(k.dir.path, sessionsDir)
	if _, err := k.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	for _, size := range append([]int{0}, tokenSizes...) {
		s.SessionToken = strings.Repeat("t", size)
		for range 2 { // new, and in the place of one of the same size
			if err := k.Put(t.Context(), testKey, s); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := k.Get(t.Context(), testKey); err != nil || got != s {
			t.Fatalf("%d bytes: %v, %v", size, got, err)
		}
		sealed, want := filesIn(t, dir), 0
		if size > limit || limit == 1 { // in which no item fits
			want = 1
		}
		if len(sealed) != want {
			t.Errorf("%d bytes: %d sealed files, want %d", size, len(sealed), want)
		}
		for _, path := range sealed {
			if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte("hush")) || bytes.Contains(b, []byte("tttt")) {
				t.Errorf("%d bytes: %s holds a secret, or %v", size, path, err)
			}
		}
	}
	if err := k.Put(t.Context(), otherKey, testSession()); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("beside another: %v, %v", got, err)
	}
	look()
	for range 2 {
		for _, key := range []Key{testKey, otherKey} {
			if err := k.Delete(t.Context(), key); err != nil {
				t.Error(err)
			}
		}
	}
	for _, key := range []Key{testKey, otherKey} {
		if _, err := k.Get(t.Context(), key); !errors.Is(err, ErrMiss) {
			t.Errorf("deleted: %v", err)
		}
	}
	if left := filesIn(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
