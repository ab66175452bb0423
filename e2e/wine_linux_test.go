package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"
)

// The Windows program, run by Wine, whose Credential Manager, locks, files, console and cmd.exe are enough like those of
// Windows for that. STS is on this side.

// A windowsPC is a new Windows, as Wine has it.
type windowsPC struct{ wine, driveC string }

func startWine(t *testing.T) windowsPC {
	t.Helper()
	needCommands(t, "bash", "x86_64-w64-mingw32-ld")
	_, err := exec.LookPath("wine64")
	need(t, err == nil || exists("/usr/lib/wine/wine64"), "wine64")
	v := startService(t, nil, []string{repoPath(t, "scripts", "with-wine.sh")}, "WINE", "WINEPREFIX")
	return windowsPC{v[0], filepath.Join(v[1], "drive_c")}
}

// build builds a package of this repository for Windows with a command of go, and gives the program's path. To the
// package is added what Wine 8 makes necessary.
func (windowsPC) build(t *testing.T, program, pkg string, command ...string) string {
	t.Helper()
	addition, err := os.ReadFile(repoPath(t, "testdata", "wine", "deleteat.go"))
	if err != nil {
		t.Fatal(err)
	}
	if command[0] == "test" {
		addition = bytes.Replace(addition, []byte("package main\n"), []byte("package "+filepath.Base(pkg)+"\n"), 1)
	}
	file, overlay := filepath.Join(t.TempDir(), "deleteat.go"), filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{repoPath(t, pkg, "deleteat.go"): file}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(file, addition, 0o600), os.WriteFile(overlay, replace, 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", append(command, "-overlay", overlay, "-ldflags=-checklinkname=0", "-o", program, pkg)...)
	cmd.Dir = repoPath(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return program
}

// command writes a command that runs a Windows program, and gives its path.
func (pc windowsPC) command(t *testing.T, program string) string {
	t.Helper()
	path := strings.TrimSuffix(program, ".exe")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec '"+pc.wine+"' '"+program+"' \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// drive is a path as the Windows programs see it.
func drive(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// atHome gives a keyringTest of a Windows program. What it has lies in folders with spaces.
func (pc windowsPC) atHome(t *testing.T, program string) (k *keyringTest, state string) {
	t.Helper()
	k = newKeyringTest(t, program)
	folder := filepath.Join(k.dir, "Jill Doe")
	if err := os.Rename(filepath.Join(k.dir, ".aws"), folder); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, filepath.Join(k.dir, ".aws")); err != nil { // for home.write
		t.Fatal(err)
	}
	state = filepath.Join(folder, "state of it")
	k.home = k.with("AWS_CREDPROC_PROMPT=none", "AWS_CONFIG_FILE="+drive(filepath.Join(folder, "config")),
		"AWS_SHARED_CREDENTIALS_FILE="+drive(filepath.Join(folder, "credentials")), "AWS_CREDPROC_STATE_DIR="+drive(state))
	return k, state
}

// credentials counts what is in the Credential Manager, which Wine has in the registry.
func (pc windowsPC) credentials(t *testing.T) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), pc.wine, "reg", "query", `HKCU\Software\Wine`, "/s").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(out), `\Credential Manager\`)
}

// sealed counts the sealed files in a state directory, and looks for a secret in any file of it.
func sealed(t *testing.T, state, secret string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(state, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if filepath.Base(filepath.Dir(path)) == "sessions" {
			n++
		}
		if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), secret) {
			t.Errorf("%s holds a secret, or %v", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestE2EWine(t *testing.T) {
	pc := startWine(t)
	folder := filepath.Join(t.TempDir(), "Program Files")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	program := pc.command(t, pc.build(t, filepath.Join(folder, "aws-credproc.exe"), ".", "build"))

	t.Run("cold, warm, forgotten", func(t *testing.T) {
		k, state := pc.atHome(t, program)
		text := "\ufeff" + strings.ReplaceAll(k.config("eu-west-1", "role/Dev", "", k.sts.URL), "\n", "\r\n")
		k.write(t, "config", text) // as Notepad does
		first := k.get(t, 0, 1)
		for range 3 {
			if k.get(t, 0, 0) != first {
				t.Fatal("other credentials")
			}
		}
		if n := sealed(t, state, first.SecretAccessKey); n != 0 {
			t.Errorf("%d sealed files, want none", n)
		}
		if out := k.ok(t, program, "status", "--json"); !strings.Contains(out, roleARN("Dev")) || !strings.Contains(out, `"keyring"`) {
			t.Errorf("status lacks the session: %s", out)
		}
		k.ok(t, program, "clear", "dev-role")
		k.get(t, 0, 1)
		k.ok(t, program, "clear", "--all")
		if out := k.ok(t, program, "status"); out != "No sessions\n" {
			t.Errorf("after clear --all: %s", out)
		}
		k.get(t, 0, 1)
	})

	for _, store := range []string{"keyring", "file"} {
		t.Run("sessions of any size, store "+store, func(t *testing.T) {
			k, state := pc.atHome(t, program)
			k.home = k.with("AWS_CREDPROC_STORE=" + store)
			k.ok(t, program, "clear", "--all") // what the tests before have left
			k.get(t, 0, 1)
			held := func(size int, secret string, items, files int) {
				t.Helper()
				if i, f := pc.credentials(t), sealed(t, state, secret); i != items || f != files {
					t.Errorf("%d bytes: %d credentials and %d sealed files, want %d and %d", size, i, f, items, files)
				}
			}
			var last string
			for _, size := range []int{300, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10, 300} {
				k.sts.Fault(ststest.Fault{Kind: ststest.LongToken, Size: size})
				k.ok(t, program, "refresh", "dev-role")
				k.called(t, 1)
				out := k.get(t, 0, 0)
				if arn := k.identity(t, out); len(out.SessionToken) != size || out.SessionToken == last || !strings.Contains(arn, "/Dev/") {
					t.Errorf("%d bytes: the token has %d, of %s", size, len(out.SessionToken), arn)
				}
				last = out.SessionToken
				items, files := 1, 0
				if store == "file" {
					items, files = 0, 1
				} else if size > 2560 { // CRED_MAX_CREDENTIAL_BLOB_SIZE
					files = 1
				}
				held(size, out.SecretAccessKey, items, files)
			}
			k.sts.Fault(ststest.Fault{Kind: ststest.LongToken, Size: 16 << 10})
			k.ok(t, program, "refresh", "dev-role")
			k.called(t, 1)
			secret := k.get(t, 0, 0).SecretAccessKey
			k.ok(t, program, "clear", "dev-role")
			held(0, secret, 0, 0)
			if left, err := filepath.Glob(filepath.Join(state, "facts", "*")); err != nil || len(left) > 0 {
				t.Errorf("left: %v (%v)", left, err)
			}
		})
	}

	for name, size := range map[string]int{"keyring": 0, "keyring, large": 16 << 10, "file": 0} {
		t.Run("many read and refresh at once, store "+name, func(t *testing.T) {
			k, _ := pc.atHome(t, program)
			store, _, _ := strings.Cut(name, ",")
			k.home = k.with("AWS_CREDPROC_STORE=" + store)
			k.getAndRefresh(t, size, 4, 20)
		})
	}

	t.Run("processes at once make one call", func(t *testing.T) {
		k, _ := pc.atHome(t, program)
		k.home = k.with("AWS_CREDPROC_STATE_DIR=") // the default one
		k.sts.Fault(ststest.Fault{Kind: ststest.Slow, Delay: time.Second, Times: ststest.Always})
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() { k.run(t, program, "get", "dev-role").credentials(t, 0) })
		}
		all.Wait()
		k.called(t, 1)
		facts, err := filepath.Glob(filepath.Join(pc.driveC, "users", "*", "AppData", "Local", "aws-credproc", "facts", "*.json"))
		if err != nil || len(facts) != 1 {
			t.Errorf("%d facts in %%LOCALAPPDATA%%, want one (%v)", len(facts), err)
		}
	})

	t.Run("exit codes", func(t *testing.T) {
		k, state := pc.atHome(t, program)
		common := "source_profile = base\nendpoint_url = " + k.sts.URL + "\nrole_arn = "
		k.write(t, "config", "[profile dev]\n"+common+roleARN("Dev")+"\n[profile nobody]\n"+common+roleARN("Nobody")+
			"\n[profile mfa]\n"+common+roleARN("Dev")+"\nmfa_serial = arn:aws:iam::"+motoAccount+":mfa/jill\n")
		k.run(t, program, "get").failed(t, 2, "the profile is missing")
		k.run(t, program, "get", "dve").failed(t, 1, "no such profile in Z:", `\Jill Doe\config`)
		k.run(t, program, "get", "nobody").failed(t, 1, "AccessDenied")
		k.run(t, program, "get", "mfa").failed(t, 3, "aws-credproc refresh mfa")
		if err := os.WriteFile(state+" file", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		k.with("AWS_CREDPROC_STATE_DIR="+drive(state+" file")).run(t, program, "get", "dev").credentials(t, 1) // nothing can be kept
	})

	t.Run("exec and export", func(t *testing.T) {
		k, _ := pc.atHome(t, program)
		r := k.run(t, program, "exec", "dev-role", "--", "cmd", "/C", "echo %AWS_ACCESS_KEY_ID%& exit 42")
		if r.code != 42 || !strings.HasPrefix(r.stdout, "ASIA") || strings.Count(r.stdout, "\n") != 1 {
			t.Errorf("exit code %d: %q\n%s", r.code, r.stdout, r.stderr)
		}
		if out := k.ok(t, program, "export", "dev-role", "--format", "powershell"); !strings.Contains(out, "$Env:AWS_ACCESS_KEY_ID = '"+strings.TrimSpace(r.stdout)+"'") {
			t.Errorf("export prints no such command")
		}
		k.called(t, 1)
	})

	job := pc.command(t, pc.build(t, filepath.Join(folder, "job.exe"), "./testdata/wine/job", "build"))
	renewed := func(t *testing.T, limits string) { // of the job in which get is started
		k, _ := pc.atHome(t, program)
		k.ok(t, program, "clear", "--all")
		var silent sync.RWMutex // STS is, while it is locked
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			silent.RLock()
			defer silent.RUnlock()
			k.sts.Handler().ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		k.write(t, "config", k.config("eu-west-1", "role/Dev", "", server.URL))
		const age = 40 * time.Minute // of an hour
		k.sts.SetMaxSkew(2 * age)
		k.sts.SetNow(func() time.Time { return time.Now().Add(-age) })
		k.ok(t, program, "refresh", "dev-role")
		k.sts.SetNow(nil)
		k.called(t, 1)

		silent.Lock()
		unlock := sync.OnceFunc(silent.Unlock)
		t.Cleanup(unlock) // before the server is closed, which waits for it
		// The end of its pipes is waited for too, but for stderr, which Wine hands down whatever a program says.
		get := k.run(t, "sh", "-c", `"$0" "$1" "$2" get dev-role 2>"$3"`,
			job, limits, drive(filepath.Join(folder, "aws-credproc.exe")), filepath.Join(k.dir, "stderr"))
		k.called(t, 0)
		unlock()
		old := get.credentials(t, 0)
		if time.Until(old.Expiration) > time.Hour-age {
			t.Error("get has renewed the session itself")
		}
		got := old
		for end := time.Now().Add(hangLimit); got == old && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			got = k.run(t, program, "get", "dev-role").credentials(t, 0)
		}
		if time.Until(got.Expiration) < 55*time.Minute {
			t.Errorf("the session ends %v", got.Expiration)
		}
		k.called(t, 1)
	}
	t.Run("renewed by a process that nobody waits for", func(t *testing.T) {
		renewed(t, "0x2800") // JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOB_OBJECT_LIMIT_BREAKAWAY_OK
	})
	t.Run("renewed where no process may leave the job", func(t *testing.T) { renewed(t, "0") })

	t.Run("wired, and started by the SDK", func(t *testing.T) {
		k, _ := pc.atHome(t, program)
		config := k.wirable(t, folder)
		sdk := pc.command(t, pc.build(t, filepath.Join(folder, "sdk.exe"), "./testdata/wine/sdk", "build"))
		k.run(t, program, "setup", "dev").failed(t, 3, "hint: aws-credproc setup --yes dev")
		k.ok(t, program, "setup", "dev", "--yes")
		out := k.ok(t, sdk, "dev")
		if first := k.get(t, 0, 1); out != "ProcessProvider "+first.AccessKeyId+"\n" {
			t.Errorf("the SDK has %s, and the helper %s", out, first.AccessKeyId)
		}
		k.ok(t, program, "setup", "dev", "--undo", "--yes")
		k.unchanged(t, config)

		// As a person may write it, and the AWS CLI starts it. What doctor writes in its place works.
		write := func(line string) {
			k.write(t, "config", k.config("eu-west-1", "role/Dev", "", k.sts.URL)+"[profile dev]\n"+line+"\n")
		}
		write(`credential_process = "` + drive(filepath.Join(folder, "aws-credproc.exe")) + `" get dev-role`)
		if k.run(t, sdk, "dev").code == 0 {
			t.Error("the SDK starts a path in quotes")
		}
		var found struct {
			Findings []struct{ Check, Fix string }
		}
		if err := json.Unmarshal([]byte(k.run(t, program, "doctor", "dev", "--json").stdout), &found); err != nil {
			t.Fatal(err)
		}
		for _, f := range found.Findings {
			if line, ok := strings.CutPrefix(f.Fix, "change the line to:\n  "); ok && f.Check == "process-quoting" {
				write(line)
			}
		}
		k.ok(t, sdk, "dev")
	})

	t.Run("asked at the console", func(t *testing.T) {
		t.Parallel() // Wine notices what is typed when anything else happens, or after ten seconds
		k, _ := pc.atHome(t, program)
		k.wirable(t, folder)
		pty := ptytest.New(t)
		pty.SetModes(func(m *unix.Termios) { // of its own accord Wine does so at some time after the question
			m.Iflag &^= unix.ICRNL
			m.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG
		})
		ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
		defer cancel()
		setup := exec.CommandContext(ctx, program, "setup", "dev")
		setup.Dir, setup.Env = k.dir, k.with("AWS_CREDPROC_PROMPT=tty").env
		setup.Stdin, setup.Stdout, setup.Stderr = pty.TTY, pty.TTY, pty.TTY // Wine's console is where these are
		pty.Start(setup)
		pty.Await("[y/N]")
		pty.Type("y\r")
		if err := setup.Wait(); err != nil {
			t.Errorf("%v: the console shows %q", err, pty.Shown())
		}
		k.get(t, 0, 1) // of dev-role, which there is now
	})

	t.Run("asked at the console in vain", func(t *testing.T) {
		t.Parallel()
		k, _ := pc.atHome(t, program)
		k.write(t, "config", k.config("eu-west-1", "role/Dev", "", k.sts.URL)+"\nmfa_serial = "+mfaSerial+"\n")
		pty := ptytest.New(t)
		ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
		defer cancel()
		get := exec.CommandContext(ctx, program, "--timeout", "5s", "get", "dev-role")
		get.Dir, get.Env = k.dir, k.with("AWS_CREDPROC_PROMPT=tty").env
		get.Stdin, get.Stdout, get.Stderr = pty.TTY, pty.TTY, pty.TTY
		pty.Start(get)
		if err := get.Wait(); err == nil {
			t.Error("it succeeds")
		}
		pty.Await("and not given within") // its screen is read later than it is written
	})

	t.Run("the packages' own tests", func(t *testing.T) {
		t.Parallel()
		for pkg, tests := range map[string]string{
			"./cache":          "System|Claim|StoreNameAndHealth",
			"./cache/keyring":  "System|Logon",
			"./cache/statedir": "OpenElsewhere|EndsWithItsProcess|WithoutADrive",
			"./internal/files": "Retry",
			"./profiles":       "OneWaits|AtOnce|UpdateWaits",
			"./credproc/shell": ".",
		} {
			binary := pc.command(t, pc.build(t, filepath.Join(t.TempDir(), "test.exe"), pkg, "test", "-c"))
			h := newHome(t, "AWS_CREDPROC_TEST_KEYRING=real")
			h.dir = repoPath(t, pkg)
			r := h.run(t, binary, "-test.v", "-test.run", tests)
			if passed := strings.Count(r.stdout, "\n--- PASS"); r.code != 0 || passed == 0 || strings.Contains(r.stdout, "\n--- SKIP") {
				t.Errorf("%s: exit code %d, %d passed\n%s%s", pkg, r.code, passed, r.stdout, r.stderr)
			}
		}
	})
}

// wirable writes a config as Notepad would, whose profile dev can be wired to the program in a folder, and gives it.
func (k *keyringTest) wirable(t *testing.T, folder string) (config string) {
	t.Helper()
	config = strings.ReplaceAll(k.config("eu-west-1", "role/Dev", "", k.sts.URL), "dev-role", "dev")
	config = "\ufeff# Jill's\r\n" + strings.ReplaceAll(config, "\n", "\r\n")
	k.write(t, "config", config)
	// Windows looks for programs in the folder where it happens to be first, but setup does not.
	if err := os.WriteFile(filepath.Join(k.dir, "aws-credproc.exe"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	k.home = k.with("WINEPATH=" + drive(folder)) // which Wine puts into the PATH
	return config
}

func (k *keyringTest) unchanged(t *testing.T, config string) {
	t.Helper()
	if got, err := os.ReadFile(k.path("config")); err != nil || string(got) != config {
		t.Errorf("the config is\n%q, %v\nand was\n%q", got, err, config)
	}
}
