package cache

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/internal/keyringtest"
)

// block makes the keyring of a desktop one that cannot be searched, and returns a function that
// ends that.
func block(t *testing.T, d *keyringtest.Desktop, daemon *os.Process, want error) (end func()) {
	t.Helper()
	if errors.Is(want, ErrLocked) {
		d.Lock()
		return d.Unlock
	}
	signal := func(s syscall.Signal) {
		if err := daemon.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	return func() { signal(syscall.SIGCONT) }
}

// After its facts are lost, a session may still be in the keyring.
func TestKeyringThatCannotBeSearchedIsNotReportedAsCleared(t *testing.T) {
	for name, want := range map[string]error{"locked": ErrLocked, "silent": ErrTimeout} {
		for _, choice := range []Choice{Auto, Keyring} {
			t.Run(name+"/"+string(choice), func(t *testing.T) {
				d := keyringtest.New(t)
				daemon := d.StartKeyring(true)
				c, _ := openTest(t, choice, "")
				mustPut(t, c, testKey, testSession(), Keyring)
				if err := os.RemoveAll(c.opts.Dir); err != nil {
					t.Fatal(err)
				}
				unblock := block(t, d, daemon.Process, want)
				other, w := openTest(t, choice, c.opts.Dir)
				if n, err := other.Clear(t.Context()); n != 0 || !errors.Is(err, want) ||
					!strings.Contains(err.Error(), "may not have been deleted") {
					t.Errorf("clear: %d, %v", n, err)
				}
				if found, err := other.DeleteFound(t.Context(), testKey); found ||
					!errors.Is(err, want) || !strings.Contains(err.Error(), "no longer used") {
					t.Errorf("delete: %v, %v", found, err)
				}
				if n, err := other.Clear(t.Context()); n != 0 || !errors.Is(err, want) ||
					!strings.Contains(err.Error(), "may not have been deleted") {
					t.Errorf("clear after delete: %d, %v", n, err)
				}
				unblock()
				later, _ := openTest(t, choice, c.opts.Dir)
				if s, err := later.GetLocked(t.Context(), testKey,
					testFacts()); !errors.Is(err, ErrMiss) {
					t.Errorf("afterwards: %v, %v", s, err)
				}
				w.want(t, 0)
			})
		}
	}
}

// A keyring that cannot be searched does not matter to a user whose sessions are elsewhere.
func TestClearingAnotherStoreDoesNotNeedTheKeyring(t *testing.T) {
	for name, tc := range map[string]struct {
		choice, stored Choice
		want           error
	}{
		"kernel by choice":                 {Kernel, Kernel, ErrTimeout},
		"file by choice":                   {File, File, ErrTimeout},
		"kernel while auto has no keyring": {Auto, Kernel, ErrTimeout},
		"locked":                           {Auto, Kernel, ErrLocked},
	} {
		t.Run(name, func(t *testing.T) {
			dir := kernelDir(t)
			d := keyringtest.New(t)
			daemon := d.StartKeyring(true)
			defer block(t, d, daemon.Process, tc.want)()
			for what, clearStore := range map[string]func(*Cache) (int, error){
				"Clear": func(c *Cache) (int, error) { return c.Clear(t.Context()) },
				"Delete": func(c *Cache) (int, error) {
					found, err := c.DeleteFound(t.Context(), testKey)
					if found {
						return 1, err
					}
					return 0, err
				},
			} {
				c, w := openTest(t, tc.choice, dir)
				mustPut(t, c, testKey, testSession(), tc.stored)
				if n, err := clearStore(c); n != 1 || err != nil {
					t.Errorf("%s: %d, %v", what, n, err)
				}
				w.want(t, 0)
			}
			if tc.choice == Auto && !errors.Is(tc.want, ErrLocked) {
				return
			}
			c, _ := openTest(t, tc.choice, dir)
			if err := c.Delete(t.Context(), testKey); err != nil {
				t.Errorf("again: %v", err)
			}
			if n, err := c.Clear(t.Context()); n != 0 || err != nil {
				t.Errorf("clear again: %d, %v", n, err)
			}
		})
	}
}

func TestDeleteFindsASessionWithoutFacts(t *testing.T) {
	everyStore(t, func(t *testing.T, name, dir string) {
		c, w, err := openNamed(dir, name, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, hasFacts := range []bool{true, false} {
			if _, err := c.Put(t.Context(), testKey, testSession(), testFacts()); err != nil {
				t.Fatal(err)
			}
			if !hasFacts {
				if err := os.Remove(factsPath(dir, testKey)); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []bool{true, false} {
				if found, err := c.DeleteFound(t.Context(), testKey); found != want || err != nil {
					t.Errorf("facts %v: found %v, %v; want %v", hasFacts, found, err, want)
				}
			}
		}
		w.want(t, 0)
	})
}
