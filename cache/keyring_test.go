package cache

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
)

// openKeyring returns the keyring store with a new state directory.
func openKeyring(t testing.TB) keyringStore {
	t.Helper()
	d, err := statedir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return newStores(new(keyring.Keyring)).keyringStore(d)
}

// testKeyringStore tests a store with sessions of each size. Those whose token exceeds limit are
// sealed. It calls check when there are two sessions.
func testKeyringStore(t *testing.T, k keyringStore, limit int, check func()) {
	t.Helper()
	s, dir := testSession(), sessionsDir(k.dir.Path())
	if _, err := k.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	for _, size := range append([]int{0}, tokenSizes...) {
		s.SessionToken = strings.Repeat("t", size)
		for range 2 { // a new item and a replaced one
			if err := k.put(t.Context(), testKey, s); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := k.get(t.Context(), testKey); err != nil || got != s {
			t.Fatalf("%d bytes: %v, %v", size, got, err)
		}
		sealed, want := filesIn(t, dir), 0
		if size > limit || limit == 1 { // no item fits
			want = 1
		}
		if len(sealed) != want {
			t.Errorf("%d bytes: %d sealed files, want %d", size, len(sealed), want)
		}
		for _, path := range sealed {
			if b, err := os.ReadFile(path); err != nil || bytes.Contains(b, []byte("hush")) ||
				bytes.Contains(b, []byte("tttt")) {
				t.Errorf("%d bytes: %s holds a secret, or %v", size, path, err)
			}
		}
	}
	if err := k.put(t.Context(), otherKey, testSession()); err != nil {
		t.Fatal(err)
	}
	if got, err := k.get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("with another session: %v, %v", got, err)
	}
	check()
	for range 2 {
		for _, key := range []Key{testKey, otherKey} {
			if _, err := k.delete(t.Context(), key); err != nil {
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
