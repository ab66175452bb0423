package keyringtest

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

const (
	ssName       = "org.freedesktop.secrets"
	ssPath       = dbus.ObjectPath("/org/freedesktop/secrets")
	ssLogin      = ssPath + "/collection/login"
	ssMemory     = ssPath + "/collection/session"
	ssService    = "org.freedesktop.Secret.Service"
	ssCollection = "org.freedesktop.Secret.Collection"
	ssItem       = "org.freedesktop.Secret.Item"
	ssPrompt     = "org.freedesktop.Secret.Prompt"
)

// hangLimit is much longer than anything here takes.
const hangLimit = 30 * time.Second

// A Desktop is a session bus and what runs on it.
type Desktop struct {
	Conn *dbus.Conn // a connection of the test, which owns the name of the prompter
	Bus  *exec.Cmd
	// Prompts counts the dialogs that a service wanted to show.
	Prompts atomic.Int32
	// User answers the dialogs; nil refuses to show any.
	User atomic.Pointer[User]

	t        *testing.T
	env      []string
	prompter *prompter
}

// New starts a session bus. No Secret Service runs on it, but the bus could activate one. The
// environment of the test names the bus.
func New(t *testing.T) *Desktop {
	t.Helper()
	tools := []string{"dbus-daemon", "gnome-keyring-daemon", "secret-tool", "xdg-dbus-proxy"}
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is needed", tool)
			}
			t.Skipf("SKIPPED: the Secret Service is not tested, because %s is not installed", tool)
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
	d := &Desktop{t: t, env: os.Environ()}
	d.prompter = &prompter{d: d}
	d.Bus = d.Run(nil, "dbus-daemon", "--session", "--nofork", "--nopidfile",
		"--address="+address)
	WaitFor(t, "the bus", func() bool {
		conn, err := dbus.Connect(address, dbus.WithOutgoingInterceptor(d.prompter.sent))
		d.Conn = conn
		return err == nil
	})
	t.Cleanup(func() { d.Conn.Close() })
	d.StartPrompter()
	return d
}

// Run runs a daemon until the test ends.
func (d *Desktop) Run(stdin io.Reader, name string, args ...string) *exec.Cmd {
	d.t.Helper()
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stderr = d.env, stdin, &stderr
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = cmd.Process.Kill() // ends a stopped process too
		_ = cmd.Wait()
		if d.t.Failed() {
			d.t.Logf("%s: %v: %s", name, cmd.ProcessState, stderr.String())
		}
	})
	return cmd
}

// StartProxy starts the filter of sandboxes such as Flatpak, with rules such as
// --talk=org.freedesktop.secrets. The environment of the test then names the filtered bus.
func (d *Desktop) StartProxy(rules ...string) {
	d.t.Helper()
	socket := filepath.Join(d.t.TempDir(), "proxy")
	bus := "unix:path=" + filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")
	d.Run(nil, "xdg-dbus-proxy", append([]string{bus, socket, "--filter"}, rules...)...)
	WaitFor(d.t, "the proxy", func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	d.t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+socket)
}

// HasService reports whether a Secret Service runs.
func (d *Desktop) HasService() bool {
	d.t.Helper()
	var has bool
	err := d.Conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, ssName).Store(&has)
	if err != nil {
		d.t.Fatal(err)
	}
	return has
}

// StartKeyring starts gnome-keyring, with an unlocked collection `login` or without any collection.
func (d *Desktop) StartKeyring(login bool) *exec.Cmd {
	d.t.Helper()
	args := []string{"--foreground", "--components=secrets"}
	var stdin io.Reader
	if login {
		args, stdin = append(args, "--unlock"), strings.NewReader("password")
	}
	cmd := d.Run(stdin, "gnome-keyring-daemon", args...)
	WaitFor(d.t, "gnome-keyring", func() bool {
		if !d.HasService() {
			return false
		}
		if !login {
			_, err := d.Conn.Object(ssName, ssPath).GetProperty(ssService + ".Collections")
			return err == nil
		}
		locked, err := d.Conn.Object(ssName, ssLogin).GetProperty(ssCollection + ".Locked")
		return err == nil && locked.Value() == false
	})
	return cmd
}

// Start starts a desktop with an unlocked keyring.
func Start(t *testing.T) *Desktop {
	t.Helper()
	d := New(t)
	d.StartKeyring(true)
	return d
}

// Lock locks the keyring.
func (d *Desktop) Lock() {
	d.t.Helper()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := d.Conn.Object(ssName, ssPath).Call(ssService+".Lock", 0, []dbus.ObjectPath{ssLogin}).
		Store(&locked, &prompt)
	if err != nil || len(locked) != 1 {
		d.t.Fatalf("locked %v, %v", locked, err)
	}
}

// Unlock unlocks the keyring with its password and without a prompt, as a login does.
func (d *Desktop) Unlock() {
	d.t.Helper()
	const method = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface." +
		"UnlockWithMasterPassword"
	secret := ss.NewSecret(d.session(), "password")
	err := d.Conn.Object(ssName, ssPath).Call(method, 0, ssLogin, secret).Err
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *Desktop) session() (path dbus.ObjectPath) {
	d.t.Helper()
	var output dbus.Variant
	err := d.Conn.Object(ssName, ssPath).
		Call(ssService+".OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&output, &path)
	if err != nil {
		d.t.Fatal(err)
	}
	return path
}

// ShowPrompt shows the prompt that unlocks the keyring.
func (d *Desktop) ShowPrompt() {
	d.t.Helper()
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err := d.Conn.Object(ssName, ssPath).Call(ssService+".Unlock", 0, []dbus.ObjectPath{ssLogin}).
		Store(&unlocked, &prompt)
	if err != nil {
		d.t.Fatal(err)
	}
	d.Conn.Object(ssName, prompt).Go(ssPrompt+".Prompt", 0, nil, "")
}

// HasLogin reports whether there is a collection `login`.
func (d *Desktop) HasLogin() bool {
	d.t.Helper()
	v, err := d.Conn.Object(ssName, ssPath).GetProperty(ssService + ".Collections")
	paths, ok := v.Value().([]dbus.ObjectPath)
	if err != nil || !ok {
		d.t.Fatalf("collections %v, %v", v, err)
	}
	return slices.Contains(paths, ssLogin)
}

// UseMemory makes the collection in memory the default one.
func (d *Desktop) UseMemory() {
	d.t.Helper()
	err := d.Conn.Object(ssName, ssPath).Call(ssService+".SetAlias", 0, "default", ssMemory).Err
	if err != nil {
		d.t.Fatal(err)
	}
}

// CreateElsewhere creates an item in a collection that is not the default one.
func (d *Desktop) CreateElsewhere(service, user string, value []byte) {
	d.t.Helper()
	attributes := map[string]string{"service": service, "username": user}
	err := d.Conn.Object(ssName, ssMemory).Call(ssCollection+".CreateItem", 0,
		map[string]dbus.Variant{
			ssItem + ".Attributes": dbus.MakeVariant(attributes),
		}, ss.NewSecret(d.session(), string(value)), true).Err
	if err != nil {
		d.t.Fatal(err)
	}
}

// Clients returns the number of connections to the bus.
func (d *Desktop) Clients() (n int) {
	d.t.Helper()
	var names []string
	if err := d.Conn.BusObject().Call("org.freedesktop.DBus.ListNames",
		0).Store(&names); err != nil {
		d.t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, ":") {
			n++
		}
	}
	return n
}

// Listen creates a bus whose connections serve handles.
func Listen(t *testing.T, serve func(net.Conn)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go accept(t, l, serve)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
}

// ListenAs is like Listen, but the bus belongs to another user and has a given socket name, in the
// form of package net. It skips the test unless it runs as root. It does not set
// DBUS_SESSION_BUS_ADDRESS.
func ListenAs(t *testing.T, uid int, name string, serve func(net.Conn)) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a bus of another user needs root")
	}
	type listener struct {
		net.Listener
		err error
	}
	listening := make(chan listener)
	go func() {
		// Only the user ID of this thread is changed, and the thread ends with the goroutine.
		runtime.LockOSThread()
		const keep = ^uintptr(0)
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, keep, uintptr(uid), keep)
		if errno != 0 {
			listening <- listener{err: errno}
			return
		}
		l, err := net.Listen("unix", name)
		listening <- listener{l, err}
	}()
	l := <-listening
	if l.err != nil {
		t.Fatal(l.err)
	}
	t.Cleanup(func() { l.Close() })
	go accept(t, l, serve)
}

// accept serves connections until the listener is closed.
func accept(t *testing.T, l net.Listener, serve func(net.Conn)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() }) // also prevents a finalizer from closing it
		go serve(conn)
	}
}

// WaitFor polls a condition.
func WaitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(hangLimit); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// A State is a state in which a keyring accepts no items.
type State struct {
	Enter  func(t *testing.T)
	Reason string // a part of the error
}

// States returns the states by name.
func States() map[string]State {
	return map[string]State{
		"no bus": {func(t *testing.T) {
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
		}, "no D-Bus session bus"},
		"dead socket": {func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "none")
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
		}, "no D-Bus session bus"},
		"silent bus": {func(t *testing.T) { Listen(t, func(net.Conn) {}) }, "no response"},
		"broken bus": {func(t *testing.T) {
			Listen(t, func(conn net.Conn) { conn.Close() })
		}, "session bus"},
		"bus of another user": {func(t *testing.T) {
			name := "@aws-credproc-test-" + rand.Text()
			ListenAs(t, 12345, name, func(net.Conn) {})
			t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract="+name[1:])
		}, "the D-Bus session bus belongs to another user (uid 12345)"},
		"no service": {func(t *testing.T) { New(t) }, "no Secret Service"},
		"no collection": {func(t *testing.T) { New(t).StartKeyring(false) },
			"neither a collection"},
		"locked": {func(t *testing.T) { Start(t).Lock() }, "locked"},
		"silent service": {func(t *testing.T) {
			if err := New(t).StartKeyring(true).Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}, "no response"},
	}
}
