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
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// importedInSilence makes the long-term keys of a chain imported ones, in a keyring that never answers, and counts who asks it.
func (o *office) importedInSilence(t *testing.T) (asked *atomic.Int32) {
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

// process gives a Resolver as another process has it, with the store of its choice.
func (o *office) process(t *testing.T, dir string, store cache.Choice) *Resolver {
	t.Helper()
	c, err := cache.Open(cache.Options{Dir: dir, Choice: store, Now: o.clock.Now})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	r := o.Resolver
	r.Cache = c
	return &r
}

// TestASilentKeyringIsWaitedForByOne: the others learn from it, whether the sessions would be in that keyring too or not.
func TestASilentKeyringIsWaitedForByOne(t *testing.T) {
	for _, store := range []cache.Choice{cache.File, cache.Keyring} {
		t.Run(string(store), func(t *testing.T) {
			o := newOffice(t, 2, "")
			asked := o.importedInSilence(t)
			dir := t.TempDir()
			var all sync.WaitGroup
			for range 8 {
				r := o.process(t, dir, store)
				all.Go(func() {
					_, err := r.Credentials(t.Context(), o.chain)
					var e *diag.Error
					if !errors.As(err, &e) || !e.Has(diag.Temporary) || !strings.Contains(diag.Text(err), "no answer in time") || !strings.Contains(diag.Text(err), "hint: ") {
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

// TestASilentKeyringCostsNoGoodSession: the session before is served while it is good, and one process in half a minute asks
// the keyring, also where it is cut short by its own deadline.
func TestASilentKeyringCostsNoGoodSession(t *testing.T) {
	for name, limit := range map[string]time.Duration{"the keyring's time": time.Minute, "the caller's time": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t, 1, "")
			first, err := o.Credentials(t.Context(), o.chain)
			must(t, err)
			asked := o.importedInSilence(t)
			var told []string
			o.Warnf = func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
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
			if len(told) != 12 {
				t.Errorf("%d warnings, want 12: %q", len(told), told)
			}
			for _, w := range told {
				if !strings.Contains(w, "no answer") && !strings.Contains(w, "no response") || !strings.Contains(w, "hint: ") || !strings.Contains(w, "returning the cached session, which is valid for ") {
					t.Errorf("warning %q", w)
				}
			}
		})
	}
}

// A keyring that answers, but too slowly in all, is told of as such.
func TestAStoreThatTakesTooLongIsToldOf(t *testing.T) {
	o := newOffice(t, 2, "")
	o.importedInSilence(t)
	o.chain.Source.Type = profiles.Static
	storePatience = 50 * time.Millisecond
	t.Cleanup(func() { storePatience = 5 * time.Second })
	r := o.process(t, t.TempDir(), cache.Keyring)
	var told []string
	r.Warnf = func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	res, err := r.newResolution(o.chain)
	must(t, err)
	now := o.clock.Now()
	res.store(t.Context(), 1, cache.Session{AccessKeyID: "ASIAX", SecretAccessKey: "hush", Issued: now, Expiration: now.Add(time.Hour)})
	if len(told) != 1 || !strings.HasSuffix(told[0], "keyring: no answer in time (50ms)") {
		t.Errorf("told %q", told)
	}
}
