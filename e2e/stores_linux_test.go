package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"aws-credproc/internal/ststest"
)

func init() {
	forgetKernelKey = func(t *testing.T, h *home) {
		serial, err := kernelKey(h)
		if err != nil {
			return // none was made
		}
		if _, err := unix.KeyctlInt(unix.KEYCTL_UNLINK, serial, unix.KEY_SPEC_USER_KEYRING, 0, 0); err != nil {
			t.Error(err)
		}
	}
}

// kernelKey gives the serial number of the kernel key of a home.
func kernelKey(h *home) (int, error) {
	id, err := os.ReadFile(filepath.Join(h.dir, "state", "kernel.id"))
	if err != nil {
		return 0, err
	}
	return unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", "aws-credproc:"+string(id), 0)
}

// On a server without a session bus, auto keeps sessions with a key that the kernel holds.
func TestE2EServer(t *testing.T) {
	k := newKeyringTest(t, buildProgram(t), "XDG_RUNTIME_DIR="+t.TempDir())
	k.home = k.with("AWS_CREDPROC_STORE=auto")
	t.Cleanup(func() { forgetKernelKey(t, k.home) })
	store, reason := k.newSessions(t, k.program)
	if store != "kernel" { // nothing can be installed against that
		t.Skipf("SKIPPED: no kernel store: %s", reason)
	}
	if out := k.ok(t, k.program, "status"); !strings.Contains(out, "New sessions: kernel store (no keyring: no D-Bus session bus)") {
		t.Errorf("status: %s", out)
	}
	if out := k.ok(t, k.program, "explain", "dev-role"); !strings.Contains(out, "store    kernel (no keyring: no D-Bus session bus") {
		t.Errorf("explain: %s", out)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { k.run(t, k.program, "get", "dev-role").credentials(t, 0) })
	}
	wg.Wait()
	k.called(t, 1)
	first := k.get(t, 0, 0)

	// A new login: a new session keyring, to which nothing is linked.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if k.get(t, 0, 0) != first {
		t.Error("another login finds another session")
	}

	serial, err := kernelKey(k.home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, serial, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if k.get(t, 0, 1) == first {
		t.Error("the session outlives its key")
	}
	k.get(t, 0, 0)
	if out := k.ok(t, k.program, "clear", "--all"); !strings.HasPrefix(out, "1 session deleted") {
		t.Errorf("clear: %s", out)
	}
	k.get(t, 0, 1)
}

// countingPrompter stands where the keyring's dialogs come from. It shows none.
type countingPrompter struct{ prompts *atomic.Int32 }

func (p countingPrompter) BeginPrompting(dbus.ObjectPath) *dbus.Error {
	p.prompts.Add(1)
	return dbus.MakeFailedError(errors.New("nobody is here"))
}

// Only a command that a person has typed at a terminal raises the keyring's prompt, and it does its work without, too.
func TestE2EUnlockPrompt(t *testing.T) {
	needCommands(t, "script")
	service := startSecretService(t)
	prompts := new(atomic.Int32)
	if err := service.bus.Export(countingPrompter{prompts}, "/org/gnome/keyring/Prompter", "org.gnome.keyring.internal.Prompter"); err != nil {
		t.Fatal(err)
	}
	if _, err := service.bus.RequestName("org.gnome.keyring.SystemPrompter", dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	k := newKeyringTest(t, buildProgram(t), service.env...)
	service.lock(t)
	atTerminal := func(args string) string {
		t.Helper()
		return k.ok(t, "script", "-qefc", k.program+" "+args, "/dev/null")
	}
	for _, args := range []string{"get dev-role", "status", "explain dev-role", "refresh --prompt none dev-role", "refresh --prompt tty dev-role", "refresh --store none dev-role"} {
		atTerminal(args)
	}
	k.run(t, k.program, "refresh", "dev-role") // there is no terminal
	if n := prompts.Load(); n != 0 {
		t.Errorf("%d prompts for nobody", n)
	}
	k.calls = k.sts.Calls("AssumeRole")
	out := atTerminal("refresh dev-role")
	if n := prompts.Load(); n != 1 {
		t.Errorf("%d prompts for a person", n)
	}
	if !strings.Contains(out, "warning: cannot use the keyring: keyring: locked: its prompt was dismissed") || !strings.Contains(out, "dev-role: refreshed") {
		t.Errorf("the terminal shows %q", out)
	}
	k.called(t, 1)
	service.unlock(t) // nothing is wedged
	k.get(t, 0, 1)

	// Commands that need the keyring report it in their error.
	k.ok(t, k.program, "import", "base", "--yes")
	service.lock(t)
	for _, args := range []string{"refresh dev-role", "import base --yes"} {
		r := k.run(t, "script", "-qefc", k.program+" "+args, "/dev/null")
		if r.code != 3 || strings.Count(r.stdout, "aws-credproc: ") != 2 || !strings.Contains(r.stdout, "keyring: locked") || !strings.Contains(r.stdout, "hint: unlock the keyring") {
			t.Errorf("%s: exit code %d, the terminal shows %q", args, r.code, r.stdout)
		}
	}
	service.unlock(t)
	k.ok(t, k.program, "import", "--undo", "base", "--yes")
}

// Two hundred processes read twenty sessions while as many processes refresh them: no call too many, nothing lost.
func TestE2EManyAtOnce(t *testing.T) {
	service := startSecretService(t)
	program := buildProgram(t)
	const roles, readers = 20, 200
	for name, size := range map[string]int{"file": 0, "kernel": 0, "keyring": 0, "keyring, large": 16 << 10} {
		t.Run(name, func(t *testing.T) {
			store, _, _ := strings.Cut(name, ",")
			k := newStoreTest(t, program, store, service)
			k.manyAtOnce(t, size, roles, readers)
		})
	}
}

// manyAtOnce lets many processes read the sessions of some roles while each of these is refreshed. The session tokens have
// size bytes; 0 is the usual size.
func (k *keyringTest) manyAtOnce(t *testing.T, size, roles, readers int) {
	t.Helper()
	k.sts.Fault(ststest.Fault{Kind: ststest.LongToken, Size: size, Times: ststest.Always})
	var config strings.Builder
	for i := range roles {
		arn := roleARN(fmt.Sprint("Many", i))
		if err := k.sts.AddRole(ststest.Role{ARN: arn, Trust: trust(k.user.ARN, "")}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&config, "[profile many-%d]\nrole_arn = %s\nsource_profile = base\nregion = eu-west-1\nendpoint_url = %s\n", i, arn, k.sts.URL)
	}
	k.write(t, "config", config.String())
	get := func(i int) { k.run(t, k.program, "get", fmt.Sprint("many-", i%roles)).credentials(t, 0) }
	for i := range roles {
		get(i)
	}
	k.called(t, roles)
	var wg sync.WaitGroup
	for i := range readers {
		wg.Go(func() { get(i) })
	}
	for i := range roles {
		wg.Go(func() {
			if r := k.run(t, k.program, "refresh", fmt.Sprint("many-", i)); r.code != 0 || r.stderr != "" {
				t.Errorf("refresh: exit code %d: %s", r.code, r.stderr)
			}
		})
	}
	wg.Wait()
	k.called(t, roles)
	for i := range roles {
		get(i)
	}
	k.called(t, 0)
}

// newStoreTest is newKeyringTest with a store, which is left empty.
func newStoreTest(t *testing.T, program, store string, service secretService) *keyringTest {
	t.Helper()
	k := newKeyringTest(t, program, service.env...)
	k.home = k.with("AWS_CREDPROC_STORE=" + store)
	if where, reason := k.with("DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=", "AWS_CREDPROC_STORE=auto").newSessions(t, program); store == "kernel" && where != store {
		t.Skipf("SKIPPED: no kernel store: %s", reason) // nothing can be installed against that
	}
	t.Cleanup(func() {
		k.ok(t, program, "clear", "--all")
		forgetKernelKey(t, k.home)
	})
	return k
}

// No secret is in a file but sealed, in an argument or in the environment, and the process is not dumpable: by what
// strace shows of a get that makes a session and of one that finds it.
func TestE2ESecretsStayWhereTheyBelong(t *testing.T) {
	needCommands(t, "strace")
	service := startSecretService(t)
	program := buildProgram(t)
	for _, store := range []string{"file", "kernel", "keyring"} {
		for name, size := range map[string]int{"": 0, ", large": 16 << 10} {
			t.Run(store+name, func(t *testing.T) {
				k := newStoreTest(t, program, store, service)
				k.sts.Fault(ststest.Fault{Kind: ststest.LongToken, Size: size, Times: ststest.Always})
				log := filepath.Join(t.TempDir(), "strace")
				traced := func() processOutput {
					return k.run(t, "strace", "-f", "-A", "-y", "-v", "-xx", "-s", "1000000", "-o", log, "-e",
						"trace=execve,execveat,prctl,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice", program, "get", "dev-role").credentials(t, 0)
				}
				s := traced()
				if traced() != s {
					t.Fatal("another session")
				}
				secrets := map[string]string{"secret access key of the source": k.user.Key.Secret,
					"secret access key of the session": s.SecretAccessKey, "session token": s.SessionToken[:30]}
				switch {
				case store == "kernel":
					serial, err := kernelKey(k.home)
					if err != nil {
						t.Fatal(err)
					}
					key := make([]byte, 48)
					if _, err := unix.KeyctlBuffer(unix.KEYCTL_READ, serial, key, 0); err != nil {
						t.Fatal(err)
					}
					secrets["data key"] = string(key[:32])
				case store == "keyring" && size > 0:
					_, item, _ := strings.Cut(k.ok(t, "secret-tool", "search", "--all", "service", "aws-credproc"), `"seal_key":"`)
					text, _, _ := strings.Cut(item, `"`)
					key, err := base64.StdEncoding.DecodeString(text)
					if err != nil || len(key) != 32 {
						t.Fatalf("no data key in the item: %v", err)
					}
					secrets["data key"] = string(key)
				}
				checkTrace(t, log, secrets)
				checkFiles(t, filepath.Join(k.dir, "state"), secrets)
			})
		}
	}
}

// inHex is how strace -xx writes a string.
var inHex = regexp.MustCompile(`(?:\\x[0-9a-f]{2})+`)

func checkTrace(t *testing.T, log string, secrets map[string]string) {
	t.Helper()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	execs, files, hardened := 0, 0, 0
	for line := range strings.Lines(string(b)) {
		line = inHex.ReplaceAllStringFunc(line, func(s string) string {
			raw, err := hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		})
		_, call, _ := strings.Cut(line, " ")
		call = strings.TrimLeft(call, " ")
		_, path, _ := strings.Cut(call, "<")
		what := ""
		switch {
		case strings.HasPrefix(call, "exec"):
			what = "arguments and environment"
			execs++
		case strings.HasPrefix(call, "prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE"):
			hardened++
		case strings.HasPrefix(path, "/"):
			what = "a write to " + strings.SplitN(path, ">", 2)[0]
			files++
		}
		for name, secret := range secrets {
			if what != "" && holds(line, secret) {
				t.Errorf("%s: the %s", what, name)
			}
		}
	}
	if execs < 2 || files < 2 || hardened != 2 {
		t.Errorf("%d calls of execve, %d writes to files and %d of prctl in the trace: this test shows nothing, or the process is dumpable", execs, files, hardened)
	}
}

func checkFiles(t *testing.T, dir string, secrets map[string]string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for name, secret := range secrets {
			if holds(string(b), secret) {
				t.Errorf("%s holds the %s", path, name)
			}
		}
		n++
		return err
	})
	if err != nil || n < 2 {
		t.Errorf("%d files, %v", n, err)
	}
}

// holds reports whether a text holds a secret, as it is or in another writing.
func holds(text, secret string) bool {
	return strings.Contains(text, secret) || strings.Contains(text, hex.EncodeToString([]byte(secret))) ||
		strings.Contains(text, strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "="))
}
