package cache

import (
	"errors"
	"testing"
)

// The tests' own environment has no session bus, see TestMain.
func TestHealthTellsOfAKeyringThatIsNotThere(t *testing.T) {
	for choice, store := range map[Choice]Choice{Auto: None, Keyring: Keyring} {
		c, _ := openTest(t, choice, "")
		if h := c.Health(t.Context()); !errors.Is(h.StoreErr, ErrUnavailable) || h.Store != store {
			t.Errorf("%s: %+v", choice, h)
		}
	}
}
