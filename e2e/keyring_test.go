package e2e_test

import (
	"encoding/json"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

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

	t.Run("sequential processes", func(t *testing.T) {
		k := start(t)
		first := k.get(t, 0, 1)
		for range 100 {
			if k.get(t, 0, 0) != first {
				t.Fatal("credentials differ")
			}
		}
	})

	t.Run("clear deletes the item", func(t *testing.T) {
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

	t.Run("concurrent processes", func(t *testing.T) {
		k := start(t)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { k.run(t, program, "get", "dev-role").credentials(t, 0) })
		}
		wg.Wait()
		k.called(t, 1)
	})

	t.Run("changed settings need a new session", func(t *testing.T) {
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
		k.write(t, "config", k.config("eu-west-1", "role/Dev", "", k.sts.URL)) // only the key differs
		k.get(t, 0, 1)
		k.write(t, "credentials", accessKey{k.user.Key.ID, k.user.Key.Secret}.section("base"))
		k.get(t, 0, 0) // the first session
	})

	t.Run("invalid item", func(t *testing.T) {
		k := start(t)
		k.get(t, 0, 1)
		r := k.run(t, "secret-tool", "search", "--all", "service", "aws-credproc")
		_, name, ok := strings.Cut(r.stdout+r.stderr, "attribute.username = ")
		if name, _, _ = strings.Cut(name, "\n"); !ok {
			t.Fatal("the item has no attribute username")
		}
		r = k.runInput(t, "garbage", "secret-tool", "store", "--label=garbage",
			"service", "aws-credproc", "username", name)
		if r.code != 0 {
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
			t.Errorf("status does not show the session: %s", out)
		}
		// Three simultaneous unlock requests would block gnome-keyring for good.
		clients := service.clients(t)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { k.run(t, program, "get", "dev-role").credentials(t, 1) })
		}
		wg.Wait()
		if n := service.clients(t); n != clients {
			t.Errorf("%d bus connections, %d before: a process was started", n, clients)
		}
		auto := k.with("AWS_CREDPROC_STORE=auto")
		t.Cleanup(func() { forgetKernelKey(t, k.home) })
		k.calls = k.sts.Calls("AssumeRole")
		if store, reason := auto.newSessions(t, program); store == "kernel" {
			other := auto.run(t, program, "get", "dev-role").credentials(t, 0)
			if auto.run(t, program, "get", "dev-role").credentials(t, 0) != other {
				t.Error("the kernel store is not used while the keyring is locked")
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
			t.Error("the session from before the lock is lost")
		}
	})

	t.Run("clear while locked", func(t *testing.T) {
		k := start(t)
		k.get(t, 0, 1)
		service.lock(t)
		k.run(t, program, "clear", "dev-role").
			failed(t, 1, "dev-role: delete its session: keyring: locked",
				"hint: unlock the keyring, then run aws-credproc clear dev-role")
		k.run(t, program, "clear", "--all").
			failed(t, 1, "delete all sessions (0 deleted): keyring: locked",
				"hint: unlock the keyring, then run aws-credproc clear --all")
		service.unlock(t)
		k.ok(t, program, "clear", "--all")
	})

	t.Run("no response", func(t *testing.T) {
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
				if limit := 20 * time.Second; r.took > limit { // ten times the goal
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

// TestE2EStatusOpensNoSecret: status works with a keyring that does not respond.
func TestE2EStatusOpensNoSecret(t *testing.T) {
	service := startSecretService(t)
	k := newKeyringTest(t, buildProgram(t), service.env...)
	k.get(t, 0, 1)
	if store, reason := k.newSessions(t, k.program); store != "" || reason != "" {
		t.Errorf("store for new sessions %q: %s", store, reason)
	}
	auto := k.with("AWS_CREDPROC_STORE=auto")
	out := auto.ok(t, k.program, "explain", "dev-role")
	if !strings.Contains(out, "\nstore    keyring (unlocked)\n") {
		t.Errorf("explain: %s", out)
	}
	address, _ := silentBus(t)
	k.home = k.with("DBUS_SESSION_BUS_ADDRESS=" + address)
	store, reason := k.newSessions(t, k.program)
	if store != "none" || !strings.Contains(reason, "no response in time") {
		t.Errorf("store for new sessions %q: %s", store, reason)
	}
	const notStored = "store    keyring (new sessions are not stored: keyring: no response in time"
	if out := k.ok(t, k.program, "explain", "dev-role"); !strings.Contains(out, notStored) {
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
	if s := status.Sessions; len(s) != 1 || s[0].Profile != "dev-role" ||
		s[0].Store != "keyring" || s[0].RoleARN != roleARN("Dev") {
		t.Errorf("sessions are %+v", s)
	}
}

// silentBus returns the address of a bus that accepts connections and does not respond, and the
// number of connections.
func silentBus(t *testing.T) (address string, connections *atomic.Int32) {
	t.Helper()
	dir, err := os.MkdirTemp("", "bus") // a socket path has at most 108 bytes
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

// TestE2ENoKeyring: without a keyring, get prints credentials in time and starts no daemon.
func TestE2ENoKeyring(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only the Secret Service has an address")
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
				t.Errorf("%s: %d warnings, want 1 (auto: at most 1):\n%s", store, n, r.stderr)
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
	t.Run("bus closed", func(t *testing.T) {
		get(t, "DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(t.TempDir(), "bus"))
	})
	t.Run("bus does not respond", func(t *testing.T) {
		address, connections := silentBus(t)
		get(t, "DBUS_SESSION_BUS_ADDRESS="+address)
		if connections.Load() == 0 {
			t.Error("there was no connection to the bus: this test is not meaningful")
		}
		h := newHome(t, "DBUS_SESSION_BUS_ADDRESS="+address, "AWS_CREDPROC_STORE=auto")
		r := h.run(t, program, "status")
		const limit = time.Second // ten times the goal
		if r.code != 0 || !strings.Contains(r.stdout, "no response") || r.took > limit {
			t.Errorf("status took %v: %s%s", r.took, r.stdout, r.stderr)
		}
	})
	t.Run("bus without Secret Service", func(t *testing.T) {
		needCommands(t, "dbus-run-session")
		address := startService(t, nil, []string{"dbus-run-session", "--"},
			"DBUS_SESSION_BUS_ADDRESS")[0]
		get(t, "DBUS_SESSION_BUS_ADDRESS="+address)
		var running bool
		err := connectBus(t, address).BusObject().
			Call("org.freedesktop.DBus.NameHasOwner", 0, secretsName).Store(&running)
		if err != nil {
			t.Fatal(err)
		}
		if running {
			t.Error("a keyring daemon was started")
		}
	})
}
