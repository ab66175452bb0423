package e2e_test

import (
	"encoding/json"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"

	"aws-credproc/internal/ststest"
)

const (
	secretsName = "org.freedesktop.secrets"
	secretsPath = dbus.ObjectPath("/org/freedesktop/secrets")
	loginPath   = secretsPath + "/collection/login"
)

// A secretService is a private gnome-keyring, empty and unlocked.
type secretService struct {
	env []string // with which it is found
	pid string
	bus *dbus.Conn
}

func startSecretService(t *testing.T) secretService {
	t.Helper()
	needCommands(t, "bash", "dbus-run-session", "gnome-keyring-daemon", "gdbus", "secret-tool")
	v := startBeside(t, nil, []string{repoPath(t, "scripts", "with-secret-service.sh")},
		"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "GNOME_KEYRING_PID")
	return secretService{[]string{"DBUS_SESSION_BUS_ADDRESS=" + v[0], "XDG_RUNTIME_DIR=" + v[1]}, v[2], connectBus(t, v[0])}
}

func connectBus(t *testing.T, address string) *dbus.Conn {
	t.Helper()
	bus, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close() })
	return bus
}

// lock locks the keyring, as a locked screen may.
func (s secretService) lock(t *testing.T) {
	t.Helper()
	err := s.bus.Object(secretsName, secretsPath).Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{loginPath}).Err
	if err != nil || !s.locked(t) {
		t.Fatalf("lock the keyring: %v", err)
	}
}

// unlock unlocks the keyring with its password, as a login does: without a prompt.
func (s secretService) unlock(t *testing.T) {
	t.Helper()
	var (
		none    dbus.Variant
		session dbus.ObjectPath
		service = s.bus.Object(secretsName, secretsPath)
	)
	if err := service.Call("org.freedesktop.Secret.Service.OpenSession", 0, "plain", dbus.MakeVariant("")).Store(&none, &session); err != nil {
		t.Fatal(err)
	}
	master := ss.NewSecret(session, "password")
	err := service.Call("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword", 0, loginPath, master).Err
	if err != nil || s.locked(t) {
		t.Fatalf("unlock the keyring: %v", err)
	}
}

// clients counts the connections to the bus, and so the processes that use it.
func (s secretService) clients(t *testing.T) (n int) {
	t.Helper()
	var names []string
	if err := s.bus.BusObject().Call("org.freedesktop.DBus.ListNames", 0).Store(&names); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, ":") {
			n++
		}
	}
	return n
}

func (s secretService) locked(t *testing.T) bool {
	t.Helper()
	locked, err := s.bus.Object(secretsName, loginPath).GetProperty("org.freedesktop.Secret.Collection.Locked")
	if err != nil {
		t.Fatal(err)
	}
	return locked.Value() == true
}

// A keyringTest is the program in a home whose profile "dev-role" is a role of a strict STS, which counts calls.
type keyringTest struct {
	*home
	program string
	sts     *ststest.Server
	user    *ststest.User
	calls   int // of AssumeRole, as of the last look
}

// secondRole is a role that the user may assume too.
const secondRole = "role/Second"

func newKeyringTest(t *testing.T, program string, env ...string) *keyringTest {
	t.Helper()
	sts, user := startSTS(t)
	k := &keyringTest{newHome(t, env...).with("AWS_CREDPROC_STORE=keyring"), program, sts, user, 0}
	k.write(t, "credentials", accessKey{user.Key.ID, user.Key.Secret}.section("base"))
	k.write(t, "config", k.config("eu-west-1", "role/Dev", "", sts.URL))
	return k
}

// startSTS starts a strict STS with one user who may assume two roles: "role/Dev" with any external ID and "role/Second".
func startSTS(t *testing.T) (*ststest.Server, *ststest.User) {
	t.Helper()
	sts, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sts.Close(); err != nil {
			t.Error(err)
		}
	})
	user, err := sts.AddUser(motoAccount, "jill", allow("sts:AssumeRole", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Dev", "Second"} {
		if err := sts.AddRole(ststest.Role{ARN: roleARN(name), Trust: trust(user.ARN, "")}); err != nil {
			t.Fatal(err)
		}
	}
	return sts, user
}

func (k *keyringTest) config(region, role, externalID, endpoint string) string {
	settings := "role_arn = arn:aws:iam::" + motoAccount + ":" + role + "\nendpoint_url = " + endpoint + "\n"
	if externalID != "" {
		settings += "external_id = " + externalID + "\n"
	}
	return "[profile dev-role]\nregion = " + region + "\nsource_profile = base\n" + settings
}

// get runs "get dev-role", checks the credentials and how many warnings there are, and how many calls of AssumeRole it took.
func (k *keyringTest) get(t *testing.T, warnings, calls int) processOutput {
	t.Helper()
	out := k.run(t, k.program, "get", "dev-role").credentials(t, warnings)
	k.called(t, calls)
	return out
}

// called checks the number of calls of AssumeRole since the last look.
func (k *keyringTest) called(t *testing.T, want int) {
	t.Helper()
	n := k.sts.Calls("AssumeRole")
	if n-k.calls != want {
		t.Errorf("%d calls of AssumeRole, want %d", n-k.calls, want)
	}
	k.calls = n
}

// items returns how many items of ours secret-tool finds. Its output holds secrets and goes nowhere.
func (k *keyringTest) items(t *testing.T) int {
	t.Helper()
	out := k.ok(t, "secret-tool", "search", "--all", "service", "aws-credproc")
	return strings.Count("\n"+out, "\n[/")
}

func TestE2EKeyring(t *testing.T) {
	service := startSecretService(t)
	program := buildProgram(t)
	start := func(t *testing.T) *keyringTest {
		k := newKeyringTest(t, program, service.env...)
		t.Cleanup(func() {
			k.ok(t, program, "clear", "--all")
			if n := k.items(t); n != 0 {
				t.Errorf("%d items after clear --all, want none", n)
			}
		})
		return k
	}

	t.Run("one call, then a hundred without", func(t *testing.T) {
		k := start(t)
		first := k.get(t, 0, 1)
		for range 100 {
			if k.get(t, 0, 0) != first {
				t.Fatal("other credentials")
			}
		}
	})

	t.Run("the item is in the Secret Service until clear", func(t *testing.T) {
		k := start(t)
		k.get(t, 0, 1)
		if n := k.items(t); n != 1 {
			t.Errorf("%d items, want 1", n)
		}
		k.ok(t, program, "clear", "dev-role")
		if n := k.items(t); n != 0 {
			t.Errorf("%d items after clear, want none", n)
		}
		k.get(t, 0, 1)
	})

	t.Run("fifty processes, one call", func(t *testing.T) {
		k := start(t)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { k.run(t, program, "get", "dev-role").credentials(t, 0) })
		}
		wg.Wait()
		k.called(t, 1)
	})

	t.Run("a change of what STS would answer is a new session", func(t *testing.T) {
		k := start(t)
		k.get(t, 0, 1)
		k.write(t, "config", k.config("us-west-2", "role/Dev", "", k.sts.URL))
		k.get(t, 0, 0)
		k.write(t, "config", k.config("eu-west-1", "role/Dev", "an-id", k.sts.URL))
		k.get(t, 0, 1)
		k.write(t, "config", k.config("eu-west-1", "role/Dev", "another-id", k.sts.URL))
		k.get(t, 0, 1)
		k.write(t, "config", k.config("eu-west-1", secondRole, "", k.sts.URL))
		k.get(t, 0, 1)
		another := httptest.NewServer(k.sts.Handler())
		t.Cleanup(another.Close)
		k.write(t, "config", k.config("eu-west-1", secondRole, "", another.URL))
		k.get(t, 0, 1)
		key, err := k.sts.AddAccessKey(k.user.ARN)
		if err != nil {
			t.Fatal(err)
		}
		k.write(t, "credentials", accessKey{key.ID, key.Secret}.section("base"))
		k.get(t, 0, 1)
		k.write(t, "config", k.config("eu-west-1", "role/Dev", "", k.sts.URL)) // as at first, but for the key
		k.get(t, 0, 1)
		k.write(t, "credentials", accessKey{k.user.Key.ID, k.user.Key.Secret}.section("base"))
		k.get(t, 0, 0) // as at first: its session is still there
	})

	t.Run("a foreign item is no credentials", func(t *testing.T) {
		k := start(t)
		k.get(t, 0, 1)
		r := k.run(t, "secret-tool", "search", "--all", "service", "aws-credproc")
		_, name, ok := strings.Cut(r.stdout+r.stderr, "attribute.username = ")
		if name, _, _ = strings.Cut(name, "\n"); !ok {
			t.Fatal("the item has no attribute username")
		}
		if r := k.runInput(t, "garbage", "secret-tool", "store", "--label=garbage", "service", "aws-credproc", "username", name); r.code != 0 {
			t.Fatal(r.stderr)
		}
		r = k.run(t, program, "get", "dev-role")
		r.credentials(t, strings.Count(r.stderr, "\n"))
		if strings.Contains(r.stderr, "garbage") || strings.Count(r.stderr, "\n") > 1 {
			t.Errorf("stderr:\n%s", r.stderr)
		}
		k.called(t, 1)
		k.get(t, 0, 0)
	})

	t.Run("locked", func(t *testing.T) {
		k := start(t)
		first := k.get(t, 0, 1)
		service.lock(t)
		t.Cleanup(func() { service.unlock(t) })

		if out := k.ok(t, program, "status", "--json"); !strings.Contains(out, roleARN("Dev")) {
			t.Errorf("status lacks the session: %s", out)
		}
		// Three processes that ask for an unlock at once wedge gnome-keyring for good.
		clients := service.clients(t)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { k.run(t, program, "get", "dev-role").credentials(t, 1) })
		}
		wg.Wait()
		if n := service.clients(t); n != clients {
			t.Errorf("%d connections to the bus, %d before: something was started", n, clients)
		}
		auto := k.with("AWS_CREDPROC_STORE=auto")
		t.Cleanup(func() { forgetKernelKey(t, k.home) })
		k.calls = k.sts.Calls("AssumeRole")
		if store, reason := auto.newSessions(t, program); store == "kernel" {
			other := auto.run(t, program, "get", "dev-role").credentials(t, 0)
			if auto.run(t, program, "get", "dev-role").credentials(t, 0) != other {
				t.Error("the session is not kept in the kernel store while the keyring is locked")
			}
			k.called(t, 1)
		} else {
			t.Logf("without a kernel store: %s: %s", store, reason)
			auto.run(t, program, "get", "dev-role").credentials(t, 1)
		}
		if !service.locked(t) {
			t.Error("the keyring was unlocked")
		}
		service.unlock(t)
		k.calls = k.sts.Calls("AssumeRole")
		if k.get(t, 0, 0) != first {
			t.Error("the session of before the lock is lost")
		}
	})

	t.Run("locked, when sessions are to be forgotten", func(t *testing.T) {
		k := start(t)
		k.get(t, 0, 1)
		service.lock(t)
		k.run(t, program, "clear", "dev-role").failed(t, 1, "dev-role: forget its session: keyring: locked", "hint: unlock the keyring, and then run aws-credproc clear dev-role")
		k.run(t, program, "clear", "--all").failed(t, 1, "forget all sessions: 0 forgotten, and then: keyring: locked", "hint: unlock the keyring, and then run aws-credproc clear --all")
		service.unlock(t)
		k.ok(t, program, "clear", "--all")
	})

	t.Run("never answering", func(t *testing.T) {
		silent, _ := silentBus(t)
		for name, address := range map[string]string{
			"service": "",
			"bus":     "DBUS_SESSION_BUS_ADDRESS=" + silent,
			"socket":  "DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(t.TempDir(), "bus"),
		} {
			t.Run(name, func(t *testing.T) {
				k := start(t)
				k.get(t, 0, 1)
				before := k.home
				if address != "" {
					k.home = k.with(address)
				} else {
					signal(t, "STOP", service.pid)
					t.Cleanup(func() { signal(t, "CONT", service.pid) })
				}
				r := k.run(t, program, "get", "dev-role")
				r.credentials(t, 1)
				t.Logf("get took %v", r.took.Round(time.Millisecond))
				if limit := 20 * time.Second; r.took > limit { // ten times the aim
					t.Errorf("get took %v, want less than %v", r.took, limit)
				}
				if k.home = before; address == "" {
					signal(t, "CONT", service.pid)
				}
				k.called(t, 1)
				k.get(t, 0, 0)
			})
		}
	})
}

// forgetKernelKey takes the kernel key of a home away, on Linux.
var forgetKernelKey = func(*testing.T, *home) {}

// newSessions gives the store that new sessions go to by auto, and why.
func (h *home) newSessions(t *testing.T, program string) (store, reason string) {
	t.Helper()
	var x struct {
		Store  string `json:"store"`
		Reason string `json:"store_reason"`
	}
	if err := json.Unmarshal([]byte(h.ok(t, program, "status", "--json")), &x); err != nil {
		t.Fatal(err)
	}
	return x.Store, x.Reason
}

// signal sends a signal to a process by its ID.
func signal(t *testing.T, name, pid string) {
	t.Helper()
	if out, err := exec.Command("kill", "-"+name, pid).CombinedOutput(); err != nil {
		t.Errorf("kill -%s: %v: %s", name, err, out)
	}
}

// status opens no secret: of sessions it tells all without the keyring, and of a keyring that is silent that it is.
func TestE2EStatusOpensNoSecret(t *testing.T) {
	service := startSecretService(t)
	k := newKeyringTest(t, buildProgram(t), service.env...)
	k.get(t, 0, 1)
	if store, reason := k.newSessions(t, k.program); store != "" || reason != "" {
		t.Errorf("new sessions go to %q: %s", store, reason)
	}
	auto := k.with("AWS_CREDPROC_STORE=auto")
	if out := auto.ok(t, k.program, "explain", "dev-role"); !strings.Contains(out, "\nstore    keyring  (it is there and open)\n") {
		t.Errorf("explain: %s", out)
	}
	address, _ := silentBus(t)
	k.home = k.with("DBUS_SESSION_BUS_ADDRESS=" + address)
	if store, reason := k.newSessions(t, k.program); store != "none" || !strings.Contains(reason, "no answer in time") {
		t.Errorf("new sessions go to %q: %s", store, reason)
	}
	if out := k.ok(t, k.program, "explain", "dev-role"); !strings.Contains(out, "store    keyring  (a new session is not kept: keyring: no answer in time") {
		t.Errorf("explain: %s", out)
	}
	var status struct {
		Sessions []struct {
			Profile, Store string
			RoleARN        string `json:"role_arn"`
		}
	}
	if err := json.Unmarshal([]byte(k.ok(t, k.program, "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	if s := status.Sessions; len(s) != 1 || s[0].Profile != "dev-role" || s[0].Store != "keyring" || s[0].RoleARN != roleARN("Dev") {
		t.Errorf("sessions are %+v", s)
	}
}

// silentBus returns the address of a bus that takes connections and never answers, and how many it has taken.
func silentBus(t *testing.T) (address string, connections *atomic.Int32) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus") // short: a socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "bus")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	connections = new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	return "unix:path=" + socket, connections
}

// Where no keyring can be had, get prints credentials all the same, soon, and starts no daemon.
func TestE2ENoKeyring(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only a Secret Service is found by an address")
	}
	program := buildProgram(t)
	get := func(t *testing.T, env ...string) {
		t.Helper()
		for _, store := range []string{"keyring", "auto"} {
			k := newKeyringTest(t, program, env...)
			k.home = k.with("AWS_CREDPROC_STORE=" + store)
			t.Cleanup(func() { forgetKernelKey(t, k.home) })
			r := k.run(t, program, "get", "dev-role")
			r.credentials(t, strings.Count(r.stderr, "\n"))
			if n := strings.Count(r.stderr, "\n"); n > 1 || store == "keyring" && n != 1 {
				t.Errorf("%s: %d warnings, want one (auto: at most one):\n%s", store, n, r.stderr)
			}
			if limit := 20 * time.Second; r.took > limit {
				t.Errorf("%s: get took %v, want less than %v", store, r.took, limit)
			}
			k.called(t, 1)
		}
	}

	t.Run("no bus", func(t *testing.T) {
		get(t, "XDG_RUNTIME_DIR="+t.TempDir())
	})
	t.Run("a bus that is gone", func(t *testing.T) {
		get(t, "DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(t.TempDir(), "bus"))
	})
	t.Run("a bus that never answers", func(t *testing.T) {
		address, connections := silentBus(t)
		get(t, "DBUS_SESSION_BUS_ADDRESS="+address)
		if connections.Load() == 0 {
			t.Error("the bus was never asked: this test shows nothing")
		}
		h := newHome(t, "DBUS_SESSION_BUS_ADDRESS="+address, "AWS_CREDPROC_STORE=auto")
		r := h.run(t, program, "status")
		if r.code != 0 || !strings.Contains(r.stdout, "no answer") || r.took > time.Second { // ten times the aim
			t.Errorf("status took %v: %s%s", r.took, r.stdout, r.stderr)
		}
	})
	t.Run("a bus without a Secret Service", func(t *testing.T) {
		needCommands(t, "dbus-run-session")
		address := startBeside(t, nil, []string{"dbus-run-session", "--"}, "DBUS_SESSION_BUS_ADDRESS")[0]
		get(t, "DBUS_SESSION_BUS_ADDRESS="+address)
		var running bool
		if err := connectBus(t, address).BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, secretsName).Store(&running); err != nil {
			t.Fatal(err)
		}
		if running {
			t.Error("a keyring daemon was started")
		}
	})
}
