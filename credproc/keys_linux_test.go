package credproc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// importIntoSilentKeyring moves the keys of the chain to a keyring that never answers, and counts
// the connections to it.
func (o *testChain) importIntoSilentKeyring(t *testing.T) (asked *atomic.Int32) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	asked = &atomic.Int32{}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() }) // else the garbage collector does, at any time
			asked.Add(1)
		}
	}()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	o.chain.Source.Type = profiles.Keyring
	return asked
}

// process returns a Resolver like that of another process, with its own store.
func (o *testChain) process(t *testing.T, dir string, store cache.Choice) *Resolver {
	t.Helper()
	k := new(keyring.Keyring)
	c, err := cache.Open(cache.Options{Dir: dir, Choice: store, Now: o.clock.Now, Keyring: k})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	r := o.Resolver
	r.Cache, r.Keyring = c, k
	return &r
}

// Whether sessions are in the keyring too makes no difference.
func TestOneProcessWaitsForSilentKeyring(t *testing.T) {
	for _, store := range []cache.Choice{cache.File, cache.Keyring} {
		t.Run(string(store), func(t *testing.T) {
			o := newTestChain(t, 2, "")
			asked := o.importIntoSilentKeyring(t)
			dir := t.TempDir()
			var all sync.WaitGroup
			for range 8 {
				r := o.process(t, dir, store)
				all.Go(func() {
					_, err := r.Credentials(t.Context(), o.chain)
					var e *diag.Error
					if !errors.As(err, &e) || !e.Has(diag.Temporary) ||
						!strings.Contains(diag.Text(err), "no response in time") ||
						!strings.Contains(diag.Text(err), "hint: ") {
						t.Errorf("got %v", err)
					}
				})
			}
			all.Wait()
			if n := asked.Load(); n != 1 {
				t.Errorf("it was asked by %d processes, want 1", n)
			}
		})
	}
}

// One process in 30 seconds asks the keyring, even if its own deadline is short.
func TestCachedSessionIsReturnedWhileKeyringIsSilent(t *testing.T) {
	for name, limit := range map[string]time.Duration{"the keyring's time": time.Minute,
		"the caller's time": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			o := newTestChain(t, 1, "")
			first, err := o.Credentials(t.Context(), o.chain)
			must(t, err)
			asked := o.importIntoSilentKeyring(t)
			var warnings []string
			o.Warnf = func(format string,
				args ...any) {
				warnings = append(warnings, fmt.Sprintf(format, args...))
			}
			o.clock.now = first.Expiration.Add(-5 * time.Minute)
			for turn := range 3 {
				want := int32(turn + 1)
				for range 4 { // of one half minute
					ctx, cancel := context.WithTimeout(t.Context(), limit)
					s, err := o.Credentials(ctx, o.chain)
					cancel()
					if err != nil || s != first {
						t.Fatalf("turn %d: %v", turn, err)
					}
					o.Resolver = *o.process(t, o.dir, cache.File)
				}
				if n := asked.Load(); n != want {
					t.Errorf("turn %d: the keyring was asked %d times, want %d", turn, n, want)
				}
				o.clock.now = o.clock.now.Add(outageLife + time.Second)
			}
			if len(warnings) != 12 {
				t.Errorf("%d warnings, want 12: %q", len(warnings), warnings)
			}
			for _, w := range warnings {
				if !strings.Contains(w, "no response") ||
					!strings.Contains(w, "hint: ") ||
					!strings.Contains(w, "returning the cached session, which is valid for ") {
					t.Errorf("warning %q", w)
				}
			}
		})
	}
}

func TestSlowStoreIsReported(t *testing.T) {
	o := newTestChain(t, 2, "")
	o.importIntoSilentKeyring(t)
	o.chain.Source.Type = profiles.Static
	r := o.process(t, t.TempDir(), cache.Keyring)
	var warnings []string
	r.Warnf = func(format string, args ...any) {
		warnings = append(warnings,
			fmt.Sprintf(format, args...))
	}
	res, err := r.newResolution(o.chain)
	must(t, err)
	res.storeLimit = 50 * time.Millisecond
	now := o.clock.Now()
	res.store(t.Context(), 1, cache.Session{AccessKeyID: "ASIAX", SecretAccessKey: "hush", Issued: now,
		Expiration: now.Add(time.Hour)})
	if len(warnings) != 1 || !strings.HasSuffix(warnings[0], "keyring: no response in time (50ms)") {
		t.Errorf("warnings %q", warnings)
	}
}
