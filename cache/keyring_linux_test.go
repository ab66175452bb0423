package cache

import (
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

	"aws-credproc/cache/keyring"
	"aws-credproc/internal/keyringtest"

	"github.com/google/go-cmp/cmp"
)

func startKeyring(t *testing.T) { keyringtest.Start(t) }

// testEach makes all calls of the keyring store concurrently and checks that each fails with the
// error in time.
func testEach(t *testing.T, want error) {
	t.Helper()
	var all sync.WaitGroup
	start := time.Now()
	for name, call := range map[string]func(k keyringStore) error{
		"get":    func(k keyringStore) error { _, err := k.get(t.Context(), testKey); return err },
		"put":    func(k keyringStore) error { return k.put(t.Context(), testKey, testSession()) },
		"delete": func(k keyringStore) error { _, err := k.delete(t.Context(), testKey); return err },
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

func TestSecretServiceStore(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	for name, limit := range map[string]int{"as it is": keyring.MaxItem, "all inline": maxItem,
		"all sealed": 1} {
		t.Run(name, func(t *testing.T) {
			k := openKeyring(t)
			k.maxItem = limit
			testKeyringStore(t, k, limit, func() {
				out, err := exec.Command("secret-tool", "search", "--all", "service",
					"aws-credproc").CombinedOutput()
				if err != nil || strings.Count(string(out), "label = aws-credproc session") != 2 ||
					!strings.Contains(string(out), testKey.String()) {
					t.Errorf("secret-tool does not find two items: %v", err)
				}
			})
		})
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// A reader that has read an item whose file was then replaced finds the new session.
func TestSealedSessionIsCompleteWhileReplaced(t *testing.T) {
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
		t.Fatalf("the file still exists: %v, %q, %v", got, missing, err)
	}

	done := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for reading := true; reading; {
				select {
				case <-done:
					reading = false // after one more read
				default:
				}
				if got, err := k.get(t.Context(), testKey); err != nil ||
					got.AccessKeyID != s.AccessKeyID {
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

	for _, path := range filesIn(t, sessionsDir(k.dir.Path())) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("without its file: %v", err)
	}
}

func TestRefusedPutChangesNoFile(t *testing.T) {
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

func TestLockedKeyringIsReportedWithoutAPrompt(t *testing.T) {
	for _, held := range []bool{true, false} {
		t.Run(fmt.Sprintf("holds the session: %v", held), func(t *testing.T) {
			d := keyringtest.New(t)
			d.StartKeyring(true)
			c, _ := openTest(t, Auto, "")
			s := testSession()
			if held {
				mustPut(t, c, testKey, s, Keyring)
			}
			d.Lock()
			if held { // otherwise GNOME Keyring knows that there is nothing to delete
				testEach(t, ErrLocked)
			}
			c, w := openTest(t, Auto, c.opts.Dir) // like another process
			c.stores.kernel = noKernel
			if held {
				if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrLocked) {
					t.Errorf("get: %v", err)
				}
			}
			if _, err := c.GetLocked(t.Context(), testKey,
				testFacts()); !errors.Is(err, ErrLocked) {
				t.Errorf("GetLocked: %v", err)
			}
			if _, err := c.Put(t.Context(), testKey, s, testFacts()); !errors.Is(err, ErrLocked) {
				t.Errorf("put: %v", err)
			}
			if _, err := c.Clear(t.Context()); held != errors.Is(err, ErrLocked) ||
				!held && err != nil {
				t.Errorf("clear: %v", err)
			}
			if f, err := c.dirFacts(t, testKey); held && (err != nil || !f.PendingDelete) {
				t.Errorf("facts of the deleted session: %+v, %v", f, err)
			}
			if name, reason := c.StoreName(t.Context()); name != None ||
				!strings.Contains(reason, "locked; no kernel store: ") {
				t.Errorf("%v: %v", name, reason)
			}
			if n := d.Prompts.Load(); n != 0 {
				t.Errorf("%d prompts", n)
			}
			w.want(t, 0)
			if !held {
				return
			}
			// The prompter is counted: an unlock shows a prompt.
			d.ShowPrompt()
			keyringtest.WaitFor(t, "a prompt", func() bool { return d.Prompts.Load() > 0 })
		})
	}
}

// Some services do not say whether a locked keyring has sessions, so there may be some that the
// state directory does not know.
func TestClearFailsIfALockedKeyringMayHaveSessions(t *testing.T) {
	s := keyringtest.StartStandIn(t, keyringtest.Behavior{IsKeePassXC: true})
	c, _ := openTest(t, Auto, "")
	mustPut(t, c, testKey, testSession(), Keyring)
	s.SetLocked(true)
	other, _ := openTest(t, Auto, "")
	if _, err := other.Clear(t.Context()); !errors.Is(err, ErrLocked) {
		t.Errorf("clear: %v", err)
	}
	if n := s.Windows(); n != 0 {
		t.Errorf("%d windows", n)
	}
	s.SetLocked(false)
	if n, err := other.Clear(t.Context()); n != 1 || err != nil {
		t.Errorf("clear when unlocked: %d, %v", n, err)
	}
}

func TestNoDaemonIsStarted(t *testing.T) {
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
		t.Errorf("GetLocked: %v", err)
	}
	if n, err := c.Clear(t.Context()); n != 0 || err != nil {
		t.Errorf("clear: %d, %v", n, err)
	}
	if name, reason := c.StoreName(t.Context()); name != None ||
		!strings.Contains(reason, "no Secret Service") || !strings.Contains(reason, "kernel") {
		t.Errorf("%v: %v", name, reason)
	}
	chosen, _ := openTest(t, Keyring, "")
	if _, err := chosen.Put(t.Context(), testKey, testSession(),
		testFacts()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("put with store keyring: %v", err)
	}
	if n, err := chosen.Clear(t.Context()); n != 0 || err != nil {
		t.Errorf("clear with store keyring: %d, %v", n, err)
	}
	w.want(t, 0)
	if d.HasService() {
		t.Error("a Secret Service was started")
	}
}

func TestSilentBusIsATimeout(t *testing.T) {
	keyringtest.Listen(t, func(net.Conn) {})
	testEach(t, ErrTimeout)
	c, w := openTest(t, Auto, "")
	c.stores.kernel = noKernel
	start := time.Now()
	if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrTimeout) {
		t.Errorf("GetLocked: %v", err)
	}
	first := time.Since(start)
	if store, err := c.Put(t.Context(), testKey, testSession(),
		testFacts()); !errors.Is(err, ErrTimeout) || store != None {
		t.Errorf("put: %v, %v", store, err)
	}
	if again := time.Since(start) - first; again > keyring.ResponseLimit/2 {
		t.Errorf("waited twice: %v", again)
	}
	if _, err := c.FactsOf(testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("facts of a session that was not stored: %v", err)
	}
	if name, reason := c.StoreName(t.Context()); name != None ||
		!strings.Contains(reason, "no response") {
		t.Errorf("%v: %v", name, reason)
	}
	w.want(t, 0)
}

// Of many deletes, only the first waits.
func TestDeletingManySessionsWaitsForASilentKeyringOnce(t *testing.T) {
	var asked atomic.Int32
	keyringtest.Listen(t, func(net.Conn) { asked.Add(1) })
	c, _ := openTest(t, Auto, "")
	for i := range 5 {
		c.target()
		if err := writeFacts(c.state.dir,
			testFacts().withSession(Key{byte(i)}, testSession(), Keyring)); err != nil {
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
		t.Errorf("still reported: %v, %v", all, err)
	}
}

func TestSilentServiceIsATimeoutAndRecovers(t *testing.T) {
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

// After a timeout of a busy bus, GetLocked reads once more. It does not if the service hangs.
func TestGetLockedRetriesABusyBus(t *testing.T) {
	d := keyringtest.New(t)
	daemon := d.StartKeyring(true)
	s := testSession()
	for name, test := range map[string]struct {
		stopped   *exec.Cmd
		continues bool
		want      error
	}{
		"bus continues":     {d.Bus, true, nil},
		"bus hangs":         {d.Bus, false, ErrTimeout},
		"service continues": {daemon, true, ErrTimeout},
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
			if test.continues {
				send(syscall.SIGCONT)
			}
			start := time.Now()
			for range 20 {
				if got, err := c.GetLocked(t.Context(), testKey,
					testFacts()); !errors.Is(err, test.want) || err == nil && got != s {
					t.Errorf("GetLocked: %v, %v", got, err)
				}
			}
			if took := time.Since(start); took > 10*keyring.ResponseLimit {
				t.Errorf("waited several times: %v", took)
			}
			w.want(t, 0)
		})
	}
}

func TestNoCollectionIsCreated(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(false)
	k := openKeyring(t)
	if _, err := k.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("get: %v", err)
	}
	if err := k.put(t.Context(), testKey, testSession()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("put: %v", err)
	}
	if _, err := k.delete(t.Context(), testKey); err != nil {
		t.Errorf("delete: %v", err)
	}
	if d.HasLogin() {
		t.Error("a collection was created")
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

func TestItemThatIsNotASession(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	for name, tc := range map[string]struct {
		value string
		want  error
	}{
		"corrupt":   {"hush", ErrCorrupt},
		"empty":     {"", ErrMiss}, // KWallet was killed before it wrote the secret
		"oversized": {strings.Repeat("x", maxItem+1), ErrCorrupt},
		"newer":     {`{"v":2,"sealed":"hush"}`, ErrVersion},
		"another's": {string(encodeItem(t, otherKey, testSession())), ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := openTest(t, Keyring, "")
			mustPut(t, c, testKey, testSession(), Keyring)
			if err := new(keyring.Keyring).Put(t.Context(), sessionItem(testKey), "",
				[]byte(tc.value)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Get(t.Context(), testKey); !errors.Is(err, tc.want) ||
				strings.Contains(err.Error(), "hush") {
				t.Errorf("get: %v", err)
			}
			_, err := c.Put(t.Context(), testKey, testSession(), testFacts())
			if newer := errors.Is(tc.want, ErrVersion); newer && !errors.Is(err, ErrVersion) ||
				!newer && err != nil {
				t.Errorf("put: %v", err)
			}
			if err := c.Delete(t.Context(), testKey); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

func TestAutoDoesNotReplaceAnItemOfANewerVersion(t *testing.T) {
	for _, known := range []bool{true, false} {
		t.Run(fmt.Sprintf("has facts: %v", known), func(t *testing.T) {
			dir := kernelDir(t)
			keyringtest.Start(t)
			c, w := openTest(t, Auto, dir)
			if known {
				mustPut(t, c, testKey, testSession(), Keyring)
			}
			const newer = `{"v":2}`
			if err := new(keyring.Keyring).Put(t.Context(), sessionItem(testKey), "",
				[]byte(newer)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.GetLocked(t.Context(), testKey,
				testFacts()); !errors.Is(err, ErrVersion) {
				t.Errorf("GetLocked: %v", err)
			}
			s := testSession()
			for range 2 { // again, as for a renewal
				mustPut(t, c, testKey, s, Kernel)
				if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
					t.Errorf("got %v, %v", got, err)
				}
			}
			if items, err := new(keyring.Keyring).Get(t.Context(),
				sessionItem(testKey)); err != nil || len(items) != 1 || string(items[0]) != newer {
				t.Errorf("%d items, %v", len(items), err)
			}
			w.want(t, 0)
		})
	}
}

func TestAutoUsesTheKeyring(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	c, w := openTest(t, Auto, "")
	s := testSession()
	if name, _ := c.StoreName(t.Context()); name != Keyring {
		t.Errorf("store %v", name)
	}
	mustPut(t, c, testKey, s, Keyring)
	if f, err := c.FactsOf(testKey); err != nil || f.Store != Keyring ||
		!f.Created.Equal(s.Issued) || !f.Expires.Equal(s.Expiration) {
		t.Errorf("%+v, %v", f, err)
	}

	t.Run("killed between item and facts", func(t *testing.T) {
		if err := os.Remove(factsPath(c.opts.Dir, testKey)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("Get: %v", err)
		}
		if got, err := c.GetLocked(t.Context(), testKey, testFacts()); err != nil || got != s {
			t.Errorf("GetLocked: %v, %v", got, err)
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
			t.Errorf("it is still in the keyring: %v", err)
		}
		// Auto reads from the store in the facts.
		if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
			t.Errorf("auto: %v, %v", got, err)
		}
		mustPut(t, c, testKey, s, Keyring)
		if left := filesIn(t, sessionsDir(c.opts.Dir)); len(left) != 0 {
			t.Errorf("it is still in the file store: %v", left)
		}
	})
	t.Run("without facts the keyring is not asked", func(t *testing.T) {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
		if _, err := c.Get(t.Context(), otherKey); !errors.Is(err, ErrMiss) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrUnavailable) {
			t.Errorf("without a keyring: %v", err)
		}
		if _, err := c.Facts(); err != nil {
			t.Error(err)
		}
	})
	t.Run("deleted", func(t *testing.T) {
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
	t.Run("deleted without facts", func(t *testing.T) {
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

// A process may be killed at any time, so the facts record the item before it is written.
func TestItemIsRecordedBeforeItIsWritten(t *testing.T) {
	keyringtest.Start(t)
	c, _ := openTest(t, Keyring, "")
	c.target()
	free, err := c.state.dir.Lock(t.Context(), changeLock, nil) // makes the write wait
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ctx, kill := context.WithCancel(t.Context())
	put := make(chan error, 1)
	go func() { _, err := c.Put(ctx, testKey, testSession(), testFacts()); put <- err }()
	keyringtest.WaitFor(t, "its facts", func() bool {
		f, err := readFacts(c.state.dir, testKey)
		return err == nil && !f.KeyringUntil.IsZero()
	})
	kill()
	if err := <-put; !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := c.FactsOf(testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("it is reported: %v", err)
	}
}

// A process that changes the keyring may be stopped.
func TestPutWaitsForOtherProcessesForALimitedTime(t *testing.T) {
	k := openKeyring(t)
	free, err := k.dir.Lock(t.Context(), changeLock, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := k.put(ctx, testKey, testSession()); !errors.Is(err, ErrTimeout) ||
		!strings.Contains(err.Error(), "other processes are changing it") {
		t.Errorf("got %v", err)
	}
}

func TestClearDeletesEverySessionInEveryStore(t *testing.T) {
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
		if err := os.Remove(factsPath(c.opts.Dir, k)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.RecordFailure(Key{3}, testFacts(), errors.New("x")); err != nil {
		t.Fatal(err)
	}
	release, err := c.Lock(t.Context(), Key{4}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if _, err := c.Claim(Key{1, 1}, time.Minute); err != nil {
		t.Fatal(err)
	}
	for _, k := range []Key{{1, 1}, {5}} {
		unlock, err := c.Lock(t.Context(), k, nil)
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	}
	other := exec.Command("secret-tool", "store", "--label=other", "service", "aws-credproc-other",
		"username", "x")
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
	if out, err := exec.Command("secret-tool", "lookup", "service",
		"aws-credproc-other").Output(); err != nil || string(out) != "stays" {
		t.Errorf("another service: %v", err)
	}
	var left []string
	err = filepath.WalkDir(c.opts.Dir, func(path string, e os.DirEntry, err error) error {
		_, notOfASession := ParseKey(strings.SplitN(filepath.Base(path), ".", 2)[0])
		if !e.IsDir() && (filepath.Ext(path) != ".lock" || notOfASession == nil) {
			left = append(left, filepath.Base(path))
		}
		return err
	})
	if diff := cmp.Diff([]string{fileKey, Key{4}.String() + ".lock"}, left); diff != "" || err != nil {
		t.Error(diff, err)
	}
	out, _ := exec.Command("secret-tool", "search", "--all", "service",
		keyringService).CombinedOutput()
	if len(bytes.TrimSpace(out)) != 0 {
		t.Error("the keyring still holds items")
	}
	if n, err := c.Clear(t.Context()); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	w.want(t, 0)
}

// A damaged item in a collection where no Put replaces it does not cause an STS call each time.
func TestDamagedItemInAnotherCollectionIsIgnored(t *testing.T) {
	keyringtest.Start(t).CreateElsewhere(keyringService, testKey.String(), []byte("garbage"))
	k := openKeyring(t)
	if _, err := k.get(t.Context(), testKey); !errors.Is(err, ErrCorrupt) {
		t.Errorf("alone: %v", err)
	}
	session := testSession()
	if err := k.put(t.Context(), testKey, session); err != nil {
		t.Fatal(err)
	}
	if got, err := k.get(t.Context(), testKey); err != nil || got != session {
		t.Errorf("with a session's item: %v, %v", got, err)
	}
}

// There are several items if the default collection was changed.
func TestNewestOfSeveralItemsIsRead(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	older, newer := testSession(), testSession()
	newer.Issued = newer.Issued.Add(time.Minute)
	newer.Expiration = newer.Expiration.Add(time.Minute)
	if err := openKeyring(t).put(t.Context(), testKey, newer); err != nil {
		t.Fatal(err)
	}
	d.CreateElsewhere(keyringService, testKey.String(), encodeItem(t, testKey, older))
	if got, err := openKeyring(t).get(t.Context(), testKey); err != nil || got != newer {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := openKeyring(t).delete(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeyring(t).get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("one is left: %v", err)
	}
}

func TestConcurrentReadsAndWritesOfTheKeyring(t *testing.T) {
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
