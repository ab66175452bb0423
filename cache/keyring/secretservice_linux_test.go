package keyring

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	gokeyring "github.com/zalando/go-keyring"

	"aws-credproc/internal/keyringapi"
	"aws-credproc/internal/keyringtest"
	"aws-credproc/internal/sessionbus"
)

var testItem = Item{Service: "aws-credproc", User: "test"}

// testEach makes all calls concurrently and checks that each fails with the error in time.
func testEach(t *testing.T, want error) {
	t.Helper()
	var all sync.WaitGroup
	start := time.Now()
	for name, call := range map[string]func(k *Keyring) error{
		"Get":    func(k *Keyring) error { _, err := k.Get(t.Context(), testItem); return err },
		"Put":    func(k *Keyring) error { return k.Put(t.Context(), testItem, "", []byte("x")) },
		"Delete": func(k *Keyring) error { return k.Delete(t.Context(), testItem) },
		"Status": func(k *Keyring) error { return k.Status(t.Context(), ResponseLimit) },
	} {
		all.Go(func() {
			if err := call(new(Keyring)); !errors.Is(err, want) || errors.Is(err, ErrNotFound) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
			if took := time.Since(start); took > 10*ResponseLimit {
				t.Errorf("%s: took %v", name, took)
			}
		})
	}
	all.Wait()
}

func TestItemsAreThoseOfGoKeyring(t *testing.T) {
	keyringtest.Start(t)
	k := new(Keyring)
	if err := k.Put(t.Context(), testItem, "", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if got, err := gokeyring.Get(testItem.Service, testItem.User); got != "first" || err != nil {
		t.Errorf("go-keyring reads %q, %v", got, err)
	}
	if err := gokeyring.Set(testItem.Service, testItem.User, "second"); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Get(t.Context(), testItem); err != nil || len(got) != 1 ||
		string(got[0]) != "second" {
		t.Errorf("of go-keyring: %q, %v", got, err)
	}
}

// The keyring may be locked between the check and the write. The service then offers a prompt.
func TestOfferedPromptIsDismissed(t *testing.T) {
	d := keyringtest.Start(t)
	if err := new(Keyring).Put(t.Context(), testItem, "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	b, err := openBus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	session, err := b.openSession()()
	if err != nil {
		t.Fatal(err)
	}
	items, _, err := b.search(attributes(testItem))()
	if err != nil || len(items) != 1 {
		t.Fatalf("items %v, %v", items, err)
	}
	// As for an item that is locked in another collection.
	if err := b.notFound(items); !errors.Is(err, ErrLocked) {
		t.Errorf("locked item: %v", err)
	}
	d.Lock()
	if _, err := b.create(ssLogin, session, testItem, "", []byte("x")); !errors.Is(err, ErrLocked) {
		t.Errorf("create: %v", err)
	}
	if n, err := b.delete(items, nil); n != 0 || !errors.Is(err, ErrLocked) {
		t.Errorf("delete: %d, %v", n, err)
	}
	// gnome-keyring returns an error for these. Other services return a prompt, as for Unlock.
	var unlocked []sessionbus.ObjectPath
	var prompt sessionbus.ObjectPath
	err = b.call(ssPath, ssService+".Unlock", []sessionbus.ObjectPath{ssLogin})(&unlocked, &prompt)
	if err != nil || prompt == ssNone {
		t.Fatalf("unlock: %v, %v", prompt, err)
	}
	if err := b.dismiss(prompt); !errors.Is(err, ErrLocked) {
		t.Errorf("dismiss: %v", err)
	}
	if err := b.call(prompt, ssPrompt+".Prompt", "")(); !isGone(err) {
		t.Errorf("the prompt still exists: %v", err)
	}
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
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
	err = errors.Join(os.Mkdir(empty, 0o700), os.Mkdir(withDead, 0o700),
		os.Rename(dead, filepath.Join(withDead, "bus")))
	if err != nil {
		t.Fatal(err)
	}
	// A dbus-launch that leaves a file when it is run.
	ran := filepath.Join(dir, "ran")
	script := "#!/bin/sh\n: >" + ran + "\n"
	if err := os.WriteFile(filepath.Join(dir, "dbus-launch"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for name, env := range map[string]struct{ address, runtimeDir string }{
		"nothing set":               {"", ""},
		"autolaunch":                {"autolaunch:", ""},
		"autolaunch with a scope":   {"autolaunch:scope=*user", filepath.Dir(dead)},
		"no socket":                 {"unix:path=" + filepath.Join(dir, "none"), ""},
		"dead socket":               {"unix:path=" + filepath.Join(withDead, "bus"), ""},
		"empty runtime directory":   {"", empty},
		"dead socket in runtime":    {"", withDead},
		"relative runtime":          {"", "run"},
		"missing runtime directory": {"", filepath.Join(dir, "none")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", env.address)
			t.Setenv("XDG_RUNTIME_DIR", env.runtimeDir)
			testEach(t, ErrUnavailable)
		})
	}
	if _, err := os.Stat(ran); !errors.Is(err, os.ErrNotExist) {
		t.Error("dbus-launch was run")
	}
}

func TestSilentBusIsATimeout(t *testing.T) {
	keyringtest.Listen(t, func(net.Conn) {})
	testEach(t, ErrTimeout)
}

func TestCallersDeadlineIsRespected(t *testing.T) {
	keyringtest.Listen(t, func(net.Conn) {})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	k := new(Keyring)
	_, err := k.Get(ctx, testItem)
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
		t.Errorf("got %v", err)
	}
	if k.timeout != nil {
		t.Error("the keyring is said not to answer")
	}
}

func TestBrokenBusIsAFailure(t *testing.T) {
	const ok = "DATA\r\nOK 1234\r\n"
	for name, answer := range map[string]string{
		"closes":            "",
		"garbage":           "\x00\xff\r\n\r\n\r\n",
		"refuses":           "REJECTED EXTERNAL\r\n",
		"refuses the user":  "DATA\r\nREJECTED EXTERNAL\r\n",
		"long line":         "DATA" + strings.Repeat("a", 1<<20) + "\r\n" + ok,
		"accepts and dies":  ok,
		"garbage after all": ok,
	} {
		t.Run(name, func(t *testing.T) {
			keyringtest.Listen(t, func(conn net.Conn) {
				_, _ = io.WriteString(conn, answer)
				in := bufio.NewReader(conn)
				if name == "garbage after all" {
					var line string
					var err error
					for err == nil && line != "BEGIN\r\n" {
						line, err = in.ReadString('\n')
					}
					_, _ = io.WriteString(conn, "l\x02\x01\x01\xff\xff\xff\x00"+
						strings.Repeat("\xff", 64))
				}
				_, _ = in.ReadByte()
				conn.Close()
			})
			_, err := new(Keyring).Get(t.Context(), testItem)
			if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnavailable) ||
				errors.Is(err, ErrLocked) {
				t.Errorf("got %v", err)
			}
			if refused := answer != "" && answer != ok; errors.Is(err, sessionbus.ErrAuth) != refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestErrorsThatAreRefusals(t *testing.T) {
	for name, want := range map[string]bool{
		"org.freedesktop.zbus.Error":                  true, // oo7
		"org.freedesktop.DBus.Error.Failed":           true, // gnome-keyring
		"org.freedesktop.Secret.Error.NoSession":      false,
		"org.freedesktop.Secret.Error.IsLocked":       false,
		"org.freedesktop.DBus.Error.NoReply":          false,
		"org.freedesktop.DBus.Error.LimitsExceeded":   false,
		"org.freedesktop.DBus.Error.ServiceUnknown":   false,
		"org.freedesktop.DBus.Error.AccessDenied":     false,
		"org.freedesktop.DBus.Error.NoMemory":         false,
		"org.freedesktop.DBus.Error.UnknownInterface": false,
	} {
		err := translate(sessionbus.Error{Name: name, Text: "text"})
		if got := errors.Is(err, keyringapi.ErrRefused); got != want {
			t.Errorf("%s: refusal %v, want %v", name, got, want)
		}
	}
	if errors.Is(translate(io.EOF), keyringapi.ErrRefused) {
		t.Error("a lost connection is a refusal")
	}
}

func TestTextOfServiceErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"org.freedesktop.DBus.Error.Failed", "Couldn't create item", "Couldn't create item"},
		{
			"org.freedesktop.zbus.Error", "org.freedesktop.DBus.Error.Failed: item: Password too short: 2.",
			"item: Password too short: 2.",
		},
		{"org.example.Error", "", "org.example.Error"},
		{"org.example.Error", "e.g. this: that", "e.g. this: that"},
	} {
		err := sessionbus.Error{Name: test.name, Text: test.text}
		if got := translate(err).Error(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestKeyringInSandbox(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(true)
	d.StartProxy("--talk=" + ssName)
	if err := new(Keyring).Put(t.Context(), testItem, "test", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	got, err := new(Keyring).Get(t.Context(), testItem)
	if err != nil || len(got) != 1 || string(got[0]) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	d.StartProxy()
	if _, err := new(Keyring).Get(t.Context(), testItem); !errors.Is(err, ErrUnavailable) {
		t.Errorf("without access to the service: %v", err)
	}
}

// The authentication is one write, as is what follows when the bus has answered.
func TestFirstWritesToTheBus(t *testing.T) {
	received := make(chan string, 2)
	keyringtest.Listen(t, func(conn net.Conn) {
		in := make([]byte, 4096)
		for _, answer := range []string{"DATA\r\nOK 1234\r\n", ""} {
			n, _ := conn.Read(in)
			received <- string(in[:n])
			_, _ = io.WriteString(conn, answer)
		}
		conn.Close()
	})
	if _, err := new(Keyring).Get(t.Context(), testItem); err == nil {
		t.Error("no error")
	}
	if got := <-received; got != "\x00AUTH EXTERNAL\r\nDATA\r\n" {
		t.Errorf("%q", got)
	}
	got := <-received
	for _, call := range []string{"BEGIN\r\n", "Hello", "ReadAlias", "GetNameOwner"} {
		if !strings.Contains(got, call) {
			t.Errorf("no %s in %q", call, got)
		}
	}
}

// An OpenSession of a client that gnome-keyring 42 has not noted yet crashes it.
func TestNothingIsCalledBeforeTheServiceHasAnswered(t *testing.T) {
	keyringtest.New(t)
	service, err := dbus.Connect(os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	if _, err := service.RequestName(ssName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	received := make(chan *dbus.Message, 100)
	service.Eavesdrop(received) // and so answers nothing
	testEach(t, ErrTimeout)
	calls := 0
	for len(received) > 0 {
		m := <-received
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

func TestBusThatDiesDuringACallIsAFailure(t *testing.T) {
	d := keyringtest.New(t)
	daemon := d.StartKeyring(true)
	if err := daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { _, err := new(Keyring).Get(t.Context(), testItem); got <- err }()
	// The test, the daemon and the call.
	keyringtest.WaitFor(t, "the call", func() bool { return d.Clients() >= 3 })
	if err := d.Bus.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	err := <-got
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrTimeout) ||
		errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// A busy bus refuses connections for some time (older ones queue thirty). That does not mean that
// there is no bus.
func TestCallsWaitForABusyBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	err = errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Listen(fd, 1))
	if err != nil {
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
	testEach(t, ErrTimeout)
}
