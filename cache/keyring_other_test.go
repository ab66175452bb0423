//go:build !linux

package cache

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gokeyring "github.com/zalando/go-keyring"
)

func TestSystemKeyringKeepsReplacesAndForgets(t *testing.T) {
	startKeyring(t)
	k, s := openKeyring(t), testSession()
	if err := os.Mkdir(filepath.Join(k.dir.path, sessionsDir), 0o700); err != nil {
		t.Fatal(err)
	}
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
		sealed := filesIn(t, filepath.Join(k.dir.path, sessionsDir))
		want := 0
		if size > keyringMaxItem {
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
	for range 2 {
		if err := k.Delete(t.Context(), testKey); err != nil {
			t.Error(err)
		}
	}
	if _, err := k.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("deleted: %v", err)
	}
	if left := filesIn(t, filepath.Join(k.dir.path, sessionsDir)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestSystemKeyringTakesTheLargestItem(t *testing.T) {
	startKeyring(t)
	value := []byte(strings.Repeat("\"'\\$ %&^\x7f", keyringMaxItem)[:keyringMaxItem])
	if err := keyringPut(t.Context(), sessionItem(testKey), "", value); err != nil {
		t.Fatal(err)
	}
	if items, err := keyringGet(t.Context(), sessionItem(testKey)); err != nil || len(items) != 1 || !bytes.Equal(items[0], value) {
		t.Errorf("%d items, not what was put: %v", len(items), err)
	}
}

func TestSystemKeyringOfOthersIsLeftAlone(t *testing.T) {
	startKeyring(t)
	const another = keyringService + "-other"
	if err := gokeyring.Set(another, "x", "stays"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := gokeyring.Delete(another, "x"); err != nil {
			t.Error(err)
		}
	}()
	c, w := openTest(t, Auto, "")
	mustPut(t, c, testKey, testSession(), Keyring)
	if err := keyringPut(t.Context(), sessionItem(otherKey), "", []byte(`{"v":99}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetLocked(t.Context(), otherKey, testFacts()); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer version's: %v", err)
	}
	if _, err := c.Put(t.Context(), otherKey, testSession(), testFacts()); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer version's is replaced: %v", err)
	}
	if n, err := c.Clear(t.Context()); n != 1 || err != nil { // which was known; the other goes along
		t.Errorf("cleared %d, %v", n, err)
	}
	for _, key := range []Key{testKey, otherKey} {
		if _, err := keyringGet(t.Context(), sessionItem(key)); !errors.Is(err, ErrMiss) {
			t.Errorf("left: %v", err)
		}
	}
	if got, err := gokeyring.Get(another, "x"); err != nil || got != "stays" {
		t.Errorf("another service's item: %q, %v", got, err)
	}
	w.want(t, 0)
}
