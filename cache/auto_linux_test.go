package cache

import (
	"context"
	"errors"
	"fmt"
	"net"
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
	children["unlock"] = func(args []string) error {
		err := Unlock(context.Background(), args[0], func() {})
		if err != nil && !errors.Is(err, ErrLocked) {
			return err
		}
		fmt.Println(err == nil)
		return nil
	}
}

// keyringStates are those in which a keyring takes nothing, each with what makes it so and a part of the reason given.
var keyringStates = map[string]struct {
	make   func(t *testing.T)
	reason string
}{
	"no bus": {func(t *testing.T) { t.Setenv("DBUS_SESSION_BUS_ADDRESS", "") }, "no session bus"},
	"dead socket": {func(t *testing.T) {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	}, "no session bus"},
	"silent bus":    {func(t *testing.T) { listen(t, func(net.Conn) {}) }, "no answer"},
	"broken bus":    {func(t *testing.T) { listen(t, func(conn net.Conn) { conn.Close() }) }, "session bus"},
	"no service":    {func(t *testing.T) { newDesktop(t) }, "no Secret Service"},
	"no collection": {func(t *testing.T) { newDesktop(t).startKeyring(false) }, "neither a collection"},
	"locked": {func(t *testing.T) {
		d := newDesktop(t)
		d.startKeyring(true)
		d.lock()
	}, "locked"},
	"silent service": {func(t *testing.T) {
		if err := newDesktop(t).startKeyring(true).Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}, "no answer"},
}

func TestAutoTakesTheKernelStoreWhereTheKeyringTakesNothing(t *testing.T) {
	for name, tc := range keyringStates {
		t.Run(name, func(t *testing.T) {
			dir := kernelDir(t)
			tc.make(t)
			c, w := openTest(t, Auto, dir)
			store, reason := c.StoreName(t.Context())
			if store != Kernel || !strings.Contains(reason, tc.reason) {
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
			if left := filesIn(t, filepath.Join(dir, sessionsDir)); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			w.want(t, 0)
		})
	}
}

func TestAutoWithoutAnyStoreKeepsNothing(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	c, w := openTest(t, Auto, "")
	c.kernel = noKernel
	if store, reason := c.StoreName(t.Context()); store != None || !strings.Contains(reason, "no session bus") || !strings.Contains(reason, "EPERM") {
		t.Errorf("store %s: %s", store, reason)
	}
	mustPut(t, c, testKey, testSession(), None)
	w.want(t, 0)
}

// What a store that is there refuses all the same, it may refuse each time: somebody must be told.
func TestAutoTellsOfAStoreThatTakesNothingAfterAll(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	c, _ := openTest(t, Auto, "")
	c.kernel = forgetfulKernel{}
	if store, err := c.Put(t.Context(), testKey, testSession(), testFacts()); store != None || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%s, %v", store, err)
	}
}

// Whoever looks is told that the store which was chosen takes nothing.
func TestAStoreThatIsOutOfReachIsTold(t *testing.T) {
	for name, tc := range keyringStates {
		t.Run(name, func(t *testing.T) {
			tc.make(t)
			c, w := openTest(t, Keyring, "")
			if store, reason := c.StoreName(t.Context()); store != None || !strings.Contains(reason, tc.reason) {
				t.Errorf("store %s: %s", store, reason)
			}
			w.want(t, 0)
		})
	}
	c, w := openTest(t, Kernel, "")
	c.kernel = noKernel
	if store, reason := c.StoreName(t.Context()); store != None || !strings.Contains(reason, "EPERM") {
		t.Errorf("store %s: %s", store, reason)
	}
	w.want(t, 0)
}

// The haste of a caller is no reason to choose another store.
func TestAutoDecidesNothingForACallerInHaste(t *testing.T) {
	d := newDesktop(t)
	daemon := d.startKeyring(true)
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
	waitFor(t, "the keyring", func() bool { return c.keyring.look(t.Context(), keyringLimit) == nil })
	if store, reason := c.StoreName(t.Context()); store != Keyring {
		t.Errorf("store %s: %s", store, reason)
	}
}

// The keyring is locked for a while: who needs a session in the meantime gets a new one, and what was there is neither
// lost nor left behind.
func TestSessionsOutliveALockedKeyring(t *testing.T) {
	dir := kernelDir(t)
	d := newDesktop(t)
	d.startKeyring(true)
	open := func() *Cache { // as another process does
		c, w := openTest(t, Auto, dir)
		t.Cleanup(func() { w.want(t, 0) })
		return c
	}
	first, second, third := testSession(), testSession(), testSession()
	second.AccessKeyID, third.AccessKeyID = "ASIASECOND", "ASIATHIRD"
	mustPut(t, open(), testKey, first, Keyring)
	mustPut(t, open(), otherKey, first, Keyring)
	d.lock()
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
	if f, err := open().FactsOf(testKey); err != nil || f.Store != Kernel || !f.Stray.Equal(first.Expiration) {
		t.Errorf("facts: %+v, %v", f, err)
	}
	d.unlock()
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
	if f, err := open().FactsOf(testKey); err != nil || !f.Stray.IsZero() {
		t.Errorf("facts: %+v, %v", f, err)
	}
	if left := filesIn(t, filepath.Join(dir, sessionsDir)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if n := d.prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// What was to be deleted while the keyring was locked is served by nobody when it is open again, and goes.
func TestWhatIsForgottenInALockedKeyringDoesNotComeBack(t *testing.T) {
	for name, forget := range map[string]func(c *Cache) error{
		"clear":  func(c *Cache) error { _, err := c.Clear(t.Context()); return err },
		"delete": func(c *Cache) error { return c.Delete(t.Context(), testKey) },
	} {
		for store, before := range map[Choice]func(t *testing.T, c *Cache, d *desktop){
			Keyring: func(_ *testing.T, _ *Cache, d *desktop) { d.lock() },
			Kernel:  func(t *testing.T, c *Cache, d *desktop) { d.lock(); mustPut(t, c, testKey, testSession(), Kernel) },
			"damaged facts": func(t *testing.T, c *Cache, d *desktop) {
				d.lock()
				if err := os.WriteFile(filepath.Join(c.opts.Dir, factsDir, factsName(testKey)), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
		} {
			t.Run(name+" "+string(store), func(t *testing.T) {
				dir := kernelDir(t)
				d := newDesktop(t)
				d.startKeyring(true)
				open := func() *Cache { return openTestAt(t, Auto, dir) }
				mustPut(t, open(), testKey, testSession(), Keyring)
				before(t, open(), d)
				if err := forget(open()); !errors.Is(err, ErrLocked) {
					t.Errorf("got %v", err)
				}
				if err := open().Fail(testKey, testFacts(), errors.New("x")); err != nil {
					t.Fatal(err)
				}
				d.unlock()
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
				if _, err := openKeyring(t).Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
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
	d := newDesktop(t)
	d.startKeyring(true)
	c, _ := openTest(t, Auto, dir)
	s := testSession()
	mustPut(t, c, testKey, s, Keyring)
	d.lock()
	st := kernelStore{c.dir, c.kernel}
	if err := st.Put(t.Context(), testKey, s); err != nil {
		t.Fatal(err)
	}
	c, _ = openTest(t, Auto, dir)
	if got, err := c.GetLocked(t.Context(), testKey, testFacts()); err != nil || got != s {
		t.Errorf("got %v, %v", got, err)
	}
	if f, err := c.FactsOf(testKey); err != nil || f.Store != Kernel || !f.Stray.Equal(s.Expiration) {
		t.Errorf("facts: %+v, %v", f, err)
	}
}

// The keyring goes away after it was found open: the session is kept all the same.
func TestAutoPutsElsewhereWhatTheKeyringRefusesAfterAll(t *testing.T) {
	for name, ruin := range map[string]func(t *testing.T, d *desktop, pid int) error{
		"locked": func(t *testing.T, d *desktop, _ int) error { d.lock(); return nil },
		"killed": func(t *testing.T, d *desktop, pid int) error {
			defer waitFor(t, "its end", func() bool { return !d.hasService() })
			return unix.Kill(pid, unix.SIGKILL)
		},
		"stopped": func(t *testing.T, d *desktop, pid int) error { return unix.Kill(pid, unix.SIGSTOP) },
		"bus gone": func(t *testing.T, d *desktop, _ int) error {
			return d.bus.Process.Kill()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := kernelDir(t)
			d := newDesktop(t)
			daemon := d.startKeyring(true)
			c, w := openTest(t, Auto, dir)
			if store, reason := c.StoreName(t.Context()); store != Keyring {
				t.Fatalf("%v: %v", store, reason)
			}
			if err := ruin(t, d, daemon.Process.Pid); err != nil {
				t.Fatal(err)
			}
			mustPut(t, c, testKey, testSession(), Kernel)
			if f, err := c.FactsOf(testKey); err != nil || !f.Stray.IsZero() {
				t.Errorf("a session is said to be in the keyring, to which none can have come: %+v, %v", f, err)
			}
			w.want(t, 0)
		})
	}
}

// Another daemon takes over, as after an upgrade: what the one before had written is there.
func TestSessionsOutliveTheirDaemon(t *testing.T) {
	d := newDesktop(t)
	daemon := d.startKeyring(true)
	c, _ := openTest(t, Auto, "")
	s := testSession()
	mustPut(t, c, testKey, s, Keyring)
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { _, err := openKeyring(t).Get(t.Context(), testKey); got <- err }()
	waitFor(t, "the call", func() bool { return d.clients() >= 3 }) // the test, the daemon and the call
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err == nil || errors.Is(err, ErrMiss) || errors.Is(err, ErrTimeout) {
		t.Errorf("killed in mid-call: %v", err)
	}
	waitFor(t, "its end", func() bool { return !d.hasService() })
	if _, err := openKeyring(t).Get(t.Context(), testKey); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without a daemon: %v", err)
	}
	d.startKeyring(true)
	if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("from another daemon: %v, %v", got, err)
	}
}

func TestUnlockWaitsForThePerson(t *testing.T) {
	for name, tc := range map[string]struct {
		person *person
		want   error
	}{
		"who knows the password":   {&person{password: "password"}, nil},
		"who closes the dialog":    {&person{}, ErrLocked},
		"whom nothing can show it": {nil, ErrLocked},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesktop(t)
			d.startKeyring(true)
			d.lock()
			d.person.Store(tc.person)
			c, w := openTest(t, Auto, kernelDir(t))
			told := 0
			if err := Unlock(t.Context(), c.opts.Dir, func() { told++ }); !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if n := d.prompts.Load(); n != 1 || told != 1 {
				t.Errorf("%d prompts, told of %d", n, told)
			}
			store := Kernel
			if tc.want == nil {
				store = Keyring
				if err := Unlock(t.Context(), c.opts.Dir, func() { told++ }); err != nil || told != 1 {
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
	d := newDesktop(t)
	d.startKeyring(true)
	d.lock()
	unlockLimit = 100 * time.Millisecond
	t.Cleanup(func() { unlockLimit = time.Minute })
	st := openFileStore(t)
	free, err := st.dir.lock(t.Context(), unlockLock, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Unlock(ctx, st.dir.path, func() {}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
	if n := d.prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

func TestUnlockOfNoKeyringAsksNobody(t *testing.T) {
	for name, state := range keyringStates {
		if name == "locked" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			state.make(t)
			if err := Unlock(t.Context(), t.TempDir(), func() { t.Error("somebody is asked") }); err != nil {
				t.Error(err)
			}
		})
	}
}

// Who does not wait for the end of a prompt leaves a daemon that is there for others: to dismiss one that is shown would
// end gnome-keyring 42.
func TestPromptThatIsGivenUpDoesNotEndTheDaemon(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	s := testSession()
	k := openKeyring(t)
	if err := k.Put(t.Context(), testKey, s); err != nil {
		t.Fatal(err)
	}
	d.lock()
	d.person.Store(late("password"))
	if err := k.unlock(t.Context(), 500*time.Millisecond); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "nobody has answered") {
		t.Errorf("nobody answers: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := k.unlock(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("interrupted: %v", err)
	}
	if err := keyringLook(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("the daemon says: %v", err)
	}
	d.unlock()
	if got, err := k.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

func TestUnlockEndsWithTheDaemon(t *testing.T) {
	d := newDesktop(t)
	daemon := d.startKeyring(true)
	d.lock()
	d.person.Store(late(""))
	got := make(chan error, 1)
	go func() { got <- (&keyring{}).unlock(t.Context(), time.Minute) }()
	waitFor(t, "the prompt", func() bool { return d.prompts.Load() > 0 })
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	case <-time.After(hangLimit):
		t.Error("it waits for a daemon that is gone")
	}
}

// Many people's commands at once, and nothing that could show a prompt: the daemon is there for others afterwards.
func TestManyUnlocksAtOnceDoNotWedgeTheDaemon(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	s := testSession()
	k := openKeyring(t)
	if err := k.Put(t.Context(), testKey, s); err != nil {
		t.Fatal(err)
	}
	d.lock()
	d.stopPrompter()
	dir := t.TempDir()
	for _, out := range runChildren(t, 6, "unlock", func(int) []string { return []string{dir} }) {
		if out != "false" {
			t.Errorf("open: %s", out)
		}
	}
	d.startPrompter()
	d.person.Store(&person{password: "password"})
	for _, out := range runChildren(t, 6, "unlock", func(int) []string { return []string{dir} }) {
		if out != "true" {
			t.Errorf("open: %s", out)
		}
	}
	if n := d.prompts.Load(); n != 1 {
		t.Errorf("%d prompts for one keyring", n)
	}
	if got, err := k.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("afterwards: %v, %v", got, err)
	}
}

// What expires in the keyring goes when somebody comes by who finds it open, and holds up nobody before.
func TestExpiredItemsAreClearedAwayWhenTheKeyringIsOpen(t *testing.T) {
	for _, choice := range []Choice{Auto, Keyring, File} {
		t.Run(string(choice), func(t *testing.T) {
			dir := kernelDir(t)
			d := newDesktop(t)
			d.startKeyring(true)
			now := time.Now()
			open := func() *Cache {
				c, w := openAt(t, choice, dir, &now)
				t.Cleanup(func() { w.want(t, 0) })
				return c
			}
			s := testSession()
			mustPut(t, openTestAt(t, Keyring, dir), testKey, s, Keyring)
			mustPut(t, openTestAt(t, Keyring, dir), Key{2}, s, Keyring)
			d.lock()
			mustPut(t, openTestAt(t, Auto, dir), Key{2}, s, Kernel) // its item is a stray
			now = s.Expiration.Add(time.Second)
			next := testSession()
			next.Issued, next.Expiration = now, now.Add(time.Hour)
			_, _ = open().Put(t.Context(), otherKey, next, testFacts())
			for _, key := range []Key{testKey, {2}} {
				if f, err := openTestAt(t, File, dir).dirFacts(t, key); err != nil || !f.isInKeyring() {
					t.Errorf("locked: nothing tells of the item any more: %+v, %v", f, err)
				}
			}
			d.unlock()
			if _, err := open().Put(t.Context(), otherKey, next, testFacts()); err != nil {
				t.Fatal(err)
			}
			for _, key := range []Key{testKey, {2}} {
				if _, err := openTestAt(t, File, dir).dirFacts(t, key); !errors.Is(err, ErrMiss) {
					t.Errorf("facts: %v", err)
				}
				if _, err := openKeyring(t).Get(t.Context(), key); !errors.Is(err, ErrMiss) {
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
	d, err := c.state(false)
	if err != nil {
		t.Fatal(err)
	}
	return d.readFacts(key)
}
