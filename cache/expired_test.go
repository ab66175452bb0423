package cache

import (
	"errors"
	"testing"
	"time"
)

// TestClearExpired: it keeps valid sessions, and those that another process is replacing.
func TestClearExpired(t *testing.T) {
	for store, dir := range map[Choice]func(t *testing.T) string{
		File:   func(t *testing.T) string { return t.TempDir() },
		Kernel: func(t *testing.T) string { return kernelDir(t) },
	} {
		t.Run(string(store), func(t *testing.T) { testClearExpired(t, store, dir(t)) })
	}
}

func testClearExpired(t *testing.T, store Choice, dir string) {
	now := time.Now()
	c, w := openAt(t, store, dir, &now)
	short, long := testSession(), testSession()
	long.Expiration = long.Expiration.Add(24 * time.Hour)
	mustPut(t, c, Key{1}, short, store)
	mustPut(t, c, Key{2}, long, store)
	mustPut(t, c, Key{3}, short, store)
	mustPut(t, c, Key{4}, short, store)
	if n, err := c.ClearExpired(t.Context()); n != 0 || err != nil {
		t.Errorf("before: %d, %v", n, err)
	}
	unlock, err := c.Lock(t.Context(), Key{3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now = short.Expiration.Add(time.Second)
	if n, err := c.ClearExpired(t.Context()); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	unlock()
	for key, want := range map[byte]bool{1: false, 2: true, 3: true, 4: false} {
		f, err := c.FactsOf(Key{key})
		if exists := err == nil && f.Store != ""; exists != want || !want && !errors.Is(err, ErrMiss) {
			t.Errorf("session %d: %+v, %v", key, f, err)
		}
	}
	if _, err := c.Get(t.Context(), Key{2}); err != nil {
		t.Error(err)
	}
	if n, err := c.ClearExpired(t.Context()); n != 1 || err != nil {
		t.Errorf("after the lock: %d, %v", n, err)
	}
	if len(w.all) > 0 {
		t.Error(w.all)
	}
}
