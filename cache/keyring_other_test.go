//go:build !linux

package cache

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	gokeyring "github.com/zalando/go-keyring"
)

func TestSystemKeyringKeepsReplacesAndForgets(t *testing.T) {
	startKeyring(t)
	keyringKeepsReplacesAndForgets(t, openKeyring(t), keyringMaxItem, func() {})
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
