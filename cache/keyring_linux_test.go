package cache

import (
	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/internal/keyringtest"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func startKeyring(t *testing.T) { keyringtest.Start(t) }

// testEach makes every call of the keyring store at once and checks the errors and that they come in
// time.
func testEach(t *testing.T, want error) {
	t.Helper()
	var all sync.WaitGroup
	start := time.Now()
	for name, call := range map[string]func(k keyringStore) error{
		"get":    func(k keyringStore) error { _, err := k.get(t.Context(), testKey); return err },
		"put":    func(k keyringStore) error { return k.put(t.Context(), testKey, testSession()) },
		"delete": func(k keyringStore) error { return k.delete(t.Context(), testKey) },
	} {
		all.Go(func() {
			if err := call(openKeyring(t)); !errors.Is(err, want) || errors.Is(err, ErrMiss) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
			if took := time.Since(start); took > 10*keyring.ResponseLimit {
				t.Errorf("%s: took %v", name, took)
			}
		})
	}
	all.Wait()
}

func TestSecretServiceKeepsReplacesAndForgets(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	for name, limit := range map[string]int{"as it is": keyring.MaxItem, "all inline": maxItem, "all sealed": 1} {
		t.Run(name, func(t *testing.T) {
			k := openKeyring(t)
			k.maxItem = limit
			keyringKeepsReplacesAndForgets(t, k, limit, func() {
				out, err := exec.Command("secret-tool", "search", "--all", "service", "aws-credproc").CombinedOutput()
				if err != nil || strings.Count(string(out), "label = aws-credproc session") != 2 || !strings.Contains(string(out), testKey.String()) {
					t.Errorf("secret-tool does not find two items: %v", err)
				}
			})
		})
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// A reader that has an item in its hand whose file is gone by then finds the session that replaced it.
func TestSealedSessionIsWholeWhileItIsReplaced(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	k, s := openKeyring(t), testSession()
	k.maxItem = 1
	if err := k.put(t.Context(), testKey, s); err != nil {
		t.Fatal(err)
	}
	items, err := new(keyring.Keyring).Get(t.Context(), sessionItem(testKey))
	if err != nil {
		t.Fatal(err)
	}
	s.SessionToken = "another"
	if err := k.put(t.Context(), testKey, s); err != nil {
		t.Fatal(err)
	}
	if got, missing, err := k.newest(testKey, items); err != nil || missing == "" {
		t.Fatalf("this test shows nothing: %v, %q, %v", got, missing, err)
	}

	done := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for reading := true; reading; {
				select {
				case <-done:
					reading = false // once more
				default:
				}
				if got, err := k.get(t.Context(), testKey); err != nil || got.AccessKeyID != s.AccessKeyID {
					t.Errorf("%v, %v", got, err)
					return
				}
			}
		})
	}
	for range 100 {
		if err := k.put(t.Context(), testKey, s); err != nil {
			t.Error(err)
		}
	}
	close(done)
	all.Wait()

	for _, path := range filesIn(t, filepath.Join(k.dir.Path(), string(statedir.Sessions))) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("its file is gone for good: %v", err)
	}
}

// What is refused leaves no file behind, and what is there stays.
func TestRefusedPutLeavesWhatIsThere(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	k := openKeyring(t)
	k.maxItem = 1
	if err := k.put(t.Context(), testKey, testSession()); err != nil {
		t.Fatal(err)
	}
	before := filesIn(t, k.dir.Path())
	d.Lock()
	if err := k.put(t.Context(), testKey, testSession()); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, filesIn(t, k.dir.Path())); diff != "" {
		t.Error(diff)
	}
}

func TestLockedKeyringIsSaidToBeAndRaisesNoPrompt(t *testing.T) {
	for _, held := range []bool{true, false} {
		t.Run(fmt.Sprintf("holding it %v", held), func(t *testing.T) {
			d := keyringtest.New(t)
			d.StartKeyring(true)
			c, _ := openTest(t, Auto, "")
			s := testSession()
			if held {
				mustPut(t, c, testKey, s, Keyring)
			}
			d.Lock()
			testEach(t, ErrLocked)
			c, w := openTest(t, Auto, c.opts.Dir) // a process of its own
			c.stores.kernel = noKernel
			if held {
				if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrLocked) {
					t.Errorf("get: %v", err)
				}
			}
			if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrLocked) {
				t.Errorf("second look: %v", err)
			}
			if _, err := c.Put(t.Context(), testKey, s, testFacts()); !errors.Is(err, ErrLocked) {
				t.Errorf("put: %v", err)
			}
			if _, err := c.Clear(t.Context()); held != errors.Is(err, ErrLocked) || !held && err != nil {
				t.Errorf("clear: %v", err)
			}
			if f, err := c.dirFacts(t, testKey); held && (err != nil || !f.PendingDelete) {
				t.Errorf("what cannot be deleted is: %+v, %v", f, err)
			}
			if name, reason := c.StoreName(t.Context()); name != Keyring || !strings.Contains(reason, "locked") {
				t.Errorf("%v: %v", name, reason)
			}
			if n := d.Prompts.Load(); n != 0 {
				t.Errorf("%d prompts", n)
			}
			w.want(t, 0)
			if !held {
				return
			}
			// The prompter counts: an unlock raises a prompt.
			d.RaisePrompt()
			keyringtest.WaitFor(t, "a prompt", func() bool { return d.Prompts.Load() > 0 })
		})
	}
}

func TestWithoutAKeyringNothingIsStarted(t *testing.T) {
	d := keyringtest.New(t)
	var names []string
	err := d.Conn.BusObject().Call("org.freedesktop.DBus.ListActivatableNames", 0).Store(&names)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(names, "org.freedesktop.secrets") {
		t.Log("this bus could not start one anyway")
	}
	testEach(t, ErrUnavailable)
	c, w := openTest(t, Auto, "")
	c.stores.kernel = noKernel
	mustPut(t, c, testKey, testSession(), None)
	if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrMiss) {
		t.Errorf("second look: %v", err)
	}
	if n, err := c.Clear(t.Context()); n != 0 || err != nil {
		t.Errorf("clear: %d, %v", n, err)
	}
	if name, reason := c.StoreName(t.Context()); name != None || !strings.Contains(reason, "no Secret Service") || !strings.Contains(reason, "kernel") {
		t.Errorf("%v: %v", name, reason)
	}
	chosen, _ := openTest(t, Keyring, "")
	if _, err := chosen.Put(t.Context(), testKey, testSession(), testFacts()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("put where the keyring was chosen: %v", err)
	}
	if n, err := chosen.Clear(t.Context()); n != 0 || err != nil {
		t.Errorf("clear, although nothing can have come there: %d, %v", n, err)
	}
	w.want(t, 0)
	if d.HasService() {
		t.Error("a Secret Service was started")
	}
}

func TestSilentBusIsATimeOut(t *testing.T) {
	keyringtest.Listen(t, func(net.Conn) {})
	testEach(t, ErrTimeout)
	c, w := openTest(t, Auto, "")
	c.stores.kernel = noKernel
	start := time.Now()
	if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrTimeout) {
		t.Errorf("second look: %v", err)
	}
	first := time.Since(start)
	if store, err := c.Put(t.Context(), testKey, testSession(), testFacts()); !errors.Is(err, ErrTimeout) || store != None {
		t.Errorf("put: %v, %v", store, err)
	}
	if again := time.Since(start) - first; again > keyring.ResponseLimit/2 {
		t.Errorf("it is waited for twice: %v", again)
	}
	if _, err := c.FactsOf(testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("facts of what was not kept: %v", err)
	}
	if name, reason := c.StoreName(t.Context()); name != Keyring || !strings.Contains(reason, "no answer") {
		t.Errorf("%v: %v", name, reason)
	}
	w.want(t, 0)
}

// Of many sessions that are to be forgotten, the first finds out that the keyring is silent.
func TestSilentKeyringIsWaitedForOnceByWhoForgetsMany(t *testing.T) {
	var asked atomic.Int32
	keyringtest.Listen(t, func(net.Conn) { asked.Add(1) })
	c, _ := openTest(t, Auto, "")
	for i := range 5 {
		c.target()
		if err := writeFacts(c.state.dir, testFacts().withSession(Key{byte(i)}, testSession(), Keyring)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		if err := c.Delete(t.Context(), Key{byte(i)}); !errors.Is(err, ErrTimeout) {
			t.Errorf("delete: %v", err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
	if all, err := c.Facts(); err != nil || len(all) > 0 {
		t.Errorf("still served: %v, %v", all, err)
	}
}

func TestSilentServiceIsATimeOutAndComesBack(t *testing.T) {
	d := keyringtest.New(t)
	daemon := d.StartKeyring(true)
	c, _ := openTest(t, Auto, "")
	s := testSession()
	mustPut(t, c, testKey, s, Keyring)
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	testEach(t, ErrTimeout)
	if err := daemon.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	keyringtest.WaitFor(t, "an answer", func() bool {
		_, err := openKeyring(t).get(t.Context(), testKey)
		return err == nil || errors.Is(err, ErrMiss) // one of the calls deleted it
	})
}

// Whom a busy bus has not let in looks again, under the lock; once, and not where the service hangs.
func TestSessionBehindABusyBusIsLookedForAgain(t *testing.T) {
	d := keyringtest.New(t)
	daemon := d.StartKeyring(true)
	s := testSession()
	for name, test := range map[string]struct {
		stopped *exec.Cmd
		goesOn  bool
		want    error
	}{
		"bus, which goes on":     {d.Bus, true, nil},
		"bus, for good":          {d.Bus, false, ErrTimeout},
		"service, which goes on": {daemon, true, ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			c, w := openTest(t, Keyring, "")
			mustPut(t, c, testKey, s, Keyring)
			send := func(signal syscall.Signal) {
				if err := test.stopped.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			send(syscall.SIGSTOP)
			defer send(syscall.SIGCONT)
			if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrTimeout) {
				t.Errorf("get: %v", err)
			}
			if test.goesOn {
				send(syscall.SIGCONT)
			}
			start := time.Now()
			for range 20 {
				if got, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, test.want) || err == nil && got != s {
					t.Errorf("second look: %v, %v", got, err)
				}
			}
			if took := time.Since(start); took > 10*keyring.ResponseLimit {
				t.Errorf("it is waited for again and again: %v", took)
			}
			w.want(t, 0)
		})
	}
}

func TestWithoutACollectionNoneIsMade(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(false)
	k := openKeyring(t)
	if _, err := k.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("get: %v", err)
	}
	if err := k.put(t.Context(), testKey, testSession()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("put: %v", err)
	}
	if err := k.delete(t.Context(), testKey); err != nil {
		t.Errorf("delete: %v", err)
	}
	if d.HasLogin() {
		t.Error("a collection was created")
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

func TestForeignItemIsNeitherAMissNorOverwrittenIfNewer(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	for name, tc := range map[string]struct {
		value string
		want  error
	}{
		"corrupt":   {"hush", ErrCorrupt},
		"empty":     {"", ErrCorrupt},
		"oversized": {strings.Repeat("x", maxItem+1), ErrCorrupt},
		"newer":     {`{"v":2,"sealed":"hush"}`, ErrVersion},
		"another's": {string(encodeItem(t, otherKey, testSession())), ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := openTest(t, Keyring, "")
			mustPut(t, c, testKey, testSession(), Keyring)
			if err := new(keyring.Keyring).Put(t.Context(), sessionItem(testKey), "", []byte(tc.value)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Get(t.Context(), testKey); !errors.Is(err, tc.want) || errors.Is(err, ErrMiss) || strings.Contains(err.Error(), "hush") {
				t.Errorf("get: %v", err)
			}
			_, err := c.Put(t.Context(), testKey, testSession(), testFacts())
			if newer := tc.want == ErrVersion; newer && !errors.Is(err, ErrVersion) || !newer && err != nil {
				t.Errorf("put: %v", err)
			}
			if err := c.Delete(t.Context(), testKey); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

func TestAutoLeavesANewerVersionsItemAlone(t *testing.T) {
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprintf("facts tell of it %v", known), func(t *testing.T) {
			dir := kernelDir(t)
			keyringtest.Start(t)
			c, w := openTest(t, Auto, dir)
			if known {
				mustPut(t, c, testKey, testSession(), Keyring)
			}
			const newer = `{"v":2}`
			if err := new(keyring.Keyring).Put(t.Context(), sessionItem(testKey), "", []byte(newer)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrVersion) {
				t.Errorf("second look: %v", err)
			}
			s := testSession()
			for range 2 { // once more, when it is to be renewed
				mustPut(t, c, testKey, s, Kernel)
				if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
					t.Errorf("got %v, %v", got, err)
				}
			}
			if items, err := new(keyring.Keyring).Get(t.Context(), sessionItem(testKey)); err != nil || len(items) != 1 || string(items[0]) != newer {
				t.Errorf("%d items, %v", len(items), err)
			}
			w.want(t, 0)
		})
	}
}

func TestAutoKeepsSessionsInTheKeyring(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	c, w := openTest(t, Auto, "")
	s := testSession()
	if name, _ := c.StoreName(t.Context()); name != Keyring {
		t.Errorf("store %v", name)
	}
	mustPut(t, c, testKey, s, Keyring)
	if f, err := c.FactsOf(testKey); err != nil || f.Store != Keyring || !f.Created.Equal(s.Issued) || !f.Expires.Equal(s.Expiration) {
		t.Errorf("%+v, %v", f, err)
	}

	t.Run("killed between item and facts", func(t *testing.T) {
		if err := os.Remove(filepath.Join(c.opts.Dir, string(statedir.Facts), factsName(testKey))); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("first look: %v", err)
		}
		if got, err := c.GetLocked(t.Context(), testKey, testFacts()); err != nil || got != s {
			t.Errorf("second look: %v, %v", got, err)
		}
		if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
			t.Errorf("afterwards: %v, %v", got, err)
		}
	})
	t.Run("another store chosen", func(t *testing.T) {
		file, _ := openTest(t, File, c.opts.Dir)
		if _, err := file.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("read from the keyring: %v", err)
		}
		mustPut(t, file, testKey, s, File)
		if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("it stays in the keyring too: %v", err)
		}
		if got, err := c.Get(t.Context(), testKey); err != nil || got != s { // auto goes by the facts
			t.Errorf("auto: %v, %v", got, err)
		}
		mustPut(t, c, testKey, s, Keyring)
		if left := filesIn(t, filepath.Join(c.opts.Dir, string(statedir.Sessions))); len(left) != 0 {
			t.Errorf("it stays in the file store too: %v", left)
		}
	})
	t.Run("no facts, no question", func(t *testing.T) {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
		if _, err := c.Get(t.Context(), otherKey); !errors.Is(err, ErrMiss) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrUnavailable) {
			t.Errorf("a keyring that is gone: %v", err)
		}
		if _, err := c.Facts(); err != nil {
			t.Error(err)
		}
	})
	t.Run("forgotten", func(t *testing.T) {
		if err := c.Delete(t.Context(), testKey); err != nil {
			t.Fatal(err)
		}
		if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("item: %v", err)
		}
		if _, err := c.FactsOf(testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("facts: %v", err)
		}
	})
	t.Run("forgotten without facts", func(t *testing.T) {
		if err := openKeyring(t).put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(t.Context(), testKey); err != nil {
			t.Fatal(err)
		}
		if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("item: %v", err)
		}
	})
	w.want(t, 0)
}

// A process may be killed at any moment from when it writes: the facts tell of the item before it is there.
func TestItemIsNotedBeforeItIsWritten(t *testing.T) {
	keyringtest.Start(t)
	c, _ := openTest(t, Keyring, "")
	c.target()
	free, err := c.state.dir.Lock(t.Context(), changeLock, nil) // so that the write waits
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ctx, kill := context.WithCancel(t.Context())
	put := make(chan error, 1)
	go func() { _, err := c.Put(ctx, testKey, testSession(), testFacts()); put <- err }()
	keyringtest.WaitFor(t, "its facts", func() bool { f, err := readFacts(c.state.dir, testKey); return err == nil && !f.KeyringUntil.IsZero() })
	kill()
	if err := <-put; !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := c.FactsOf(testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("it is told of: %v", err)
	}
}

// Who changes the keyring may be stopped. Others wait for it as long as they may, and say for what.
func TestWhoChangesTheKeyringIsNotWaitedForWithoutEnd(t *testing.T) {
	k := openKeyring(t)
	free, err := k.dir.Lock(t.Context(), changeLock, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := k.put(ctx, testKey, testSession()); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "other processes are changing it") {
		t.Errorf("got %v", err)
	}
}

func TestClearForgetsEverySessionInEveryStore(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	c, w := openTest(t, Auto, "")
	file, _ := openTest(t, File, c.opts.Dir)
	s := testSession()
	for i := range 5 {
		mustPut(t, c, Key{1, byte(i)}, s, Keyring)
		mustPut(t, file, Key{2, byte(i)}, s, File)
	}
	for _, k := range []Key{{1, 0}, {2, 0}} {
		if err := os.Remove(filepath.Join(c.opts.Dir, string(statedir.Facts), factsName(k))); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.RecordFailure(Key{3}, testFacts(), errors.New("x")); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("secret-tool", "store", "--label=other", "service", "aws-credproc-other", "username", "x")
	other.Stdin = strings.NewReader("stays")
	if err := other.Run(); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Clear(t.Context()); n != 10 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if all, err := c.Facts(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
	if out, err := exec.Command("secret-tool", "lookup", "service", "aws-credproc-other").Output(); err != nil || string(out) != "stays" {
		t.Errorf("another service: %v", err)
	}
	var left []string
	err := filepath.WalkDir(c.opts.Dir, func(path string, e os.DirEntry, err error) error {
		if !e.IsDir() && filepath.Ext(path) != ".lock" {
			left = append(left, filepath.Base(path))
		}
		return err
	})
	if diff := cmp.Diff([]string{fileKey}, left); diff != "" || err != nil {
		t.Error(diff, err)
	}
	out, _ := exec.Command("secret-tool", "search", "--all", "service", keyringService).CombinedOutput()
	if len(bytes.TrimSpace(out)) != 0 {
		t.Error("the keyring still holds items")
	}
	if n, err := c.Clear(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	w.want(t, 0)
}

// A damaged item where no Put replaces it does not cost a call of STS each time.
func TestDamagedItemBesideTheSessionsIsPassedOver(t *testing.T) {
	keyringtest.Start(t).CreateElsewhere(keyringService, testKey.String(), []byte("garbage"))
	k := openKeyring(t)
	if _, err := k.get(t.Context(), testKey); !errors.Is(err, ErrCorrupt) {
		t.Errorf("alone: %v", err)
	}
	if err := k.put(t.Context(), testKey, testSession()); err != nil {
		t.Fatal(err)
	}
	if got, err := k.get(t.Context(), testKey); err != nil || got != testSession() {
		t.Errorf("beside the session's: %v, %v", got, err)
	}
}

// The newest of several items counts: the default collection may have been another one before.
func TestNewestOfSeveralItemsIsRead(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	older, newer := testSession(), testSession()
	newer.Issued, newer.Expiration = newer.Issued.Add(time.Minute), newer.Expiration.Add(time.Minute)
	if err := openKeyring(t).put(t.Context(), testKey, newer); err != nil {
		t.Fatal(err)
	}
	d.CreateElsewhere(keyringService, testKey.String(), encodeItem(t, testKey, older))
	if got, err := openKeyring(t).get(t.Context(), testKey); err != nil || got != newer {
		t.Errorf("got %v, %v", got, err)
	}
	if err := openKeyring(t).delete(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("one is left: %v", err)
	}
}

func TestManyReadAndWriteTheKeyringAtOnce(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	s := testSession()
	for i := range 4 {
		if err := openKeyring(t).put(t.Context(), Key{byte(i)}, s); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			key := Key{byte(i % 4)}
			if i%10 == 0 {
				if err := openKeyring(t).put(t.Context(), key, s); err != nil {
					t.Errorf("put: %v", err)
				}
			} else if got, err := openKeyring(t).get(t.Context(), key); err != nil || got != s {
				t.Errorf("get: %v, %v", got, err)
			}
		})
	}
	all.Wait()
}
