package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
	"testing/synctest"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"
	ss "github.com/zalando/go-keyring/secret_service"
)

// desktop is a session bus of the test's own and what runs on it. Nothing of the caller's is reached.
type desktop struct {
	t    *testing.T
	env  []string
	conn *dbus.Conn // the test's own; it owns the prompter's name
	bus  *exec.Cmd
	// prompts counts the dialogs that anything on this bus wanted to raise, and person is who answers them: nil refuses.
	prompts atomic.Int32
	person  atomic.Pointer[person]
	// prompter shows them.
	prompter *prompter
}

// newDesktop starts a session bus that could start a Secret Service, and has none.
func newDesktop(t *testing.T) *desktop {
	t.Helper()
	for _, tool := range []string{"dbus-daemon", "gnome-keyring-daemon", "secret-tool"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is needed", tool)
			}
			t.Skipf("SKIPPED, and with it the Secret Service is untested: %s is not installed", tool)
		}
	}
	dir := t.TempDir()
	for _, sub := range []string{"run", "data/keyrings", "home"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	address := "unix:path=" + filepath.Join(dir, "run", "bus")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
	t.Setenv("XDG_RUNTIME_DIR", filepath.Join(dir, "run"))
	t.Setenv("XDG_DATA_HOME", filepath.Join(dir, "data"))
	t.Setenv("HOME", filepath.Join(dir, "home"))
	t.Setenv("GNOME_KEYRING_CONTROL", "")
	d := &desktop{t: t, env: os.Environ()}
	d.prompter = &prompter{d: d}
	d.bus = d.start(nil, "dbus-daemon", "--session", "--nofork", "--nopidfile", "--address="+address)
	waitFor(t, "the bus", func() bool {
		conn, err := dbus.Connect(address, dbus.WithOutgoingInterceptor(d.prompter.sent))
		d.conn = conn
		return err == nil
	})
	t.Cleanup(func() { d.conn.Close() })
	d.startPrompter()
	return d
}

// start runs a daemon until the test ends.
func (d *desktop) start(stdin io.Reader, name string, args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	var said bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stderr = d.env, stdin, &said
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = cmd.Process.Kill() // which ends a stopped one too
		_ = cmd.Wait()
		if d.t.Failed() {
			d.t.Logf("%s: %v: %s", name, cmd.ProcessState, said.String())
		}
	})
	return cmd
}

func (d *desktop) hasService() bool {
	var has bool
	if err := d.conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, ssName).Store(&has); err != nil {
		d.t.Fatal(err)
	}
	return has
}

// startKeyring starts gnome-keyring: with an open collection `login`, or with none at all.
func (d *desktop) startKeyring(login bool) *exec.Cmd {
	d.t.Helper()
	args := []string{"--foreground", "--components=secrets"}
	var stdin io.Reader
	if login {
		args, stdin = append(args, "--unlock"), strings.NewReader("password")
	}
	cmd := d.start(stdin, "gnome-keyring-daemon", args...)
	waitFor(d.t, "gnome-keyring", func() bool {
		if !d.hasService() {
			return false
		}
		err := keyringLook(d.t.Context())
		return err == nil || !login && errors.Is(err, ErrUnavailable)
	})
	return cmd
}

// startKeyring starts a desktop with an open keyring, and nothing else that a test has a use for.
func startKeyring(t *testing.T) { newDesktop(t).startKeyring(true) }

func (d *desktop) lock() {
	d.t.Helper()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := d.conn.Object(ssName, ssPath).Call(ssService+".Lock", 0, []dbus.ObjectPath{ssLogin}).Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		d.t.Fatalf("locked %v, %v", locked, err)
	}
}

// unlock unlocks the keyring with its password, as a login does: without a prompt.
func (d *desktop) unlock() {
	d.t.Helper()
	var none dbus.Variant
	var session dbus.ObjectPath
	service := d.conn.Object(ssName, ssPath)
	if err := service.Call(ssService+".OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&none, &session); err != nil {
		d.t.Fatal(err)
	}
	err := service.Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0,
		ssLogin, ss.NewSecret(session, "password")).Err
	if err != nil {
		d.t.Fatal(err)
	}
}

// clients counts the connections to the bus.
func (d *desktop) clients() (n int) {
	d.t.Helper()
	var names []string
	if err := d.conn.BusObject().Call(dbusName+".ListNames", 0).Store(&names); err != nil {
		d.t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, ":") {
			n++
		}
	}
	return n
}

// each makes every call of the keyring at once and checks its error, and that it came in time.
func each(t *testing.T, want error) {
	t.Helper()
	var all sync.WaitGroup
	start := time.Now()
	for name, call := range map[string]func(k keyringStore) error{
		"get":    func(k keyringStore) error { _, err := k.Get(t.Context(), testKey); return err },
		"put":    func(k keyringStore) error { return k.Put(t.Context(), testKey, testSession()) },
		"delete": func(k keyringStore) error { return k.Delete(t.Context(), testKey) },
		"look":   func(k keyringStore) error { return k.look(t.Context(), keyringLimit) },
	} {
		all.Go(func() {
			if err := call(openKeyring(t)); !errors.Is(err, want) || errors.Is(err, ErrMiss) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
			if took := time.Since(start); took > 10*keyringLimit {
				t.Errorf("%s: took %v", name, took)
			}
		})
	}
	all.Wait()
}

func TestSecretServiceKeepsReplacesAndForgets(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	for name, limit := range map[string]int{"as it is": keyringMaxItem, "all inline": maxItem, "all sealed": 1} {
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
	if n := d.prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// A reader that has an item in its hand whose file is gone by then finds the session that replaced it.
func TestSealedSessionIsWholeWhileItIsReplaced(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	k, s := openKeyring(t), testSession()
	k.maxItem = 1
	if err := k.Put(t.Context(), testKey, s); err != nil {
		t.Fatal(err)
	}
	items, err := keyringGet(t.Context(), sessionItem(testKey))
	if err != nil {
		t.Fatal(err)
	}
	s.SessionToken = "another"
	if err := k.Put(t.Context(), testKey, s); err != nil {
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
				if got, err := k.Get(t.Context(), testKey); err != nil || got.AccessKeyID != s.AccessKeyID {
					t.Errorf("%v, %v", got, err)
					return
				}
			}
		})
	}
	for range 100 {
		if err := k.Put(t.Context(), testKey, s); err != nil {
			t.Error(err)
		}
	}
	close(done)
	all.Wait()

	for _, path := range filesIn(t, filepath.Join(k.dir.path, sessionsDir)) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("its file is gone for good: %v", err)
	}
}

// What is refused leaves no file behind, and what is there stays.
func TestRefusedPutLeavesWhatIsThere(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	k := openKeyring(t)
	k.maxItem = 1
	if err := k.Put(t.Context(), testKey, testSession()); err != nil {
		t.Fatal(err)
	}
	before := filesIn(t, k.dir.path)
	d.lock()
	if err := k.Put(t.Context(), testKey, testSession()); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, filesIn(t, k.dir.path)); diff != "" {
		t.Error(diff)
	}
}

func TestLockedKeyringIsSaidToBeAndRaisesNoPrompt(t *testing.T) {
	for _, held := range []bool{true, false} {
		t.Run(fmt.Sprintf("holding it %v", held), func(t *testing.T) {
			d := newDesktop(t)
			d.startKeyring(true)
			c, _ := openTest(t, Auto, "")
			s := testSession()
			if held {
				mustPut(t, c, testKey, s, Keyring)
			}
			d.lock()
			each(t, ErrLocked)
			c, w := openTest(t, Auto, c.opts.Dir) // a process of its own
			c.kernel = noKernel
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
			if f, err := c.dirFacts(t, testKey); held && (err != nil || !f.Forgotten) {
				t.Errorf("what cannot be deleted is: %+v, %v", f, err)
			}
			if name, reason := c.StoreName(t.Context()); name != Keyring || !strings.Contains(reason, "locked") {
				t.Errorf("%v: %v", name, reason)
			}
			if n := d.prompts.Load(); n != 0 {
				t.Errorf("%d prompts", n)
			}
			w.want(t, 0)
			if !held {
				return
			}
			// That the prompter would have counted one: an unlock raises it.
			var unlocked []dbus.ObjectPath
			var prompt dbus.ObjectPath
			if err := d.conn.Object(ssName, ssPath).Call(ssService+".Unlock", 0, []dbus.ObjectPath{ssLogin}).Store(&unlocked, &prompt); err != nil {
				t.Fatal(err)
			}
			d.conn.Object(ssName, prompt).Go(ssPrompt+".Prompt", 0, nil, "")
			waitFor(t, "a prompt", func() bool { return d.prompts.Load() > 0 })
		})
	}
}

// The keyring may be locked between our look at it and the write: then the service offers a prompt.
func TestPromptThatIsOfferedIsDismissed(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	if err := openKeyring(t).Put(t.Context(), testKey, testSession()); err != nil {
		t.Fatal(err)
	}
	b, err := openBus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	session, err := b.openSession()()
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := b.search(sessionItem(testKey).attributes())()
	if err != nil || len(items) != 1 {
		t.Fatalf("items %v, %v", items, err)
	}
	if err := b.absent(items); !errors.Is(err, ErrLocked) { // in another collection, while this one is open
		t.Errorf("a locked item: %v", err)
	}
	d.lock()
	if _, err := b.create(ssLogin, session, sessionItem(testKey), "", []byte("x")); !errors.Is(err, ErrLocked) {
		t.Errorf("create: %v", err)
	}
	if n, err := b.delete(items, nil); n != 0 || !errors.Is(err, ErrLocked) {
		t.Errorf("delete: %d, %v", n, err)
	}
	// gnome-keyring answers these with an error; what other services answer is as what it offers for an unlock.
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	if err := b.call(ssPath, ssService+".Unlock", []dbus.ObjectPath{ssLogin})(&unlocked, &prompt); err != nil || prompt == ssNone {
		t.Fatalf("unlock: %v, %v", prompt, err)
	}
	if err := b.dismiss(prompt); !errors.Is(err, ErrLocked) {
		t.Errorf("dismiss: %v", err)
	}
	if err := b.call(prompt, ssPrompt+".Prompt", "")(); !isGone(err) {
		t.Errorf("the prompt is still offered: %v", err)
	}
	if n := d.prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

func TestWithoutAKeyringNothingIsStarted(t *testing.T) {
	d := newDesktop(t)
	var activatable []string
	if err := d.conn.BusObject().Call("org.freedesktop.DBus.ListActivatableNames", 0).Store(&activatable); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(activatable, ssName) {
		t.Log("this bus could not start one anyway")
	}
	each(t, ErrUnavailable)
	c, w := openTest(t, Auto, "")
	c.kernel = noKernel
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
	if d.hasService() {
		t.Error("a Secret Service was started")
	}
}

func TestWithoutABusTheKeyringIsUnavailable(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	empty := filepath.Join(dir, "empty")
	withDead := filepath.Join(dir, "rundir")
	if err := errors.Join(os.Mkdir(empty, 0o700), os.Mkdir(withDead, 0o700), os.Rename(dead, filepath.Join(withDead, "bus"))); err != nil {
		t.Fatal(err)
	}
	// A dbus-launch that would tell that it was run.
	ran := filepath.Join(dir, "ran")
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte("#!/bin/sh\n: >"+ran+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for name, env := range map[string][2]string{
		"nothing set":             {"", ""},
		"autolaunch":              {"autolaunch:", ""},
		"autolaunch with a scope": {"autolaunch:scope=*user", filepath.Dir(dead)},
		"no socket":               {"unix:path=" + filepath.Join(dir, "none"), ""},
		"dead socket":             {"unix:path=" + filepath.Join(withDead, "bus"), ""},
		"empty runtime directory": {"", empty},
		"dead in runtime":         {"", withDead},
		"relative runtime":        {"", "run"},
		"no runtime directory":    {"", filepath.Join(dir, "none")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", env[0])
			t.Setenv("XDG_RUNTIME_DIR", env[1])
			each(t, ErrUnavailable)
		})
	}
	if _, err := os.Stat(ran); !errors.Is(err, os.ErrNotExist) {
		t.Error("dbus-launch was run")
	}
}

// listen is a bus of the test's own making; serve gets each connection.
func listen(t *testing.T, serve func(net.Conn)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() }) // else the garbage collector does, at any time
			go serve(conn)
		}
	}()
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
}

func TestSilentBusIsATimeOut(t *testing.T) {
	listen(t, func(net.Conn) {})
	each(t, ErrTimeout)
	c, w := openTest(t, Auto, "")
	c.kernel = noKernel
	start := time.Now()
	if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrTimeout) {
		t.Errorf("second look: %v", err)
	}
	first := time.Since(start)
	if store, err := c.Put(t.Context(), testKey, testSession(), testFacts()); !errors.Is(err, ErrTimeout) || store != None {
		t.Errorf("put: %v, %v", store, err)
	}
	if again := time.Since(start) - first; again > keyringLimit/2 {
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

// A keyring that writes may take its time, and one that says nothing from the beginning takes no more than any.
func TestPatienceWithAWriteBeginsWithTheServicesAnswer(t *testing.T) {
	writes := writePatience.quiet - time.Millisecond
	for name, test := range map[string]struct {
		answers []time.Duration // how long each took; the first is the bus's
		took    time.Duration
		want    error
	}{
		"nothing is heard": {[]time.Duration{time.Hour}, keyringLimit, ErrTimeout},
		"the bus alone":    {[]time.Duration{0, time.Hour}, keyringLimit, ErrTimeout},
		"it writes":        {[]time.Duration{0, 0, writes}, writes, nil},
		"it hangs":         {[]time.Duration{0, 0, time.Hour}, writePatience.quiet, ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := bounded(t.Context(), &keyring{}, writePatience, func(ctx context.Context) (struct{}, error) {
					for i, answer := range test.answers {
						select {
						case <-time.After(answer):
							ctx.Value(answeredKey{}).(func(bool))(i > 0)
						case <-ctx.Done():
							return struct{}{}, ctx.Err()
						}
					}
					return struct{}{}, nil
				})
				if took := time.Since(start); !errors.Is(err, test.want) || took != test.took {
					t.Errorf("%v after %s, want %v after %s", err, took, test.want, test.took)
				}
			})
		})
	}
}

// Of many sessions that are to be forgotten, the first finds out that the keyring is silent.
func TestSilentKeyringIsWaitedForOnceByWhoForgetsMany(t *testing.T) {
	var asked atomic.Int32
	listen(t, func(net.Conn) { asked.Add(1) })
	c, _ := openTest(t, Auto, "")
	for i := range 5 {
		c.target()
		if err := c.dir.writeFacts(testFacts().of(Key{byte(i)}, testSession(), Keyring)); err != nil {
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

func TestCallersOwnDeadlineIsKept(t *testing.T) {
	listen(t, func(net.Conn) {})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	k := openKeyring(t)
	if _, err := k.Get(ctx, testKey); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if k.silent != nil {
		t.Error("the keyring is blamed for the caller's haste")
	}
}

func TestBrokenBusIsAFailure(t *testing.T) {
	for name, answer := range map[string]string{
		"closes":            "",
		"garbage":           "\x00\xff\r\n\r\n\r\n",
		"refuses":           "REJECTED EXTERNAL\r\nREJECTED\r\n",
		"accepts and dies":  "REJECTED EXTERNAL\r\nOK 1234\r\nAGREE_UNIX_FD\r\n",
		"garbage after all": "REJECTED EXTERNAL\r\nOK 1234\r\nAGREE_UNIX_FD\r\nl\x02\x01\x01\xff\xff\xff\x00" + strings.Repeat("\xff", 64),
	} {
		t.Run(name, func(t *testing.T) {
			listen(t, func(conn net.Conn) {
				_, _ = io.WriteString(conn, answer)
				_, _ = conn.Read(make([]byte, 1))
				conn.Close()
			})
			_, err := openKeyring(t).Get(t.Context(), testKey)
			if err == nil || errors.Is(err, ErrMiss) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrLocked) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSilentServiceIsATimeOutAndComesBack(t *testing.T) {
	d := newDesktop(t)
	daemon := d.startKeyring(true)
	c, _ := openTest(t, Auto, "")
	s := testSession()
	mustPut(t, c, testKey, s, Keyring)
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	each(t, ErrTimeout)
	if err := daemon.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an answer", func() bool {
		_, err := openKeyring(t).Get(t.Context(), testKey)
		return err == nil || errors.Is(err, ErrMiss) // one of the calls deleted it
	})
}

// Whom a busy bus has not let in looks again, under the lock; once, and not where the service hangs.
func TestSessionBehindABusyBusIsLookedForAgain(t *testing.T) {
	d := newDesktop(t)
	daemon := d.startKeyring(true)
	s := testSession()
	for name, test := range map[string]struct {
		stopped *exec.Cmd
		goesOn  bool
		want    error
	}{
		"bus, which goes on":     {d.bus, true, nil},
		"bus, for good":          {d.bus, false, ErrTimeout},
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
			if took := time.Since(start); took > 10*keyringLimit {
				t.Errorf("it is waited for again and again: %v", took)
			}
			w.want(t, 0)
		})
	}
}

// gnome-keyring 42 is ended by an OpenSession of a client that it has not yet noted, and with it the login's keyring.
func TestNothingIsAskedBeforeTheServiceHasAnswered(t *testing.T) {
	newDesktop(t)
	service, err := dbus.Connect(os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if _, err := service.RequestName(ssName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	asked := make(chan *dbus.Message, 100)
	service.Eavesdrop(asked) // and so answers nothing
	each(t, ErrTimeout)
	calls := 0
	for len(asked) > 0 {
		m := <-asked
		if m.Type != dbus.TypeMethodCall {
			continue
		}
		if calls++; m.Headers[dbus.FieldMember].Value() != "ReadAlias" {
			t.Errorf("%v", m)
		}
	}
	if calls != 4 {
		t.Errorf("%d calls, want 4", calls)
	}
}

func TestBusThatDiesInMidCallIsAFailure(t *testing.T) {
	d := newDesktop(t)
	daemon := d.startKeyring(true)
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { _, err := openKeyring(t).Get(t.Context(), testKey); got <- err }()
	waitFor(t, "the call", func() bool { return d.clients() >= 3 }) // the test, the daemon and the call
	if err := d.bus.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err == nil || errors.Is(err, ErrMiss) || errors.Is(err, ErrTimeout) || errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestWithoutACollectionNoneIsMade(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(false)
	k := openKeyring(t)
	if _, err := k.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("get: %v", err)
	}
	if err := k.Put(t.Context(), testKey, testSession()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("put: %v", err)
	}
	if err := k.Delete(t.Context(), testKey); err != nil {
		t.Errorf("delete: %v", err)
	}
	v, err := d.conn.Object(ssName, ssPath).GetProperty(ssService + ".Collections")
	if paths, ok := v.Value().([]dbus.ObjectPath); err != nil || !ok || slices.Contains(paths, ssLogin) {
		t.Errorf("collections %v, %v", v, err)
	}
	if n := d.prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

func TestForeignItemIsNeitherAMissNorOverwrittenIfNewer(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
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
			if err := keyringPut(t.Context(), sessionItem(testKey), "", []byte(tc.value)); err != nil {
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
			newDesktop(t).startKeyring(true)
			c, w := openTest(t, Auto, dir)
			if known {
				mustPut(t, c, testKey, testSession(), Keyring)
			}
			const newer = `{"v":2}`
			if err := keyringPut(t.Context(), sessionItem(testKey), "", []byte(newer)); err != nil {
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
			if items, err := keyringGet(t.Context(), sessionItem(testKey)); err != nil || len(items) != 1 || string(items[0]) != newer {
				t.Errorf("%d items, %v", len(items), err)
			}
			w.want(t, 0)
		})
	}
}

func TestAutoKeepsSessionsInTheKeyring(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
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
		if err := os.Remove(filepath.Join(c.opts.Dir, factsDir, factsName(testKey))); err != nil {
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
		if _, err := openKeyring(t).Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("it stays in the keyring too: %v", err)
		}
		if got, err := c.Get(t.Context(), testKey); err != nil || got != s { // auto goes by the facts
			t.Errorf("auto: %v, %v", got, err)
		}
		mustPut(t, c, testKey, s, Keyring)
		if keys, err := c.dir.keys(sessionsDir, ""); err != nil || len(keys) != 0 {
			t.Errorf("it stays in the file store too: %v, %v", keys, err)
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
		if _, err := openKeyring(t).Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("item: %v", err)
		}
		if _, err := c.FactsOf(testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("facts: %v", err)
		}
	})
	t.Run("forgotten without facts", func(t *testing.T) {
		if err := openKeyring(t).Put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(t.Context(), testKey); err != nil {
			t.Fatal(err)
		}
		if _, err := openKeyring(t).Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("item: %v", err)
		}
	})
	w.want(t, 0)
}

// A process may be killed at any moment from when it writes: the facts tell of the item before it is there.
func TestItemIsNotedBeforeItIsWritten(t *testing.T) {
	newDesktop(t).startKeyring(true)
	c, _ := openTest(t, Keyring, "")
	c.target()
	free, err := c.dir.lock(t.Context(), writeLock, nil) // so that the write waits
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ctx, kill := context.WithCancel(t.Context())
	put := make(chan error, 1)
	go func() { _, err := c.Put(ctx, testKey, testSession(), testFacts()); put <- err }()
	waitFor(t, "its facts", func() bool { f, err := c.dir.readFacts(testKey); return err == nil && !f.Stray.IsZero() })
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
	free, err := k.dir.lock(t.Context(), writeLock, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := k.Put(ctx, testKey, testSession()); !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "other processes are changing it") {
		t.Errorf("got %v", err)
	}
}

func TestClearForgetsEverySessionInEveryStore(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	c, w := openTest(t, Auto, "")
	file, _ := openTest(t, File, c.opts.Dir)
	s := testSession()
	for i := range 5 {
		mustPut(t, c, Key{1, byte(i)}, s, Keyring)
		mustPut(t, file, Key{2, byte(i)}, s, File)
	}
	for _, k := range []Key{{1, 0}, {2, 0}} {
		if err := os.Remove(filepath.Join(c.opts.Dir, factsDir, factsName(k))); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Fail(Key{3}, testFacts(), errors.New("x")); err != nil {
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

// ssMemory is the collection that gnome-keyring keeps in memory only.
const ssMemory = ssPath + "/collection/session"

// createElsewhere makes an item in a collection that is not the default one.
func createElsewhere(t *testing.T, name itemName, value []byte) {
	t.Helper()
	b, err := openBus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	session, err := b.openSession()()
	if err == nil {
		_, err = b.create(ssMemory, session, name, "", value)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A damaged item where no Put replaces it does not cost a call of STS each time.
func TestDamagedItemBesideTheSessionsIsPassedOver(t *testing.T) {
	newDesktop(t).startKeyring(true)
	createElsewhere(t, sessionItem(testKey), []byte("garbage"))
	k := openKeyring(t)
	if _, err := k.Get(t.Context(), testKey); !errors.Is(err, ErrCorrupt) {
		t.Errorf("alone: %v", err)
	}
	if err := k.Put(t.Context(), testKey, testSession()); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Get(t.Context(), testKey); err != nil || got != testSession() {
		t.Errorf("beside the session's: %v, %v", got, err)
	}
}

// The newest of several items counts: the default collection may have been another one before.
func TestNewestOfSeveralItemsIsRead(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	older, newer := testSession(), testSession()
	newer.Issued, newer.Expiration = newer.Issued.Add(time.Minute), newer.Expiration.Add(time.Minute)
	if err := openKeyring(t).Put(t.Context(), testKey, newer); err != nil {
		t.Fatal(err)
	}
	createElsewhere(t, sessionItem(testKey), encodeItem(t, testKey, older))
	if got, err := openKeyring(t).Get(t.Context(), testKey); err != nil || got != newer {
		t.Errorf("got %v, %v", got, err)
	}
	if err := openKeyring(t).Delete(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeyring(t).Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("one is left: %v", err)
	}
}

func TestManyReadAndWriteTheKeyringAtOnce(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	s := testSession()
	for i := range 4 {
		if err := openKeyring(t).Put(t.Context(), Key{byte(i)}, s); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			key := Key{byte(i % 4)}
			if i%10 == 0 {
				if err := openKeyring(t).Put(t.Context(), key, s); err != nil {
					t.Errorf("put: %v", err)
				}
			} else if got, err := openKeyring(t).Get(t.Context(), key); err != nil || got != s {
				t.Errorf("get: %v, %v", got, err)
			}
		})
	}
	all.Wait()
}

// A bus that is behind refuses connections for the moment (older ones let thirty wait): that is not its absence.
func TestBusThatIsBehindIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := net.Dial("unix", path)
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	each(t, ErrTimeout)
}
