package e2e_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"aws-credproc/internal/keyringtest"
	"aws-credproc/internal/terminal/ptytest"
)

// TestE2EServices runs each command with each Secret Service in each state. With -v, it prints the
// table of docs/stores.md. No command shows a window or takes 2 seconds. If OO7_DAEMON is the path
// of an oo7-daemon (crates.io), that one is tested too.
func TestE2EServices(t *testing.T) {
	program := buildProgram(t)
	for _, s := range services() {
		t.Run(s.name, func(t *testing.T) {
			newMatrix(t, program, s).fill(t)
		})
	}
}

// service is a Secret Service that is tested.
type service struct {
	name  string
	start func(*desktop) *daemon
}

func services() []service {
	all := []service{
		{"GNOME Keyring", (*desktop).gnome},
		{"KWallet", (*desktop).kwallet},
		{"KeePassXC", func(d *desktop) *daemon { return d.keepassxc(false) }},
		{asks, func(d *desktop) *daemon { return d.keepassxc(true) }},
	}
	if os.Getenv("OO7_DAEMON") != "" {
		all = append(all, service{"oo7", (*desktop).oo7})
	}
	return all
}

// newMatrix starts a service on a new desktop, and makes a home for the program there.
func newMatrix(t *testing.T, program string, s service) *matrix {
	t.Helper()
	d := newDesktop(t)
	m := &matrix{d: d, daemon: s.start(d), service: s.name}
	m.asks = s.name == asks
	m.keyringTest = newKeyringTest(t, program, "XDG_DATA_HOME="+os.Getenv("XDG_DATA_HOME"),
		"XDG_CONFIG_HOME="+d.config, "XDG_RUNTIME_DIR="+os.Getenv("XDG_RUNTIME_DIR"),
		"DISPLAY="+os.Getenv("DISPLAY"),
		"DBUS_SESSION_BUS_ADDRESS="+os.Getenv("DBUS_SESSION_BUS_ADDRESS"))
	m.home = m.with("AWS_CREDPROC_STORE=auto")
	return m
}

// desktop is a session bus and a display.
type desktop struct {
	*keyringtest.Desktop
	t      *testing.T
	config string // XDG_CONFIG_HOME
}

// daemon is a running Secret Service.
type daemon struct {
	cmd   *exec.Cmd
	start func() *exec.Cmd // starts it again, and unlocks it as a login does
	lock  func()
	// login starts KWallet with an open wallet that is locked for clients of the Secret Service.
	login func() *exec.Cmd
}

const asks = "KeePassXC that confirms" // each access

func newDesktop(t *testing.T) *desktop {
	t.Helper()
	needCommands(t, "Xvfb", "xdotool")
	dir := t.TempDir()
	number := filepath.Join(dir, "display")
	x := exec.Command("sh", "-c", `exec Xvfb -noreset -displayfd 3 -screen 0 1024x768x24 3>"$1"`, "sh", number)
	if err := x.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Process.Kill(); _ = x.Wait() })
	keyringtest.WaitFor(t, "the display", func() bool {
		b, err := os.ReadFile(number)
		t.Setenv("DISPLAY", ":"+strings.TrimSpace(string(b)))
		return err == nil && strings.HasSuffix(string(b), "\n")
	})
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("TMPDIR", dir) // else KeePassXC would pass the database on to one that runs already
	t.Setenv("QT_QPA_PLATFORM", "xcb")
	t.Setenv("WAYLAND_DISPLAY", "")
	return &desktop{keyringtest.New(t), t, dir}
}

// windows returns the number of visible windows and of prompts that GNOME's prompter was to show.
func (d *desktop) windows() int {
	out, err := exec.Command("xdotool", "search", "--onlyvisible", "--name", ".").Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) { // 1: there is none
		d.t.Fatal(err)
	}
	return len(strings.Fields(string(out))) + int(d.Prompts.Load())
}

// call calls a method on the bus and returns the paths of objects in its reply.
func (d *desktop) call(
	service string, path dbus.ObjectPath, method string, args ...any,
) (paths []dbus.ObjectPath) {
	d.t.Helper()
	call := d.Conn.Object(service, path).Call(method, 0, args...)
	if call.Err != nil {
		d.t.Fatal(call.Err)
	}
	for _, v := range call.Body {
		switch v := v.(type) {
		case dbus.ObjectPath:
			paths = append(paths, v)
		case []dbus.ObjectPath:
			paths = append(paths, v...)
		}
	}
	return paths
}

const serviceFace = "org.freedesktop.Secret.Service"

func (d *desktop) collection() dbus.ObjectPath {
	return d.call(secretsName, secretsPath, serviceFace+".ReadAlias", "default")[0]
}

// lockDefault locks the default collection.
func (d *desktop) lockDefault() {
	d.call(secretsName, secretsPath, serviceFace+".Lock", []dbus.ObjectPath{d.collection()})
	d.awaitLocked(true)
}

func (d *desktop) awaitLocked(want bool) {
	d.t.Helper()
	keyringtest.WaitFor(d.t, fmt.Sprintf("a collection with Locked %v", want), func() bool {
		var path dbus.ObjectPath
		var locked dbus.Variant
		err := d.Conn.Object(secretsName, secretsPath).
			Call(serviceFace+".ReadAlias", dbus.FlagNoAutoStart, "default").Store(&path)
		if err != nil || path == "/" {
			return false
		}
		err = d.Conn.Object(secretsName, path).Call("org.freedesktop.DBus.Properties.Get",
			dbus.FlagNoAutoStart, "org.freedesktop.Secret.Collection", "Locked").Store(&locked)
		return err == nil && locked.Value() == want
	})
}

func (d *desktop) write(name, text string) (path string) {
	path = filepath.Join(d.config, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func (d *desktop) gnome() *daemon {
	start := func() *exec.Cmd { return d.StartKeyring(true) }
	return &daemon{cmd: start(), start: start, lock: d.Lock}
}

func (d *desktop) kwallet() *daemon {
	needCommands(d.t, "kwalletd5")
	d.write("kwalletrc", `[Wallet]
Enabled=true
First Use=false
Prompt on Open=false
Use One Wallet=true
Default Wallet=kdewallet
[org.freedesktop.secrets]
apiEnabled=true
`)
	const name, path, face = "org.kde.kwalletd5", "/modules/kwalletd5", "org.kde.KWallet."
	run := func() *exec.Cmd {
		cmd := d.Run(nil, "kwalletd5")
		keyringtest.WaitFor(d.t, "kwalletd5", d.HasService)
		// pam_kwallet opens the wallet so, with a hash of the password.
		d.call(name, path, face+"pamOpen", "kdewallet", make([]byte, 56), int32(0))
		return cmd
	}
	first := run() // it has a collection only for a wallet that was there when it started
	file := filepath.Join(os.Getenv("XDG_DATA_HOME"), "kwalletd", keyringtest.Wallet+".kwl")
	keyringtest.WaitFor(d.t, "the wallet's file", func() bool { return exists(file) })
	d.kill(first)
	start := func() *exec.Cmd {
		cmd := run()
		objects := d.call(secretsName, secretsPath, serviceFace+".Unlock",
			[]dbus.ObjectPath{d.collection()})
		if prompt := objects[len(objects)-1]; prompt != "/" { // silent, since the wallet is open
			d.call(secretsName, prompt, "org.freedesktop.Secret.Prompt.Prompt", "")
		}
		d.awaitLocked(false)
		return cmd
	}
	return &daemon{cmd: start(), start: start, login: run, lock: func() {
		d.call(name, path, face+"closeAllWallets")
		d.awaitLocked(true)
	}}
}

func (d *desktop) keepassxc(confirm bool) *daemon {
	needCommands(d.t, "keepassxc", "keepassxc-cli")
	config := d.write("kp.ini", fmt.Sprintf(`[General]
ConfigVersion=2
UpdateCheckMessageShown=true
[FdoSecrets]
Enabled=true
ShowNotification=false
ConfirmAccessItem=%v
ConfirmDeleteItem=%[1]v
[GUI]
CheckForUpdates=false
`, confirm))
	cli := func(stdin string, args ...string) string {
		cmd := exec.Command("keepassxc-cli", args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			d.t.Fatalf("keepassxc-cli %s: %v", args[0], err)
		}
		return string(out)
	}
	plain, database := filepath.Join(d.config, "a.kdbx"), filepath.Join(d.config, "db.kdbx")
	cli("pw\npw\n", "db-create", "-q", "-p", plain)
	text := cli("pw\n", "export", "-q", "-f", "xml", plain)
	group := regexp.MustCompile(`<Root>\s*<Group>\s*<UUID>([^<]*)`).FindStringSubmatch(text)
	id, err := base64.StdEncoding.DecodeString(group[1])
	if err != nil || len(id) != 16 {
		d.t.Fatalf("group %q: %v", group[1], err)
	}
	text = strings.Replace(text, "</Meta>", fmt.Sprintf("<CustomData><Item><Key>"+
		"FDO_SECRETS_EXPOSED_GROUP</Key><Value>{%x-%x-%x-%x-%x}</Value></Item></CustomData></Meta>",
		id[:4], id[4:6], id[6:8], id[8:10], id[10:]), 1)
	cli("pw\npw\n", "import", "-q", "-p", d.write("b.xml", text), database)
	start := func() *exec.Cmd {
		cmd := d.Run(strings.NewReader("pw\n"), "keepassxc", "--config", config, "--localconfig",
			filepath.Join(d.config, "l.ini"), "--pw-stdin", database)
		d.awaitLocked(false)
		return cmd
	}
	return &daemon{cmd: start(), start: start, lock: func() {
		d.call("org.keepassxc.KeePassXC.MainWindow", "/keepassxc",
			"org.keepassxc.KeePassXC.MainWindow.lockAllDatabases")
		d.awaitLocked(true)
	}}
}

func (d *desktop) oo7() *daemon {
	start := func() *exec.Cmd {
		cmd := d.Run(strings.NewReader("a long password"), os.Getenv("OO7_DAEMON"), "--login")
		d.awaitLocked(false)
		return cmd
	}
	return &daemon{cmd: start(), start: start, lock: d.lockDefault}
}

// kill kills a service and waits until the bus knows.
func (d *desktop) kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	keyringtest.WaitFor(d.t, "the end of the service", func() bool { return !d.HasService() })
}

// matrix is the table of a service.
type matrix struct {
	*keyringTest
	d       *desktop
	daemon  *daemon
	service string
	asks    bool // for each access
}

const seedText = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

// row runs the commands in a state and prints what they did.
func (m *matrix) row(t *testing.T, state string) {
	var cells []string
	serial := mfaSerial + "-" + state // a code of a device is used once
	for _, c := range []struct {
		name, stdin, args string
		calls             int // at most
	}{
		{"get", "", "get dev-role", 1},
		{"warm", "", "get dev-role", 0},
		{"refresh", "", "refresh dev-role", 1},
		{"clear", "", "clear dev-role", 0},
		{"clear all", "", "clear --all", 0},
		{"import", "", "import base --yes", 0},
		{"undo", "", "import base --undo --yes", 0},
		{"mfa add", seedText, "mfa add " + serial + " --timeout 1s", 0},
		{"remove", "", "mfa remove " + serial, 0},
	} {
		windows, calls := m.d.windows(), m.sts.Calls("AssumeRole")
		r := m.runInput(t, c.stdin, m.program, strings.Fields(c.args)...)
		if strings.Contains(r.stderr, "there is no second code: the current MFA code is already used") {
			r.code = 0 // --timeout does not allow to wait for it
		}
		cell := fmt.Sprintf("%d ms", r.took.Milliseconds())
		if r.code != 0 {
			cell = fmt.Sprintf("exit %d, %s", r.code, cell)
		}
		if m.fails(state, c.name) != (r.code != 0) && !(m.asks && strings.HasPrefix(c.name, "clear")) {
			t.Errorf("%s, %s: exit code %d", state, c.args, r.code)
		}
		if n := m.sts.Calls("AssumeRole") - calls; n > c.calls || c.name == "refresh" && n != 1 {
			t.Errorf("%s, %s: %d calls", state, c.args, n)
		}
		if n := m.d.windows() - windows; n > 0 {
			t.Errorf("%s, %s: %d windows", state, c.args, n)
		}
		if r.took > 2*time.Second {
			t.Errorf("%s, %s took %v", state, c.args, r.took)
		}
		t.Logf("%s, %s: %s: %s", state, c.args, cell, strings.TrimSpace(r.stderr))
		cells = append(cells, cell)
	}
	m.called(t, m.sts.Calls("AssumeRole")-m.calls)
	fmt.Printf("| %s | %s | %s |\n", m.service, state, strings.Join(cells, " | "))
}

// fails reports whether a command fails. Commands that delete a session fail if one may be in the
// keyring and cannot be deleted; with a service that asks for each access, that depends.
func (m *matrix) fails(state, command string) bool {
	switch command {
	case "import", "mfa add":
		return state == "ended" || state == "locked" || m.asks
	case "undo", "clear", "clear all":
		return state == "ended" || state == "locked"
	case "remove": // GNOME Keyring also finds locked items, so it knows that there is no seed
		return state == "ended" || state == "locked" && m.service != "GNOME Keyring"
	}
	return false
}

// checkLogin checks that refresh at a terminal unlocks KWallet after a login, without a window.
func (m *matrix) checkLogin(t *testing.T) {
	m.d.kill(m.daemon.cmd)
	m.daemon.cmd = m.daemon.login()
	m.d.awaitLocked(true)
	windows := m.d.windows()
	if store, _ := m.newSessions(t, m.program); store != "kernel" {
		t.Errorf("after a login: new sessions go to %s", store)
	}
	pty := ptytest.New(t)
	cmd := exec.CommandContext(t.Context(), m.program, "refresh", "dev-role")
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = m.dir, m.env, pty.TTY, pty.TTY, pty.TTY
	pty.Start(cmd)
	if err := cmd.Wait(); err != nil {
		t.Errorf("refresh: %v: %s", err, pty.Shown())
	}
	if store, reason := m.newSessions(t, m.program); store != "keyring" {
		t.Errorf("after refresh: new sessions go to %s: %s", store, reason)
	}
	if n := m.d.windows() - windows; n != 0 {
		t.Errorf("refresh: %d windows", n)
	}
}

// keep stores a session in the keyring, which the commands of the next state may find. One that asks
// for each access keeps none.
func (m *matrix) keep(t *testing.T) {
	if !m.asks {
		m.ok(t, m.program, "refresh", "dev-role", "--store", "keyring")
		m.called(t, 1)
	}
}

func (m *matrix) fill(t *testing.T) {
	m.row(t, "open")
	m.keep(t)
	m.d.kill(m.daemon.cmd)
	m.row(t, "ended")
	m.daemon.cmd = m.daemon.start()
	m.row(t, "restarted")
	m.ok(t, m.program, "clear", "--all")
	m.delaySTS(100 * time.Millisecond)
	results, took := m.storm(t, m.program, profilesOf(50, "dev-role"), nil)
	for _, r := range results {
		r.credentials(t, 0)
	}
	m.called(t, 1)
	fmt.Printf("| %s | 50 processes | %s, slowest %s |\n", m.service, took, slowest(results))
	m.sts.ClearFaults()
	m.keep(t)
	m.daemon.lock()
	m.row(t, "locked")
	if m.daemon.login != nil {
		m.checkLogin(t)
	}
}
