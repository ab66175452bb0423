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
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"
)

// These tests run the Windows program in Wine. Its Credential Manager, locks, files, console and
// cmd.exe behave sufficiently like those of Windows.

// windowsPC is a Wine prefix.
type windowsPC struct{ wine, driveC string }

func startWine(t *testing.T) windowsPC {
	t.Helper()
	needCommands(t, "bash", "x86_64-w64-mingw32-ld")
	_, err := exec.LookPath("wine64")
	need(t, err == nil || exists("/usr/lib/wine/wine64"), "wine64")
	v := startService(t, nil, []string{repoPath(t, "scripts", "with-wine.sh")}, "WINE", "WINEPREFIX")
	return windowsPC{v[0], filepath.Join(v[1], "drive_c")}
}

// build builds a package of this module for Windows with a go command and returns the path of the
// program. It adds a file that Wine 8 needs.
func (windowsPC) build(t *testing.T, program, pkg string, command ...string) string {
	t.Helper()
	addition, err := os.ReadFile(repoPath(t, "testdata", "wine", "deleteat.go"))
	if err != nil {
		t.Fatal(err)
	}
	if command[0] == "test" {
		addition = bytes.Replace(addition,
			[]byte("package main\n"), []byte("package "+filepath.Base(pkg)+"\n"), 1)
	}
	file, overlay := filepath.Join(t.TempDir(), "deleteat.go"),
		filepath.Join(t.TempDir(), "overlay.json")
	replace, err := json.Marshal(map[string]any{
		"Replace": map[string]string{repoPath(t, pkg, "deleteat.go"): file},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.WriteFile(file, addition, 0o600), os.WriteFile(overlay, replace, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	command = append(command, "-overlay", overlay, "-ldflags=-checklinkname=0", "-o", program, pkg)
	cmd := exec.CommandContext(t.Context(), "go", command...)
	cmd.Dir = repoPath(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return program
}

// command writes a script that runs a Windows program, and returns its path.
func (pc windowsPC) command(t *testing.T, program string) string {
	t.Helper()
	path := strings.TrimSuffix(program, ".exe")
	script := "#!/bin/sh\nexec '" + pc.wine + "' '" + program + "' \"$@\"\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// drive returns a path for Windows programs.
func drive(path string) string { return "Z:" + strings.ReplaceAll(path, "/", `\`) }

// newTest returns a keyringTest of a Windows program, and its state directory. Its paths contain
// spaces.
func (pc windowsPC) newTest(t *testing.T, program string) (k *keyringTest, state string) {
	t.Helper()
	k = newKeyringTest(t, program)
	folder := filepath.Join(k.dir, "Jill Doe")
	if err := os.Rename(filepath.Join(k.dir, ".aws"), folder); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, filepath.Join(k.dir, ".aws")); err != nil { // for home.write
		t.Fatal(err)
	}
	state = filepath.Join(folder, "state dir")
	k.home = k.with("AWS_CREDPROC_PROMPT=none",
		"AWS_CONFIG_FILE="+drive(filepath.Join(folder, "config")),
		"AWS_SHARED_CREDENTIALS_FILE="+drive(filepath.Join(folder, "credentials")),
		"AWS_CREDPROC_STATE_DIR="+drive(state))
	return k, state
}

// credentials returns the number of credentials in the Credential Manager, which Wine keeps in the
// registry.
func (pc windowsPC) credentials(t *testing.T) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), pc.wine, "reg", "query", `HKCU\Software\Wine`, "/s")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(out), `\Credential Manager\`)
}

// sealed returns the number of sealed files in a state directory, and checks that no file contains
// a secret.
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
			t.Errorf("%s contains a secret, or %v", path, err)
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

	t.Run("get and clear", func(t *testing.T) {
		k, state := pc.newTest(t, program)
		text := "\ufeff" +
			strings.ReplaceAll(k.config("eu-west-1", "role/Dev", "", k.sts.URL), "\n", "\r\n")
		k.write(t, "config", text) // like Notepad, with a byte order mark
		first := k.get(t, 0, 1)
		for range 3 {
			if k.get(t, 0, 0) != first {
				t.Fatal("credentials differ")
			}
		}
		if n := sealed(t, state, first.SecretAccessKey); n != 0 {
			t.Errorf("%d sealed files, want none", n)
		}
		out := k.ok(t, program, "status", "--json")
		if !strings.Contains(out, roleARN("Dev")) || !strings.Contains(out, `"keyring"`) {
			t.Errorf("status does not show the session: %s", out)
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
		t.Run("session sizes, store "+store, func(t *testing.T) {
			k, state := pc.newTest(t, program)
			k.home = k.with("AWS_CREDPROC_STORE=" + store)
			k.ok(t, program, "clear", "--all") // sessions of earlier tests
			k.get(t, 0, 1)
			checkStored := func(size int, secret string, items, files int) {
				t.Helper()
				if i, f := pc.credentials(t), sealed(t, state, secret); i != items || f != files {
					t.Errorf("%d bytes: %d credentials and %d sealed files, want %d and %d",
						size, i, f, items, files)
				}
			}
			var last string
			for _, size := range []int{300, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10, 300} {
				k.sts.Fault(ststest.Fault{Kind: ststest.LongToken, Size: size})
				k.ok(t, program, "refresh", "dev-role")
				k.called(t, 1)
				out := k.get(t, 0, 0)
				arn := k.identity(t, out)
				if len(out.SessionToken) != size || out.SessionToken == last ||
					!strings.Contains(arn, "/Dev/") {
					t.Errorf("%d bytes: the token has %d bytes, of %s", size, len(out.SessionToken), arn)
				}
				last = out.SessionToken
				items, files := 1, 0
				if store == "file" {
					items, files = 0, 1
				} else if size > 2560 { // CRED_MAX_CREDENTIAL_BLOB_SIZE
					files = 1
				}
				checkStored(size, out.SecretAccessKey, items, files)
			}
			k.sts.Fault(ststest.Fault{Kind: ststest.LongToken, Size: 16 << 10})
			k.ok(t, program, "refresh", "dev-role")
			k.called(t, 1)
			secret := k.get(t, 0, 0).SecretAccessKey
			k.ok(t, program, "clear", "dev-role")
			checkStored(0, secret, 0, 0)
			if left, err := filepath.Glob(filepath.Join(state, "facts", "*")); err != nil || len(left) > 0 {
				t.Errorf("remaining files: %v (%v)", left, err)
			}
		})
	}

	for name, size := range map[string]int{"keyring": 0, "keyring, large": 16 << 10, "file": 0} {
		t.Run("concurrent get and refresh, store "+name, func(t *testing.T) {
			k, _ := pc.newTest(t, program)
			store, _, _ := strings.Cut(name, ",")
			k.home = k.with("AWS_CREDPROC_STORE=" + store)
			k.getAndRefresh(t, size, 4, 20)
		})
	}

	t.Run("concurrent processes make one call", func(t *testing.T) {
		k, _ := pc.newTest(t, program)
		k.home = k.with("AWS_CREDPROC_STATE_DIR=") // the default
		k.sts.Fault(ststest.Fault{Kind: ststest.Slow, Delay: time.Second, Times: ststest.Always})
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() { k.run(t, program, "get", "dev-role").credentials(t, 0) })
		}
		all.Wait()
		k.called(t, 1)
		localAppData := filepath.Join(pc.driveC, "users", "*", "AppData", "Local")
		facts, err := filepath.Glob(filepath.Join(localAppData, "aws-credproc", "facts", "*.json"))
		if err != nil || len(facts) != 1 {
			t.Errorf("%d facts in %%LOCALAPPDATA%%, want 1 (%v)", len(facts), err)
		}
	})

	t.Run("exit codes", func(t *testing.T) {
		k, state := pc.newTest(t, program)
		common := "source_profile = base\nendpoint_url = " + k.sts.URL + "\nrole_arn = "
		k.write(t, "config", "[profile dev]\n"+common+roleARN("Dev")+
			"\n[profile nobody]\n"+common+roleARN("Nobody")+
			"\n[profile mfa]\n"+common+roleARN("Dev")+"\nmfa_serial = "+mfaSerial+"\n")
		k.run(t, program, "get").failed(t, 2, "the profile is missing")
		k.run(t, program, "get", "dve").failed(t, 1, "no such profile in Z:", `\Jill Doe\config`)
		k.run(t, program, "get", "nobody").failed(t, 1, "AccessDenied")
		k.run(t, program, "get", "mfa").failed(t, 3, "aws-credproc refresh mfa")
		if err := os.WriteFile(state+" file", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		noState := k.with("AWS_CREDPROC_STATE_DIR=" + drive(state+" file"))
		noState.run(t, program, "get", "dev").credentials(t, 1) // a warning: it cannot be stored
		noState = noState.with("WINEPATH=" + drive(folder))
		noState.run(t, pc.wine, "cmd", "/C", "aws-credproc get dev 2>&1").credentials(t, 0)
	})

	t.Run("exec and export", func(t *testing.T) {
		k, _ := pc.newTest(t, program)
		r := k.run(t, program, "exec", "dev-role", "--", "cmd", "/C", "echo %AWS_ACCESS_KEY_ID%& exit 42")
		if r.code != 42 || !strings.HasPrefix(r.stdout, "ASIA") || strings.Count(r.stdout, "\n") != 1 {
			t.Errorf("exit code %d: %q\n%s", r.code, r.stdout, r.stderr)
		}
		out := k.ok(t, program, "export", "dev-role", "--format", "powershell")
		if !strings.Contains(out, "$Env:AWS_ACCESS_KEY_ID = '"+strings.TrimSpace(r.stdout)+"'") {
			t.Errorf("export does not set the access key ID")
		}
		k.called(t, 1)
	})

	job := pc.command(t, pc.build(t, filepath.Join(folder, "job.exe"), "./testdata/wine/job", "build"))
	// testRenewal checks that get starts a process that renews a session. limits are those of get's
	// job object.
	testRenewal := func(t *testing.T, limits string) {
		k, _ := pc.newTest(t, program)
		k.ok(t, program, "clear", "--all")
		var silent sync.RWMutex // STS does not respond while it is locked
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			silent.RLock()
			defer silent.RUnlock()
			k.sts.Handler().ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		k.write(t, "config", k.config("eu-west-1", "role/Dev", "", server.URL))
		const age = 40 * time.Minute // of a session of 1 hour
		k.sts.SetMaxSkew(2 * age)
		k.sts.SetNow(func() time.Time { return time.Now().Add(-age) })
		k.ok(t, program, "refresh", "dev-role")
		k.sts.SetNow(nil)
		k.called(t, 1)

		silent.Lock()
		unlock := sync.OnceFunc(silent.Unlock)
		t.Cleanup(unlock) // runs before server.Close, which waits for requests
		// This waits until stdout is closed. Stderr goes to a file because Wine passes it to the
		// renewing process.
		get := k.run(t, "sh", "-c", `"$0" "$1" "$2" get dev-role 2>"$3"`,
			job, limits, drive(filepath.Join(folder, "aws-credproc.exe")), filepath.Join(k.dir, "stderr"))
		k.called(t, 0)
		unlock()
		old := get.credentials(t, 0)
		if time.Until(old.Expiration) > time.Hour-age {
			t.Error("get renewed the session itself")
		}
		got := old
		for end := time.Now().Add(hangLimit); got == old && time.Now().Before(end); time.Sleep(
			50 * time.Millisecond) {
			got = k.run(t, program, "get", "dev-role").credentials(t, 0)
		}
		if time.Until(got.Expiration) < 55*time.Minute {
			t.Errorf("the session expires %v", got.Expiration)
		}
		k.called(t, 1)
	}
	t.Run("renewal by a detached process", func(t *testing.T) {
		testRenewal(t, "0x2800") // JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE, JOB_OBJECT_LIMIT_BREAKAWAY_OK
	})
	t.Run("renewal in a job without breakaway", func(t *testing.T) { testRenewal(t, "0") })

	t.Run("setup and the Go SDK", func(t *testing.T) {
		k, _ := pc.newTest(t, program)
		config := k.wirable(t, folder)
		sdk := pc.command(t,
			pc.build(t, filepath.Join(folder, "sdk.exe"), "./testdata/wine/sdk", "build"))
		k.run(t, program, "setup", "dev").failed(t, 3, "hint: aws-credproc setup --yes dev")
		k.ok(t, program, "setup", "dev", "--yes")
		out := k.ok(t, sdk, "dev")
		if first := k.get(t, 0, 1); out != "ProcessProvider "+first.AccessKeyId+"\n" {
			t.Errorf("the SDK has %s, and get printed %s", out, first.AccessKeyId)
		}
		k.ok(t, program, "setup", "dev", "--undo", "--yes")
		k.unchanged(t, config)

		// The SDK does not support quotes, unlike the AWS CLI. The line in doctor's fix works.
		write := func(line string) {
			k.write(t, "config",
				k.config("eu-west-1", "role/Dev", "", k.sts.URL)+"[profile dev]\n"+line+"\n")
		}
		write(`credential_process = "` + drive(filepath.Join(folder, "aws-credproc.exe")) +
			`" get dev-role`)
		if k.run(t, sdk, "dev").code == 0 {
			t.Error("the SDK started a path in quotes")
		}
		var found struct {
			Findings []struct{ Check, Fix string }
		}
		doctor := k.run(t, program, "doctor", "dev", "--json")
		if err := json.Unmarshal([]byte(doctor.stdout), &found); err != nil {
			t.Fatal(err)
		}
		for _, f := range found.Findings {
			if line, ok := strings.CutPrefix(f.Fix, "change the line to:\n  "); ok &&
				f.Check == "process-quoting" {
				write(line)
			}
		}
		k.ok(t, sdk, "dev")
	})

	t.Run("console prompt", func(t *testing.T) {
		t.Parallel() // Wine reads input at the next event, or after 10 seconds
		k, _ := pc.newTest(t, program)
		k.wirable(t, folder)
		pty := ptytest.New(t)
		pty.SetModes(func(m *unix.Termios) { // Wine sets these modes too late
			m.Iflag &^= unix.ICRNL
			m.Lflag &^= unix.ICANON | unix.ECHO | unix.ISIG
		})
		ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
		defer cancel()
		setup := exec.CommandContext(ctx, program, "setup", "dev")
		setup.Dir, setup.Env = k.dir, k.with("AWS_CREDPROC_PROMPT=tty").env
		setup.Stdin, setup.Stdout, setup.Stderr = pty.TTY, pty.TTY, pty.TTY // Wine's console
		pty.Start(setup)
		pty.Await("[y/N]")
		pty.Type("y\r")
		if err := setup.Wait(); err != nil {
			t.Errorf("%v: screen %q", err, pty.Shown())
		}
		k.get(t, 0, 1) // dev-role exists now
	})

	t.Run("console prompt times out", func(t *testing.T) {
		t.Parallel()
		k, _ := pc.newTest(t, program)
		k.write(t, "config",
			k.config("eu-west-1", "role/Dev", "", k.sts.URL)+"\nmfa_serial = "+mfaSerial+"\n")
		pty := ptytest.New(t)
		ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
		defer cancel()
		get := exec.CommandContext(ctx, program, "--timeout", "5s", "get", "dev-role")
		get.Dir, get.Env = k.dir, k.with("AWS_CREDPROC_PROMPT=tty").env
		get.Stdin, get.Stdout, get.Stderr = pty.TTY, pty.TTY, pty.TTY
		pty.Start(get)
		if err := get.Wait(); err == nil {
			t.Error("get succeeded")
		}
		pty.Await("no MFA code was entered within") // the output is read asynchronously
	})

	t.Run("package tests", func(t *testing.T) {
		t.Parallel()
		for pkg, tests := range map[string]string{
			"./cache":          "System|Claim|StoreNameAndHealth",
			"./cache/keyring":  "System|Logon",
			"./cache/statedir": "FileOpenInAnotherProcess|EndsWithItsProcess|WithoutADrive",
			"./internal/files": "Retry",
			"./profiles":       "Retries|Concurrent|LockTimeout",
			"./credproc/shell": "Interrupt|Quotes",
		} {
			binary := pc.command(t, pc.build(t, filepath.Join(t.TempDir(), "test.exe"), pkg, "test", "-c"))
			h := newHome(t, "AWS_CREDPROC_TEST_KEYRING=real")
			h.dir = repoPath(t, pkg)
			r := h.run(t, binary, "-test.v", "-test.run", tests)
			if r.code != 0 || strings.Contains(r.stdout, "\n--- SKIP") {
				t.Errorf("%s: exit code %d\n%s%s", pkg, r.code, r.stdout, r.stderr)
			}
			for name := range strings.SplitSeq(tests, "|") {
				passed := regexp.MustCompile(`\n--- PASS: \w*` + name)
				if !passed.MatchString(r.stdout) {
					t.Errorf("%s: no test matches %s\n%s", pkg, name, r.stdout)
				}
			}
		}
	})
}

// wirable writes a config, like Notepad, whose profile dev can be set up for the program in a
// folder. It returns the config.
func (k *keyringTest) wirable(t *testing.T, folder string) (config string) {
	t.Helper()
	config = strings.ReplaceAll(k.config("eu-west-1", "role/Dev", "", k.sts.URL), "dev-role", "dev")
	config = "\ufeff# Jill's\r\n" + strings.ReplaceAll(config, "\n", "\r\n")
	k.write(t, "config", config)
	// Windows searches the working directory for programs, but setup must not.
	if err := os.WriteFile(filepath.Join(k.dir, "aws-credproc.exe"), nil, 0o700); err != nil {
		t.Fatal(err)
	}
	k.home = k.with("WINEPATH=" + drive(folder)) // Wine adds it to the PATH
	return config
}

// unchanged checks that the config file is unchanged.
func (k *keyringTest) unchanged(t *testing.T, config string) {
	t.Helper()
	if got, err := os.ReadFile(k.path("config")); err != nil || string(got) != config {
		t.Errorf("the config is\n%q, %v\nwant\n%q", got, err, config)
	}
}
