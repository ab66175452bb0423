package cache

import (
	"aws-credproc/cache/statedir"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// openKeyring gives the keyring and a state directory for what is too large for its items.
func openKeyring(t testing.TB) keyringStore {
	t.Helper()
	d, err := statedir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return newStores().keyringStore(d)
}

// keyringKeepsReplacesAndForgets does so with sessions of each size, of which those whose token alone exceeds limit are sealed.
// It calls look when there are two sessions.
func keyringKeepsReplacesAndForgets(t *testing.T, k keyringStore, limit int, look func()) {
	t.Helper()
	s, dir := testSession(), filepath.Join(k.dir.Path(), string(statedir.Sessions))
	if _, err := k.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	for _, size := range append([]int{0}, tokenSizes...) {
		s.SessionToken = strings.Repeat("t", size)
		for range 2 { // new, and in the place of one of the same size
			if err := k.put(t.Context(), testKey, s); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := k.get(t.Context(), testKey); err != nil || got != s {
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
	if err := k.put(t.Context(), otherKey, testSession()); err != nil {
		t.Fatal(err)
	}
	if got, err := k.get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("beside another: %v, %v", got, err)
	}
	look()
	for range 2 {
		for _, key := range []Key{testKey, otherKey} {
			if err := k.delete(t.Context(), key); err != nil {
				t.Error(err)
			}
		}
	}
	for _, key := range []Key{testKey, otherKey} {
		if _, err := k.get(t.Context(), key); !errors.Is(err, ErrMiss) {
			t.Errorf("deleted: %v", err)
		}
	}
	if left := filesIn(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
