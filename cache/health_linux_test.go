package cache

import (
	"errors"
	"testing"
)

// The environment of the tests has no session bus, see TestMain.
func TestHealthWithoutAKeyring(t *testing.T) {
	for _, choice := range []Choice{Auto, Keyring} {
		c, _ := openTest(t, choice, "")
		if h := c.Health(t.Context()); !errors.Is(h.StoreErr, ErrUnavailable) ||
			h.Store == Keyring && choice == Auto {
			t.Errorf("%s: %+v", choice, h)
		}
	}
}
