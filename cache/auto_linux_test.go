package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"aws-credproc/cache/keyring"
	"aws-credproc/internal/childtest"
	"aws-credproc/internal/keyringtest"

	"golang.org/x/sys/unix"
)

func init() {
	// unlock DIR unlocks as a command at a terminal does, and prints whether the keyring is
	// unlocked.
	childtest.Register("unlock", func(args []string) error {
		err := Unlock(context.Background(), new(keyring.Keyring), args[0], UnlockLimit, func() {})
		if err != nil && !errors.Is(err, ErrLocked) {
			return err
		}
		fmt.Println(err == nil)
		return nil
	})
}

func TestAutoUsesTheKernelStoreWithoutAKeyring(t *testing.T) {
	for name, tc := range keyringtest.States() {
		t.Run(name, func(t *testing.T) {
			dir := kernelDir(t)
			tc.Enter(t)
			c, w := openTest(t, Auto, dir)
			store, reason := c.StoreName(t.Context())
			if store != Kernel || !strings.Contains(reason, tc.Reason) {
				t.Errorf("store %s: %s", store, reason)
			}
			s := testSession()
			mustPut(t, c, testKey, s, Kernel)
			another, _ := openTest(t, Auto, dir)
			if got, err := another.Get(t.Context(), testKey); err != nil || got != s {
				t.Errorf("another process: %v, %v", got, err)
			}
			if err := another.Delete(t.Context(), testKey); err != nil {
				t.Errorf("delete: %v", err)
			}
			if left := filesIn(t, sessionsDir(dir)); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			w.want(t, 0)
		})
	}
}

func TestAutoWithoutAStoreCachesNothing(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	c, w := openTest(t, Auto, "")
	c.stores.kernel = noKernel
	if store, reason := c.StoreName(t.Context()); store != None ||
		!strings.Contains(reason, "no D-Bus session bus") || !strings.Contains(reason, "EPERM") {
		t.Errorf("store %s: %s", store, reason)
	}
	mustPut(t, c, testKey, testSession(), None)
	w.want(t, 0)
}

// A store that is available but rejects sessions may reject all of them, so that is an error.
func TestAutoReportsAStoreThatRejectsSessions(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	c, _ := openTest(t, Auto, "")
	c.stores.kernel = forgetfulKernel{}
	if store, err := c.Put(t.Context(), testKey, testSession(), testFacts()); store != None ||
		!errors.Is(err, ErrUnavailable) {
		t.Errorf("%s, %v", store, err)
	}
}

func TestStoreNameOfAnUnavailableStore(t *testing.T) {
	for name, tc := range keyringtest.States() {
		t.Run(name, func(t *testing.T) {
			tc.Enter(t)
			c, w := openTest(t, Keyring, "")
			if store, reason := c.StoreName(t.Context()); store != None ||
				!strings.Contains(reason, tc.Reason) {
				t.Errorf("store %s: %s", store, reason)
			}
			w.want(t, 0)
		})
	}
	c, w := openTest(t, Kernel, "")
	c.stores.kernel = noKernel
	if store, reason := c.StoreName(t.Context()); store != None ||
		!strings.Contains(reason, "EPERM") {
		t.Errorf("store %s: %s", store, reason)
	}
	w.want(t, 0)
}

// A timeout caused by the caller's deadline is not a failure of the keyring.
func TestShortDeadlineDoesNotChooseAStore(t *testing.T) {
	d := keyringtest.New(t)
	daemon := d.StartKeyring(true)
	c, _ := openTest(t, Auto, "")
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	c.StoreName(ctx)
	if err := daemon.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	keyringtest.WaitFor(t, "the keyring", func() bool {
		return c.stores.keyring.Status(t.Context(), keyring.ResponseLimit) == nil
	})
	if store, reason := c.StoreName(t.Context()); store != Keyring {
		t.Errorf("store %s: %s", store, reason)
	}
}

// While the keyring is locked, sessions go to the kernel store. Those in the keyring are neither
// lost nor left behind.
func TestSessionsOutliveALockedKeyring(t *testing.T) {
	dir := kernelDir(t)
	d := keyringtest.New(t)
	d.StartKeyring(true)
	open := func() *Cache { // like another process
		c, w := openTest(t, Auto, dir)
		t.Cleanup(func() { w.want(t, 0) })
		return c
	}
	first, second, third := testSession(), testSession(), testSession()
	second.AccessKeyID, third.AccessKeyID = "ASIASECOND", "ASIATHIRD"
	mustPut(t, open(), testKey, first, Keyring)
	mustPut(t, open(), otherKey, first, Keyring)
	d.Lock()
	if _, err := open().Get(t.Context(), testKey); !errors.Is(err, ErrLocked) {
		t.Errorf("get: %v", err)
	}
	if _, err := open().GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrLocked) {
		t.Errorf("GetLocked: %v", err)
	}
	if f, err := open().FactsOf(testKey); err != nil || f.Store != Keyring {
		t.Errorf("reading moved it: %+v, %v", f, err)
	}
	mustPut(t, open(), testKey, second, Kernel)
	if got, err := open().Get(t.Context(), testKey); err != nil || got != second {
		t.Errorf("while it is locked: %v, %v", got, err)
	}
	if f, err := open().FactsOf(testKey); err != nil || f.Store != Kernel ||
		!f.KeyringUntil.Equal(first.Expiration) {
		t.Errorf("facts: %+v, %v", f, err)
	}
	d.Unlock()
	if got, err := open().Get(t.Context(), testKey); err != nil || got != second {
		t.Errorf("unlocked: %v, %v", got, err)
	}
	if got, err := open().Get(t.Context(), otherKey); err != nil || got != first {
		t.Errorf("a session that was not replaced: %v, %v", got, err)
	}
	mustPut(t, open(), testKey, third, Keyring)
	if got, err := open().Get(t.Context(), testKey); err != nil || got != third {
		t.Errorf("new session: %v, %v", got, err)
	}
	if f, err := open().FactsOf(testKey); err != nil || !f.KeyringUntil.IsZero() {
		t.Errorf("facts: %+v, %v", f, err)
	}
	if left := filesIn(t, sessionsDir(dir)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// A session that was deleted while the keyring was locked is not returned when it is unlocked, and
// is then deleted.
func TestSessionDeletedFromALockedKeyringStaysDeleted(t *testing.T) {
	for name, del := range map[string]func(c *Cache) error{
		"clear":  func(c *Cache) error { _, err := c.Clear(t.Context()); return err },
		"delete": func(c *Cache) error { return c.Delete(t.Context(), testKey) },
	} {
		for store, before := range map[Choice]func(t *testing.T, c *Cache, d *keyringtest.Desktop){
			Keyring: func(_ *testing.T, _ *Cache, d *keyringtest.Desktop) { d.Lock() },
			Kernel: func(t *testing.T, c *Cache, d *keyringtest.Desktop) {
				d.Lock()
				mustPut(t, c, testKey, testSession(), Kernel)
			},
			"damaged facts": func(t *testing.T, c *Cache, d *keyringtest.Desktop) {
				d.Lock()
				if err := os.WriteFile(factsPath(c.opts.Dir, testKey), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
		} {
			t.Run(name+" "+string(store), func(t *testing.T) {
				dir := kernelDir(t)
				d := keyringtest.New(t)
				d.StartKeyring(true)
				open := func() *Cache { return openTestAt(t, Auto, dir) }
				mustPut(t, open(), testKey, testSession(), Keyring)
				before(t, open(), d)
				if err := del(open()); !errors.Is(err, ErrLocked) {
					t.Errorf("got %v", err)
				}
				if err := open().RecordFailure(testKey, testFacts(), errors.New("x")); err != nil {
					t.Fatal(err)
				}
				d.Unlock()
				c := open()
				for name, get := range map[string]func() (Session, error){
					"Get": func() (Session, error) { return c.Get(t.Context(), testKey) },
					"GetLocked": func() (Session, error) {
						return c.GetLocked(t.Context(), testKey, testFacts())
					},
				} {
					if _, err := get(); !errors.Is(err, ErrMiss) {
						t.Errorf("%s: %v", name, err)
					}
				}
				mustPut(t, c, otherKey, testSession(), Keyring)
				if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
					t.Errorf("the item is still there: %v", err)
				}
				mustPut(t, c, testKey, testSession(), Keyring)
				if _, err := c.Get(t.Context(), testKey); err != nil {
					t.Errorf("the next session was deleted too: %v", err)
				}
			})
		}
	}
}

// A process that is killed before it writes the facts leaves a session without facts in the kernel
// store.
func TestGetLockedFindsASessionInTheKernelStore(t *testing.T) {
	dir := kernelDir(t)
	d := keyringtest.New(t)
	d.StartKeyring(true)
	c, _ := openTest(t, Auto, dir)
	s := testSession()
	mustPut(t, c, testKey, s, Keyring)
	d.Lock()
	st := c.stores.kernelStore(c.state.dir)
	if err := st.put(t.Context(), testKey, s); err != nil {
		t.Fatal(err)
	}
	c, _ = openTest(t, Auto, dir)
	if got, err := c.GetLocked(t.Context(), testKey, testFacts()); err != nil || got != s {
		t.Errorf("got %v, %v", got, err)
	}
	if f, err := c.FactsOf(testKey); err != nil || f.Store != Kernel ||
		!f.KeyringUntil.Equal(s.Expiration) {
		t.Errorf("facts: %+v, %v", f, err)
	}
}

// The keyring fails after it was found unlocked.
func TestAutoFallsBackToTheKernelStore(t *testing.T) {
	for name, fail := range map[string]func(t *testing.T, d *keyringtest.Desktop, pid int) error{
		"locked": func(t *testing.T, d *keyringtest.Desktop, _ int) error { d.Lock(); return nil },
		"killed": func(t *testing.T, d *keyringtest.Desktop, pid int) error {
			defer keyringtest.WaitFor(t, "the end of the daemon", func() bool {
				return !d.HasService()
			})
			return unix.Kill(pid, unix.SIGKILL)
		},
		"stopped": func(t *testing.T, d *keyringtest.Desktop, pid int) error {
			return unix.Kill(pid, unix.SIGSTOP)
		},
		"bus gone": func(t *testing.T, d *keyringtest.Desktop, _ int) error {
			return d.Bus.Process.Kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := kernelDir(t)
			d := keyringtest.New(t)
			daemon := d.StartKeyring(true)
			c, w := openTest(t, Auto, dir)
			if store, reason := c.StoreName(t.Context()); store != Keyring {
				t.Fatalf("%v: %v", store, reason)
			}
			if err := fail(t, d, daemon.Process.Pid); err != nil {
				t.Fatal(err)
			}
			mustPut(t, c, testKey, testSession(), Kernel)
			if f, err := c.FactsOf(testKey); err != nil || !f.KeyringUntil.IsZero() {
				t.Errorf("the facts name a session in the keyring: %+v, %v", f, err)
			}
			w.want(t, 0)
		})
	}
}

// Another daemon takes over, as after an upgrade.
func TestSessionsOutliveTheDaemon(t *testing.T) {
	d := keyringtest.New(t)
	daemon := d.StartKeyring(true)
	c, _ := openTest(t, Auto, "")
	s := testSession()
	mustPut(t, c, testKey, s, Keyring)
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { _, err := openKeyring(t).get(t.Context(), testKey); got <- err }()
	keyringtest.WaitFor(t, "the call", func() bool {
		return d.Clients() >= 3
	}) // the test, the daemon and the call
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err == nil || errors.Is(err, ErrMiss) || errors.Is(err, ErrTimeout) {
		t.Errorf("killed during a call: %v", err)
	}
	keyringtest.WaitFor(t, "the end of the daemon", func() bool { return !d.HasService() })
	if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a daemon: %v", err)
	}
	d.StartKeyring(true)
	if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("from another daemon: %v, %v", got, err)
	}
}

func TestUnlockWaitsForTheUser(t *testing.T) {
	for name, tc := range map[string]struct {
		user *keyringtest.User
		want error
	}{
		"password":      {&keyringtest.User{Password: "password"}, nil},
		"dialog closed": {&keyringtest.User{}, ErrLocked},
		"no prompter":   {nil, ErrLocked},
	} {
		t.Run(name, func(t *testing.T) {
			d := keyringtest.New(t)
			d.StartKeyring(true)
			d.Lock()
			d.User.Store(tc.user)
			c, w := openTest(t, Auto, kernelDir(t))
			waits := 0
			if err := Unlock(t.Context(), new(keyring.Keyring), c.opts.Dir, UnlockLimit, func() {
				waits++
			}); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if n := d.Prompts.Load(); n != 1 || waits != 1 {
				t.Errorf("%d prompts, %d waits", n, waits)
			}
			store := Kernel
			if tc.want == nil {
				store = Keyring
				if err := Unlock(t.Context(), new(keyring.Keyring), c.opts.Dir, UnlockLimit, func() {
					waits++
				}); err != nil || waits != 1 {
					t.Errorf("unlocked: %v, %d waits", err, waits)
				}
			}
			mustPut(t, c, testKey, testSession(), store)
			w.want(t, 0)
		})
	}
}

// The process that shows the prompt may be stopped.
func TestUnlockWaitsForALimitedTime(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	d.Lock()
	st := openFileStore(t)
	free, err := st.dir.Lock(t.Context(), unlockLock, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Unlock(ctx, new(keyring.Keyring), st.dir.Path(), 100*time.Millisecond,
		func() {}); !errors.Is(err, ErrLocked) ||
		!strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

func TestUnlockWithoutALockedKeyringDoesNotWait(t *testing.T) {
	for name, state := range keyringtest.States() {
		if name == "locked" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			state.Enter(t)
			if err := Unlock(t.Context(), new(keyring.Keyring), t.TempDir(), UnlockLimit, func() {
				t.Error("it waits for the user")
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// Several concurrent prompts that cannot be shown would make the daemon hang.
func TestConcurrentUnlocksDoNotHangTheDaemon(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	s := testSession()
	k := openKeyring(t)
	if err := k.put(t.Context(), testKey, s); err != nil {
		t.Fatal(err)
	}
	d.Lock()
	d.StopPrompter()
	dir := t.TempDir()
	for _, out := range childtest.Run(t, 6, "unlock", func(int) []string { return []string{dir} }) {
		if out != "false" {
			t.Errorf("open: %s", out)
		}
	}
	d.StartPrompter()
	d.User.Store(&keyringtest.User{Password: "password"})
	for _, out := range childtest.Run(t, 6, "unlock", func(int) []string { return []string{dir} }) {
		if out != "true" {
			t.Errorf("open: %s", out)
		}
	}
	if n := d.Prompts.Load(); n != 1 {
		t.Errorf("%d prompts for one keyring", n)
	}
	if got, err := k.get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

func TestExpiredItemsAreDeletedWhenTheKeyringIsUnlocked(t *testing.T) {
	for _, choice := range []Choice{Auto, Keyring, File} {
		t.Run(string(choice), func(t *testing.T) {
			dir := kernelDir(t)
			d := keyringtest.New(t)
			d.StartKeyring(true)
			now := time.Now()
			open := func() *Cache {
				c, w := openAt(t, choice, dir, &now)
				t.Cleanup(func() { w.want(t, 0) })
				return c
			}
			s := testSession()
			mustPut(t, openTestAt(t, Keyring, dir), testKey, s, Keyring)
			mustPut(t, openTestAt(t, Keyring, dir), Key{2}, s, Keyring)
			d.Lock()
			mustPut(t, openTestAt(t, Auto, dir), Key{2}, s, Kernel) // its item stays in the keyring
			now = s.Expiration.Add(time.Second)
			next := testSession()
			next.Issued, next.Expiration = now, now.Add(time.Hour)
			_, _ = open().Put(t.Context(), otherKey, next, testFacts())
			for _, key := range []Key{testKey, {2}} {
				if f, err := openTestAt(t, File, dir).dirFacts(t, key); err != nil ||
					!f.mayBeInKeyring() {
					t.Errorf("locked: the facts no longer name the item: %+v, %v", f, err)
				}
			}
			d.Unlock()
			if _, err := open().Put(t.Context(), otherKey, next, testFacts()); err != nil {
				t.Fatal(err)
			}
			for _, key := range []Key{testKey, {2}} {
				if _, err := openTestAt(t, File, dir).dirFacts(t, key); !errors.Is(err, ErrMiss) {
					t.Errorf("facts: %v", err)
				}
				if _, err := openKeyring(t).get(t.Context(), key); !errors.Is(err, ErrMiss) {
					t.Errorf("item: %v", err)
				}
			}
		})
	}
}

func openTestAt(t *testing.T, choice Choice, dir string) *Cache {
	t.Helper()
	c, _ := openTest(t, choice, dir)
	return c
}

// dirFacts returns facts as they are in the file, including those that FactsOf hides.
func (c *Cache) dirFacts(t *testing.T, key Key) (Facts, error) {
	t.Helper()
	d, err := c.state.open(false)
	if err != nil {
		t.Fatal(err)
	}
	return readFacts(d, key)
}
