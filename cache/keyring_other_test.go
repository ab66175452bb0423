//go:build !linux

package cache

import (
	"errors"
	"testing"

	"aws-credproc/cache/keyring"

	gokeyring "github.com/zalando/go-keyring"
)

func TestSystemKeyringStore(t *testing.T) {
	startKeyring(t)
	testKeyringStore(t, openKeyring(t), keyring.MaxItem, func() {})
}

func TestSystemKeyringItemsOfOthersAreNotChanged(t *testing.T) {
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
	if err := new(keyring.Keyring).Put(t.Context(), sessionItem(otherKey), "",
		[]byte(`{"v":99}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetLocked(t.Context(), otherKey, testFacts()); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer version's: %v", err)
	}
	if _, err := c.Put(t.Context(), otherKey, testSession(),
		testFacts()); !errors.Is(err, ErrVersion) {
		t.Errorf("a newer version's was replaced: %v", err)
	}
	// Clear deletes both, and counts the one with facts.
	if n, err := c.Clear(t.Context()); n != 1 || err != nil {
		t.Errorf("cleared %d, %v", n, err)
	}
	for _, key := range []Key{testKey, otherKey} {
		if _, err := new(keyring.Keyring).Get(t.Context(),
			sessionItem(key)); !errors.Is(err, keyring.ErrNotFound) {
			t.Errorf("left: %v", err)
		}
	}
	if got, err := gokeyring.Get(another, "x"); err != nil || got != "stays" {
		t.Errorf("another service's item: %q, %v", got, err)
	}
	w.want(t, 0)
}
