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
		k.run(t, program, "clear", "dev-role").failed(t, 1, "dev-role: delete its session: keyring: locked", "hint: unlock the keyring, then run aws-credproc clear dev-role")
		k.run(t, program, "clear", "--all").failed(t, 1, "delete all sessions (0 deleted): keyring: locked", "hint: unlock the keyring, then run aws-credproc clear --all")
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

// status opens no secret: of sessions it tells all without the keyring, and of a keyring that is silent that it is.
func TestE2EStatusOpensNoSecret(t *testing.T) {
	service := startSecretService(t)
	k := newKeyringTest(t, buildProgram(t), service.env...)
	k.get(t, 0, 1)
	if store, reason := k.newSessions(t, k.program); store != "" || reason != "" {
		t.Errorf("new sessions go to %q: %s", store, reason)
	}
	auto := k.with("AWS_CREDPROC_STORE=auto")
	if out := auto.ok(t, k.program, "explain", "dev-role"); !strings.Contains(out, "\nstore    keyring (unlocked)\n") {
		t.Errorf("explain: %s", out)
	}
	address, _ := silentBus(t)
	k.home = k.with("DBUS_SESSION_BUS_ADDRESS=" + address)
	if store, reason := k.newSessions(t, k.program); store != "none" || !strings.Contains(reason, "no answer in time") {
		t.Errorf("new sessions go to %q: %s", store, reason)
	}
	if out := k.ok(t, k.program, "explain", "dev-role"); !strings.Contains(out, "store    keyring (new sessions are not stored: keyring: no answer in time") {
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
		address := startService(t, nil, []string{"dbus-run-session", "--"}, "DBUS_SESSION_BUS_ADDRESS")[0]
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
