package cache

import (
	"errors"
	"os"
	"testing"
)

// A Cache recreates its state directory if it was removed.
func TestRemovedStateDirectoryIsRecreated(t *testing.T) {
	c, w := openTest(t, File, "")
	mustPut(t, c, testKey, testSession(), File)
	if err := os.RemoveAll(c.opts.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("Get: %v", err)
	}
	unlock, err := c.Lock(t.Context(), testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	mustPut(t, c, testKey, testSession(), File)
	other, _ := openTest(t, File, c.opts.Dir)
	if _, err := other.Get(t.Context(), testKey); err != nil {
		t.Error(err)
	}
	w.want(t, 0)
}
