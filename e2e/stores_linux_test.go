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
			return // there is none
		}
		_, err = unix.KeyctlInt(unix.KEYCTL_UNLINK, serial, unix.KEY_SPEC_USER_KEYRING, 0, 0)
		if err != nil {
			t.Error(err)
		}
	}
}

// kernelKey returns the serial number of the kernel key of a home.
func kernelKey(h *home) (int, error) {
	id, err := os.ReadFile(filepath.Join(h.dir, "state", "kernel.id"))
	if err != nil {
		return 0, err
	}
	return unix.KeyctlSearch(unix.KEY_SPEC_USER_KEYRING, "user", "aws-credproc:"+string(id), 0)
}

// TestE2EServer: without a session bus, auto uses the kernel store.
func TestE2EServer(t *testing.T) {
	k := newKeyringTest(t, buildProgram(t), "XDG_RUNTIME_DIR="+t.TempDir())
	k.home = k.with("AWS_CREDPROC_STORE=auto")
	t.Cleanup(func() { forgetKernelKey(t, k.home) })
	store, reason := k.newSessions(t, k.program)
	if store != "kernel" {
		t.Skipf("SKIPPED: no kernel store: %s", reason)
	}
	const why = "(no keyring: no D-Bus session bus"
	if out := k.ok(t, k.program, "status"); !strings.Contains(out, "New sessions: kernel store "+why) {
		t.Errorf("status: %s", out)
	}
	if out := k.ok(t, k.program, "explain", "dev-role"); !strings.Contains(out,
		"store    kernel "+why) {
		t.Errorf("explain: %s", out)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { k.run(t, k.program, "get", "dev-role").credentials(t, 0) })
	}
	wg.Wait()
	k.called(t, 1)
	first := k.get(t, 0, 0)

	// A new login has a new, empty session keyring.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if k.get(t, 0, 0) != first {
		t.Error("a new login does not find the session")
	}

	serial, err := kernelKey(k.home)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, serial, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	if k.get(t, 0, 1) == first {
		t.Error("the session is used without its key")
	}
	k.get(t, 0, 0)
	if out := k.ok(t, k.program, "clear", "--all"); !strings.HasPrefix(out, "1 session deleted") {
		t.Errorf("clear: %s", out)
	}
	k.get(t, 0, 1)
}

// countingPrompter replaces the program that shows gnome-keyring's dialogs.
type countingPrompter struct{ prompts *atomic.Int32 }

func (p countingPrompter) BeginPrompting(dbus.ObjectPath) *dbus.Error {
	p.prompts.Add(1)
	return dbus.MakeFailedError(errors.New("no user"))
}

// TestE2EUnlockPrompt: only commands at a terminal show the keyring's unlock prompt. If it is
// dismissed, they continue without the keyring where possible.
func TestE2EUnlockPrompt(t *testing.T) {
	needCommands(t, "script")
	service := startSecretService(t)
	prompts := new(atomic.Int32)
	err := service.bus.Export(countingPrompter{prompts},
		"/org/gnome/keyring/Prompter", "org.gnome.keyring.internal.Prompter")
	if err != nil {
		t.Fatal(err)
	}
	const prompterName = "org.gnome.keyring.SystemPrompter"
	if _, err := service.bus.RequestName(prompterName, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
	k := newKeyringTest(t, buildProgram(t), service.env...)
	service.lock(t)
	atTerminal := func(args string) string {
		t.Helper()
		return k.ok(t, "script", "-qefc", k.program+" "+args, "/dev/null")
	}
	for _, args := range []string{
		"get dev-role", "status", "explain dev-role", "refresh --prompt none dev-role",
		"refresh --prompt tty dev-role", "refresh --store none dev-role",
	} {
		atTerminal(args)
	}
	k.run(t, k.program, "refresh", "dev-role") // without a terminal
	if n := prompts.Load(); n != 0 {
		t.Errorf("%d prompts, want none", n)
	}
	k.calls = k.sts.Calls("AssumeRole")
	out := atTerminal("refresh dev-role")
	if n := prompts.Load(); n != 1 {
		t.Errorf("%d prompts at a terminal, want 1", n)
	}
	if !strings.Contains(out,
		"warning: cannot use the keyring: keyring: locked: its prompt was dismissed") ||
		!strings.Contains(out, "dev-role: refreshed") {
		t.Errorf("output %q", out)
	}
	k.called(t, 1)
	service.unlock(t) // checks that the keyring still responds
	k.get(t, 0, 1)

	// Without the keyring, these commands fail.
	k.ok(t, k.program, "import", "base", "--yes")
	service.lock(t)
	for _, args := range []string{"refresh dev-role", "import base --yes"} {
		r := k.run(t, "script", "-qefc", k.program+" "+args, "/dev/null")
		if r.code != 3 || strings.Count(r.stdout, "aws-credproc: ") != 2 ||
			!strings.Contains(r.stdout, "keyring: locked") ||
			!strings.Contains(r.stdout, "hint: unlock the keyring") {
			t.Errorf("%s: exit code %d, output %q", args, r.code, r.stdout)
		}
	}
	service.unlock(t)
	k.ok(t, k.program, "import", "--undo", "base", "--yes")
}

// TestE2EConcurrentGetAndRefresh: 200 processes use 20 sessions while 20 processes refresh them.
func TestE2EConcurrentGetAndRefresh(t *testing.T) {
	service := startSecretService(t)
	program := buildProgram(t)
	const roles, readers = 20, 200
	for name, size := range map[string]int{"file": 0, "kernel": 0, "keyring": 0,
		"keyring, large": 16 << 10} {
		t.Run(name, func(t *testing.T) {
			store, _, _ := strings.Cut(name, ",")
			k := newStoreTest(t, program, store, service)
			k.getAndRefresh(t, size, roles, readers)
		})
	}
}

// getAndRefresh runs get and refresh concurrently. The session tokens have size bytes; 0 means the
// usual size.
func (k *keyringTest) getAndRefresh(t *testing.T, size, roles, readers int) {
	t.Helper()
	k.sts.Fault(ststest.Fault{Kind: ststest.LongToken, Size: size, Times: ststest.Always})
	var config strings.Builder
	for i := range roles {
		arn := roleARN(fmt.Sprint("Many", i))
		if err := k.sts.AddRole(ststest.Role{ARN: arn, Trust: trust(k.user.ARN, "")}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&config, "[profile many-%d]\nrole_arn = %s\nsource_profile = base\n"+
			"region = eu-west-1\nendpoint_url = %s\n", i, arn, k.sts.URL)
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
			r := k.run(t, k.program, "refresh", fmt.Sprint("many-", i))
			if r.code != 0 || r.stderr != "" {
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

// newStoreTest returns a test with a store. Its cleanup empties the store.
func newStoreTest(t *testing.T, program, store string, service secretService) *keyringTest {
	t.Helper()
	k := newKeyringTest(t, program, service.env...)
	k.home = k.with("AWS_CREDPROC_STORE=" + store)
	if store == "kernel" {
		auto := k.with("DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=", "AWS_CREDPROC_STORE=auto")
		if chosen, reason := auto.newSessions(t, program); chosen != store {
			t.Skipf("SKIPPED: no kernel store: %s", reason)
		}
	}
	t.Cleanup(func() {
		k.ok(t, program, "clear", "--all")
		forgetKernelKey(t, k.home)
	})
	return k
}

// TestE2ESecretsAreNotWritten traces a get that stores a session and one that finds it. Secrets
// must not be in files, except encrypted, in arguments or in the environment. The process must not
// be dumpable.
func TestE2ESecretsAreNotWritten(t *testing.T) {
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
					return k.run(t, "strace", "-f", "-A", "-y", "-v", "-xx", "-s", "1000000", "-o", log,
						"-e", "trace=execve,execveat,prctl,write,pwrite64,writev,pwritev,pwritev2,"+
							"sendfile,copy_file_range,splice",
						program, "get", "dev-role").credentials(t, 0)
				}
				s := traced()
				if traced() != s {
					t.Fatal("there is a second session")
				}
				secrets := map[string]string{
					"secret access key of the source":  k.user.Key.Secret,
					"secret access key of the session": s.SecretAccessKey,
					"session token":                    s.SessionToken[:30],
				}
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
					items := k.ok(t, "secret-tool", "search", "--all", "service", "aws-credproc")
					_, item, _ := strings.Cut(items, `"seal_key":"`)
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

// inHex matches a string of strace -xx.
var inHex = regexp.MustCompile(`(?:\\x[0-9a-f]{2})+`)

// checkTrace checks that a log of strace contains no secret in files, arguments or environment.
func checkTrace(t *testing.T, log string, secrets map[string]string) {
	t.Helper()
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	started, hardened := map[string]bool{}, map[string]bool{} // by process ID
	for line := range strings.Lines(string(b)) {
		line = inHex.ReplaceAllStringFunc(line, func(s string) string {
			raw, err := hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
			if err != nil {
				t.Fatal(err)
			}
			return string(raw)
		})
		pid, call, _ := strings.Cut(line, " ")
		call = strings.TrimLeft(call, " ")
		_, path, _ := strings.Cut(call, "<")
		what := ""
		switch {
		case strings.HasPrefix(call, "exec"):
			what = "arguments and environment"
			started[pid] = true
		case strings.HasPrefix(call, "prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE"):
			hardened[pid] = true
		case strings.HasPrefix(path, "/"):
			what = "a write to " + strings.SplitN(path, ">", 2)[0]
			files++
		}
		for name, secret := range secrets {
			if what != "" && contains(line, secret) {
				t.Errorf("%s: contains the %s", what, name)
			}
		}
	}
	for pid := range started {
		if !hardened[pid] {
			t.Errorf("process %s is dumpable", pid)
		}
	}
	if len(started) < 2 || files < 2 {
		t.Errorf("%d processes, %d writes to files: this test is not meaningful", len(started), files)
	}
}

// checkFiles checks that no file contains a secret.
func checkFiles(t *testing.T, dir string, secrets map[string]string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for name, secret := range secrets {
			if contains(string(b), secret) {
				t.Errorf("%s contains the %s", path, name)
			}
		}
		n++
		return err
	})
	if err != nil || n < 2 {
		t.Errorf("%d files, %v", n, err)
	}
}

// contains reports whether a text contains a secret, in plain text, hexadecimal or base64.
func contains(text, secret string) bool {
	inBase64 := strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(secret)), "=")
	return strings.Contains(text, secret) || strings.Contains(text, inBase64) ||
		strings.Contains(text, hex.EncodeToString([]byte(secret)))
}
