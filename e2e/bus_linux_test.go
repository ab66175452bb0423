package e2e_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// otherUser is a user of the test, who is deleted at its end.
type otherUser struct {
	name string
	uid  uint32
	gid  uint32
	dir  string // of the other user, readable by all
}

// newOtherUser creates a user. It skips the test unless it runs as root.
func newOtherUser(t *testing.T) otherUser {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: a second user needs root")
	}
	needCommands(t, "useradd", "userdel")
	name := "acp-" + strings.ToLower(rand.Text()[:8])
	out, err := exec.Command("useradd", "--no-create-home", "--shell", "/bin/false", name).
		CombinedOutput()
	if err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("userdel", name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v\n%s", err, out)
		}
	})
	known, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.Atoi(known.Uid)
	gid, gidErr := strconv.Atoi(known.Gid)
	if uidErr != nil || gidErr != nil || uid == 0 {
		t.Fatalf("uid %q, gid %q", known.Uid, known.Gid)
	}
	dir, err := os.MkdirTemp("/tmp", "aws-credproc-other-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return otherUser{name, uint32(uid), uint32(gid), dir}
}

// start runs a command as the other user until the test ends.
func (o otherUser) start(t *testing.T, env []string, stdin, name string, args ...string) {
	t.Helper()
	cmd := o.command(name, args...)
	cmd.Stdin, cmd.Env = strings.NewReader(stdin), append(cmd.Env, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// command returns a command that runs as the other user.
func (o otherUser) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = o.dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + o.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: o.uid, Gid: o.gid},
		Pdeathsig:  syscall.SIGKILL,
	}
	return cmd
}

// openBusConfig configures a session bus that every user may use.
const openBusConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=%s</listen>
  <listen>unix:abstract=%s</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
`

// startKeyring starts an unlocked gnome-keyring of the other user on a bus that every user may use,
// and returns the path of the bus, its abstract name and a connection.
func (o otherUser) startKeyring(t *testing.T) (path, abstract string, service secretService) {
	t.Helper()
	needCommands(t, "dbus-daemon", "gnome-keyring-daemon")
	path, abstract = filepath.Join(o.dir, "bus"), "aws-credproc-test-"+rand.Text()
	config := filepath.Join(o.dir, "bus.conf")
	text := fmt.Sprintf(openBusConfig, path, abstract)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"run", "data", "data/keyrings"} {
		dir = filepath.Join(o.dir, dir)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, int(o.uid), int(o.gid)); err != nil {
			t.Fatal(err)
		}
	}
	o.start(t, nil, "", "dbus-daemon", "--config-file="+config, "--nofork", "--nopidfile")
	eventually(t, "the bus", func() bool { return exists(path) })
	o.start(t, []string{
		"DBUS_SESSION_BUS_ADDRESS=unix:path=" + path, "XDG_DATA_HOME=" + filepath.Join(o.dir, "data"),
		"XDG_RUNTIME_DIR=" + filepath.Join(o.dir, "run"),
	}, "password", "gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	service.bus = connectBus(t, "unix:path="+path)
	eventually(t, "gnome-keyring", func() bool {
		locked, err := service.bus.Object(secretsName, loginPath).
			GetProperty("org.freedesktop.Secret.Collection.Locked")
		return err == nil && locked.Value() == false
	})
	return path, abstract, service
}

func eventually(t *testing.T, what string, isDone func() bool) {
	t.Helper()
	for end := time.Now().Add(hangLimit); !isDone(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// secretItem is an item of a Secret Service.
type secretItem struct {
	attributes map[string]string
	value      []byte
}

// secretItems returns the items of the program.
func (s secretService) secretItems(t *testing.T) (items []secretItem) {
	t.Helper()
	session := s.openSession(t)
	for _, service := range []string{"aws-credproc", "aws-credproc-keys", "aws-credproc-mfa"} {
		var unlocked, locked []dbus.ObjectPath
		err := s.bus.Object(secretsName, secretsPath).Call("org.freedesktop.Secret.Service.SearchItems",
			0, map[string]string{"service": service}).Store(&unlocked, &locked)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range unlocked {
			item := s.bus.Object(secretsName, path)
			attributes, err := item.GetProperty("org.freedesktop.Secret.Item.Attributes")
			if err != nil {
				t.Fatal(err)
			}
			var secret ss.Secret
			err = item.Call("org.freedesktop.Secret.Item.GetSecret", 0, session).Store(&secret)
			if err != nil {
				t.Fatal(err)
			}
			named, _ := attributes.Value().(map[string]string)
			items = append(items, secretItem{named, secret.Value})
		}
	}
	return items
}

func (s secretService) openSession(t *testing.T) (path dbus.ObjectPath) {
	t.Helper()
	var none dbus.Variant
	err := s.bus.Object(secretsName, secretsPath).Call("org.freedesktop.Secret.Service.OpenSession",
		0, "plain", dbus.MakeVariant("")).Store(&none, &path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// plant stores items.
func (s secretService) plant(t *testing.T, items []secretItem) {
	t.Helper()
	session := s.openSession(t)
	for _, item := range items {
		err := s.bus.Object(secretsName, loginPath).Call("org.freedesktop.Secret.Collection.CreateItem",
			0, map[string]dbus.Variant{
				"org.freedesktop.Secret.Item.Attributes": dbus.MakeVariant(item.attributes),
			}, ss.NewSecret(session, string(item.value)), true).Err
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestE2EBusOfAnotherUser: another user owns the session bus and the keyring on it, which has all
// items that the program would look for. Nothing is read from there, and nothing is stored there.
func TestE2EBusOfAnotherUser(t *testing.T) {
	other := newOtherUser(t)
	path, abstract, foreign := other.startKeyring(t)
	own := startSecretService(t)
	program := buildProgram(t)
	i := newImportTest(t, program, own.env...)
	const (
		seed   = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
		second = mfaSerial + "2"
	)
	i.get(t, 0, 1)
	i.importOK(t)
	i.runInput(t, seed, program, "mfa", "add", "--timeout", "1s", mfaSerial)
	items := own.secretItems(t)
	if len(items) != 3 {
		t.Fatalf("%d items, want a session, an access key and a seed", len(items))
	}
	config, credentials := i.read(t, "config"), i.read(t, "credentials") // imported
	reason := fmt.Sprintf("the D-Bus session bus belongs to another user (uid %d)", other.uid)
	for name, env := range map[string][]string{
		"path":     {"DBUS_SESSION_BUS_ADDRESS=unix:path=" + path, "XDG_RUNTIME_DIR="},
		"abstract": {"DBUS_SESSION_BUS_ADDRESS=unix:abstract=" + abstract, "XDG_RUNTIME_DIR="},
		"runtime":  {"DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=" + other.dir},
	} {
		t.Run(name, func(t *testing.T) {
			foreign.plant(t, items)
			h := i.with(append(env, "AWS_CREDPROC_STORE=auto")...)
			t.Cleanup(func() { forgetKernelKey(t, h) })
			i.write(t, "config", config)
			i.write(t, "credentials", credentials)
			i.calls = i.sts.Calls("AssumeRole")

			// The imported keys are read from no keyring, so that the cached session is the only
			// source of credentials, and it is not used either.
			h.run(t, program, "get", "dev-role").failed(t, 1, reason)
			h.run(t, program, "get", "base").failed(t, 1, reason,
				"hint: the keys of profile base are in the keyring: use it in your desktop session")
			h.with("AWS_CREDPROC_STORE=keyring").run(t, program, "get", "dev-role").
				failed(t, 1, reason)
			i.called(t, 0)

			// A profile that needs no keyring: its session is not stored in that keyring.
			h.write(t, "config", config+
				"\n[profile plain]\nregion = eu-west-1\n[profile plain-role]\nregion = eu-west-1\n"+
				"role_arn = arn:aws:iam::"+motoAccount+":role/Dev\nsource_profile = plain\n")
			h.write(t, "credentials", accessKey{i.key.ID, i.key.Secret}.section("plain"))
			h = h.with("AWS_ENDPOINT_URL_STS=" + i.sts.URL)
			h.run(t, program, "get", "plain-role").credentials(t, 0)

			for command, stdin := range map[string]string{
				"import plain --yes": "", "mfa add " + second: seed, "mfa code " + mfaSerial: "",
				"mfa remove " + mfaSerial: "",
			} {
				r := h.runInput(t, stdin, program, strings.Fields(command)...)
				r.failed(t, 1, "keyring: not available: "+reason+"\n", "aws-credproc: hint: ")
			}
			if text, err := os.ReadFile(h.path("credentials")); err != nil ||
				!strings.Contains(string(text), i.key.Secret) {
				t.Errorf("import has changed the credentials file: %v", err)
			}
			for _, command := range []string{"status", "explain plain-role"} {
				out := h.ok(t, program, strings.Fields(command)...)
				if !strings.Contains(out, "(no keyring: "+reason+")") {
					t.Errorf("%s: %s", command, out)
				}
			}
			r := h.run(t, program, "doctor")
			if !strings.Contains(strings.Join(strings.Fields(r.stdout), " "), reason) {
				t.Errorf("doctor: %s%s", r.stdout, r.stderr)
			}
			h.run(t, program, "clear", "--all")
			left := foreign.secretItems(t)
			if len(left) != len(items) {
				t.Errorf("the other user's keyring has %d items, had %d", len(left), len(items))
			}
		})
	}
}
