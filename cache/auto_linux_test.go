package cache

import (
	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/internal/childtest"
	"aws-credproc/internal/keyringtest"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	// unlock DIR: as a command that a person typed; prints whether the keyring is open.
	childtest.Register("unlock", func(args []string) error {
		err := Unlock(context.Background(), args[0], UnlockLimit, func() {})
		if err != nil && !errors.Is(err, ErrLocked) {
			return err
		}
		fmt.Println(err == nil)
		return nil
	})
}

func TestAutoTakesTheKernelStoreWhereTheKeyringTakesNothing(t *testing.T) {
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
			if left := filesIn(t, filepath.Join(dir, string(statedir.Sessions))); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			w.want(t, 0)
		})
	}
}

func TestAutoWithoutAnyStoreKeepsNothing(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	c, w := openTest(t, Auto, "")
	c.stores.kernel = noKernel
	if store, reason := c.StoreName(t.Context()); store != None || !strings.Contains(reason, "no D-Bus session bus") || !strings.Contains(reason, "EPERM") {
		t.Errorf("store %s: %s", store, reason)
	}
	mustPut(t, c, testKey, testSession(), None)
	w.want(t, 0)
}

// What a store that is there refuses all the same, it may refuse each time: somebody must be told.
func TestAutoTellsOfAStoreThatTakesNothingAfterAll(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	c, _ := openTest(t, Auto, "")
	c.stores.kernel = forgetfulKernel{}
	if store, err := c.Put(t.Context(), testKey, testSession(), testFacts()); store != None || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%s, %v", store, err)
	}
}

// Whoever looks is told that the store which was chosen takes nothing.
func TestAStoreThatIsOutOfReachIsTold(t *testing.T) {
	for name, tc := range keyringtest.States() {
		t.Run(name, func(t *testing.T) {
			tc.Enter(t)
			c, w := openTest(t, Keyring, "")
			if store, reason := c.StoreName(t.Context()); store != None || !strings.Contains(reason, tc.Reason) {
				t.Errorf("store %s: %s", store, reason)
			}
			w.want(t, 0)
		})
	}
	c, w := openTest(t, Kernel, "")
	c.stores.kernel = noKernel
	if store, reason := c.StoreName(t.Context()); store != None || !strings.Contains(reason, "EPERM") {
		t.Errorf("store %s: %s", store, reason)
	}
	w.want(t, 0)
}

// The haste of a caller is no reason to choose another store.
func TestAutoDecidesNothingForACallerInHaste(t *testing.T) {
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
	keyringtest.WaitFor(t, "the keyring", func() bool { return c.stores.keyring.Status(t.Context(), keyring.ResponseLimit) == nil })
	if store, reason := c.StoreName(t.Context()); store != Keyring {
		t.Errorf("store %s: %s", store, reason)
	}
}

// The keyring is locked for a while: who needs a session in the meantime gets a new one, and what was there is neither
// lost nor left behind.
func TestSessionsOutliveALockedKeyring(t *testing.T) {
	dir := kernelDir(t)
	d := keyringtest.New(t)
	d.StartKeyring(true)
	open := func() *Cache { // as another process does
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
		t.Errorf("second look: %v", err)
	}
	if f, err := open().FactsOf(testKey); err != nil || f.Store != Keyring {
		t.Errorf("it was moved by a look: %+v, %v", f, err)
	}
	mustPut(t, open(), testKey, second, Kernel)
	if got, err := open().Get(t.Context(), testKey); err != nil || got != second {
		t.Errorf("while it is locked: %v, %v", got, err)
	}
	if f, err := open().FactsOf(testKey); err != nil || f.Store != Kernel || !f.KeyringUntil.Equal(first.Expiration) {
		t.Errorf("facts: %+v, %v", f, err)
	}
	d.Unlock()
	if got, err := open().Get(t.Context(), testKey); err != nil || got != second {
		t.Errorf("unlocked: %v, %v", got, err)
	}
	if got, err := open().Get(t.Context(), otherKey); err != nil || got != first {
		t.Errorf("what nobody needed in the meantime: %v, %v", got, err)
	}
	mustPut(t, open(), testKey, third, Keyring)
	if got, err := open().Get(t.Context(), testKey); err != nil || got != third {
		t.Errorf("anew: %v, %v", got, err)
	}
	if f, err := open().FactsOf(testKey); err != nil || !f.KeyringUntil.IsZero() {
		t.Errorf("facts: %+v, %v", f, err)
	}
	if left := filesIn(t, filepath.Join(dir, string(statedir.Sessions))); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// What was to be deleted while the keyring was locked is served by nobody when it is open again, and goes.
func TestWhatIsForgottenInALockedKeyringDoesNotComeBack(t *testing.T) {
	for name, forget := range map[string]func(c *Cache) error{
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
				if err := os.WriteFile(filepath.Join(c.opts.Dir, string(statedir.Facts), factsName(testKey)), nil, 0o600); err != nil {
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
				if err := forget(open()); !errors.Is(err, ErrLocked) {
					t.Errorf("got %v", err)
				}
				if err := open().RecordFailure(testKey, testFacts(), errors.New("x")); err != nil {
					t.Fatal(err)
				}
				d.Unlock()
				c := open()
				for look, get := range map[string]func() (Session, error){
					"first":  func() (Session, error) { return c.Get(t.Context(), testKey) },
					"second": func() (Session, error) { return c.GetLocked(t.Context(), testKey, testFacts()) },
				} {
					if _, err := get(); !errors.Is(err, ErrMiss) {
						t.Errorf("it came back at the %s look: %v", look, err)
					}
				}
				mustPut(t, c, otherKey, testSession(), Keyring)
				if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
					t.Errorf("the item stays: %v", err)
				}
				mustPut(t, c, testKey, testSession(), Keyring)
				if _, err := c.Get(t.Context(), testKey); err != nil {
					t.Errorf("the next session is forgotten too: %v", err)
				}
			})
		}
	}
}

// A process that is killed between store and facts leaves a session in the kernel store that the facts do not tell of.
func TestSecondLookFindsWhatTheKernelTookForALockedKeyring(t *testing.T) {
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
	if f, err := c.FactsOf(testKey); err != nil || f.Store != Kernel || !f.KeyringUntil.Equal(s.Expiration) {
		t.Errorf("facts: %+v, %v", f, err)
	}
}

// The keyring goes away after it was found open: the session is kept all the same.
func TestAutoPutsElsewhereWhatTheKeyringRefusesAfterAll(t *testing.T) {
	for name, ruin := range map[string]func(t *testing.T, d *keyringtest.Desktop, pid int) error{
		"locked": func(t *testing.T, d *keyringtest.Desktop, _ int) error { d.Lock(); return nil },
		"killed": func(t *testing.T, d *keyringtest.Desktop, pid int) error {
			defer keyringtest.WaitFor(t, "its end", func() bool { return !d.HasService() })
			return unix.Kill(pid, unix.SIGKILL)
		},
		"stopped": func(t *testing.T, d *keyringtest.Desktop, pid int) error { return unix.Kill(pid, unix.SIGSTOP) },
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
			if err := ruin(t, d, daemon.Process.Pid); err != nil {
				t.Fatal(err)
			}
			mustPut(t, c, testKey, testSession(), Kernel)
			if f, err := c.FactsOf(testKey); err != nil || !f.KeyringUntil.IsZero() {
				t.Errorf("a session is said to be in the keyring, to which none can have come: %+v, %v", f, err)
			}
			w.want(t, 0)
		})
	}
}

// Another daemon takes over, as after an upgrade: what the one before had written is there.
func TestSessionsOutliveTheirDaemon(t *testing.T) {
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
	keyringtest.WaitFor(t, "the call", func() bool { return d.Clients() >= 3 }) // the test, the daemon and the call
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err == nil || errors.Is(err, ErrMiss) || errors.Is(err, ErrTimeout) {
		t.Errorf("killed in mid-call: %v", err)
	}
	keyringtest.WaitFor(t, "its end", func() bool { return !d.HasService() })
	if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a daemon: %v", err)
	}
	d.StartKeyring(true)
	if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("from another daemon: %v, %v", got, err)
	}
}

func TestUnlockWaitsForThePerson(t *testing.T) {
	for name, tc := range map[string]struct {
		person *keyringtest.User
		want   error
	}{
		"who knows the password":   {&keyringtest.User{Password: "password"}, nil},
		"who closes the dialog":    {&keyringtest.User{}, ErrLocked},
		"whom nothing can show it": {nil, ErrLocked},
	} {
		t.Run(name, func(t *testing.T) {
			d := keyringtest.New(t)
			d.StartKeyring(true)
			d.Lock()
			d.User.Store(tc.person)
			c, w := openTest(t, Auto, kernelDir(t))
			told := 0
			if err := Unlock(t.Context(), c.opts.Dir, UnlockLimit, func() { told++ }); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if n := d.Prompts.Load(); n != 1 || told != 1 {
				t.Errorf("%d prompts, told of %d", n, told)
			}
			store := Kernel
			if tc.want == nil {
				store = Keyring
				if err := Unlock(t.Context(), c.opts.Dir, UnlockLimit, func() { told++ }); err != nil || told != 1 {
					t.Errorf("an open one: %v, told of %d", err, told)
				}
			}
			mustPut(t, c, testKey, testSession(), store)
			w.want(t, 0)
		})
	}
}

// The process that has raised the prompt may be stopped: others wait as long as for the person, and not for it.
func TestUnlockWaitsForNobodyWithoutEnd(t *testing.T) {
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
	if err := Unlock(ctx, st.dir.Path(), 100*time.Millisecond, func() {}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

func TestUnlockOfNoKeyringAsksNobody(t *testing.T) {
	for name, state := range keyringtest.States() {
		if name == "locked" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			state.Enter(t)
			if err := Unlock(t.Context(), t.TempDir(), UnlockLimit, func() { t.Error("somebody is asked") }); err != nil {
				t.Error(err)
			}
		})
	}
}

// Many people's commands at once, and nothing that could show a prompt: the daemon is there for others afterwards.
func TestManyUnlocksAtOnceDoNotWedgeTheDaemon(t *testing.T) {
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

// What expires in the keyring goes when somebody comes by who finds it open, and holds up nobody before.
func TestExpiredItemsAreClearedAwayWhenTheKeyringIsOpen(t *testing.T) {
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
			mustPut(t, openTestAt(t, Auto, dir), Key{2}, s, Kernel) // its item is a stray
			now = s.Expiration.Add(time.Second)
			next := testSession()
			next.Issued, next.Expiration = now, now.Add(time.Hour)
			_, _ = open().Put(t.Context(), otherKey, next, testFacts())
			for _, key := range []Key{testKey, {2}} {
				if f, err := openTestAt(t, File, dir).dirFacts(t, key); err != nil || !f.mayBeInKeyring() {
					t.Errorf("locked: nothing tells of the item any more: %+v, %v", f, err)
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

// dirFacts gives facts as they are written, also those that tell of nothing but a stray.
func (c *Cache) dirFacts(t *testing.T, key Key) (Facts, error) {
	t.Helper()
	d, err := c.state.open(false)
	if err != nil {
		t.Fatal(err)
	}
	return readFacts(d, key)
}
