package credproc

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"aws-credproc/cache"
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
			if _, err := l.Accept(); err != nil {
				return
			}
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
					var e *Error
					if !errors.As(err, &e) || !e.Passing || !strings.Contains(err.Error(), "no answer in time") || !strings.Contains(err.Error(), "(mend: ") {
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
