package cache

import (
	"errors"
	"testing"
)

// The tests' own environment has no session bus, see TestMain.
func TestHealthTellsOfAKeyringThatIsNotThere(t *testing.T) {
	for _, choice := range []Choice{Auto, Keyring} {
		c, _ := openTest(t, choice, "")
		if h := c.Health(t.Context()); !errors.Is(h.StoreErr, ErrUnavailable) || h.Store == Keyring && choice == Auto {
			t.Errorf("%s: %+v", choice, h)
		}
	}
}
