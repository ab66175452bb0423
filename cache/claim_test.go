package cache

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws-credproc/cache/statedir"
)

func TestClaimIsExclusive(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	open := func(choice Choice) *Cache {
		t.Helper()
		c, err := openWith(Options{Dir: dir, Choice: choice,
			Now: func() time.Time {
				return now
			}, Warnf: t.Errorf})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	key, other := Key{1}, Key{2}
	claims := func(key Key) bool {
		t.Helper()
		claimed, err := open(File).Claim(key, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return claimed
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if claimed, err := open(File).Claim(key, time.Minute); err != nil {
				t.Error(err)
			} else if claimed {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of many claimed it, want 1", won.Load())
	}
	if !claims(other) {
		t.Error("a claim counts for another session")
	}
	now = now.Add(time.Minute - time.Second)
	if claims(key) {
		t.Error("claimed twice within the lifetime")
	}
	now = now.Add(time.Second)
	if !claims(key) || claims(key) {
		t.Error("after its lifetime, want one claim")
	}
	now = now.Add(-time.Hour)
	if !claims(key) {
		t.Error("a claim in the future counts")
	}
	path := filepath.Join(dir, string(statedir.Facts), claimName(key))
	if err := os.WriteFile(path, []byte("not a time"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !claims(key) {
		t.Error("a claim that cannot be read counts")
	}
	if err := open(File).Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("Delete left the claim")
	}
	if claimed, err := open(None).Claim(key, time.Minute); err != nil || claimed {
		t.Errorf("with store none: %v, %v", claimed, err)
	}
}
