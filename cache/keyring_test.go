package cache

import (
	"context"
	"errors"
	"strings"
	"testing"
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
