package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"
)

const mfaSeed = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

// mfaPrompt is the end of the question for a code.
const mfaPrompt = "MFA code for " + mfaSerial + ": "

// mfaTest is a home whose user has an MFA device, and three roles that require it. The profiles a,
// b and c start the program for a-role, b-role and c-role, in different Regions.
type mfaTest struct {
	*home
	sts     *ststest.Server
	program string
}

func newMFATest(t *testing.T, program, settings string) mfaTest {
	t.Helper()
	s, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	h := newHome(t, "AWS_ENDPOINT_URL_STS="+s.URL)
	user, err := s.AddUser(motoAccount, "jill", ststest.AllowAssume("*"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddMFADevice(userARN("jill"), mfaSerial, mfaSeed); err != nil {
		t.Fatal(err)
	}
	config := ""
	for name, region := range map[string]string{"a": "eu-west-1", "b": "us-east-1",
		"c": "ap-south-1"} {
		trust := ststest.TrustPolicy(userARN("jill"), ststest.MFA())
		if err := s.AddRole(ststest.Role{ARN: roleARN(name), Trust: trust}); err != nil {
			t.Fatal(err)
		}
		config += fmt.Sprintf(
			"[profile %[1]s]\ncredential_process = %[2]s get %[1]s-role\nregion = %[3]s\n\n"+
				"[profile %[1]s-role]\nrole_arn = %[4]s\nsource_profile = base\nregion = %[3]s\n"+
				"mfa_serial = %[5]s\n%[6]s\n\n",
			name, program, region, roleARN(name), mfaSerial, settings)
	}
	h.write(t, "config", config)
	h.write(t, "credentials", accessKey{user.Key.ID, user.Key.Secret}.section("base"))
	return mfaTest{h, s, program}
}

// code returns the current code of the device.
func (o mfaTest) code(t *testing.T) string {
	t.Helper()
	code, err := totp.GenerateCode(mfaSeed, o.sts.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// calls checks the number of STS calls since the last check.
func (o mfaTest) calls(t *testing.T, when string, sessionToken, assumeRole int) {
	t.Helper()
	st, ar := o.sts.Calls("GetSessionToken"), o.sts.Calls("AssumeRole")
	if st != sessionToken || ar != assumeRole {
		t.Errorf("%s: %d GetSessionToken and %d AssumeRole calls, want %d and %d",
			when, st, ar, sessionToken, assumeRole)
	}
	o.sts.ResetRequests()
}

// storm returns a command that starts this many processes together for each profile. check checks
// their output.
func (o mfaTest) storm(t *testing.T, each int, profiles ...string) (cmd *exec.Cmd, check func()) {
	t.Helper()
	dir := t.TempDir()
	cmd = exec.CommandContext(t.Context(), "sh", "-c",
		`for i in $(seq $2); do for p in $3; do `+
			`"$0" get $p >"$1/$p.$i.out" 2>"$1/$p.$i.err" & done; done; wait`,
		o.program, dir, strconv.Itoa(each), strings.Join(profiles, " "))
	cmd.Dir, cmd.Env = o.dir, o.env
	return cmd, func() {
		t.Helper()
		keys := map[string]map[string]bool{}
		for _, p := range profiles {
			keys[p] = map[string]bool{}
		}
		paths, err := filepath.Glob(filepath.Join(dir, "*.out"))
		if err != nil || len(paths) != each*len(profiles) {
			t.Fatalf("%d outputs, %v", len(paths), err)
		}
		for _, path := range paths {
			var out processOutput
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &out); err != nil {
				text, _ := os.ReadFile(strings.TrimSuffix(path, "out") + "err")
				t.Errorf("%s: %d bytes, %v: %s", filepath.Base(path), len(b), err, text)
				continue
			}
			p, _, _ := strings.Cut(filepath.Base(path), ".")
			keys[p][out.AccessKeyId] = true
		}
		for p, k := range keys {
			if len(k) != 1 {
				t.Errorf("%d sessions of profile %s, want 1", len(k), p)
			}
		}
	}
}

// TestE2EMFAStorm: of 60 processes for three roles with one device, one asks for a code.
func TestE2EMFAStorm(t *testing.T) {
	program := buildProgram(t)
	o := newMFATest(t, program, "")
	pty := ptytest.New(t)
	cmd, check := o.storm(t, 20, "a", "b", "c")
	pty.Start(cmd)
	pty.Await(mfaPrompt)
	pty.Type(o.code(t) + "\n")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	check()
	o.calls(t, "cold", 1, 3)
	if n := strings.Count(pty.Shown(), mfaPrompt); n != 1 {
		t.Errorf("%d prompts, want 1: %q", n, pty.Shown())
	}

	// An hour later, without a terminal, new sessions of the roles need no code.
	o = newMFATest(t, program, "")
	o.sts.SetMaxSkew(2 * time.Hour)
	o.sts.SetNow(func() time.Time { return time.Now().Add(-58 * time.Minute) })
	for _, p := range []string{"a", "b", "c"} {
		pty := ptytest.New(t)
		cmd := exec.CommandContext(t.Context(), program, "refresh", p)
		cmd.Dir, cmd.Env = o.dir, o.env
		pty.Start(cmd)
		if p == "a" {
			pty.Await(mfaPrompt)
			pty.Type(o.code(t) + "\n")
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v: %q", err, pty.Shown())
		}
	}
	o.calls(t, "an hour ago", 1, 3)
	o.sts.SetNow(nil)
	cmd, check = o.storm(t, 20, "a", "b", "c")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	check()
	o.calls(t, "an hour later", 0, 3)
}

// TestE2EMFAStormOfManyRoles: of 200 processes for 40 roles of one user, one asks for a code, and
// one per role calls AssumeRole.
func TestE2EMFAStormOfManyRoles(t *testing.T) {
	const roles = 40
	program := buildProgram(t)
	o := newMFATest(t, program, "")
	var config strings.Builder
	var names []string
	for i := range roles {
		name := fmt.Sprintf("r%d", i)
		trust := ststest.TrustPolicy(userARN("jill"), ststest.MFA())
		if err := o.sts.AddRole(ststest.Role{ARN: roleARN(name), Trust: trust}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&config, "[profile %s]\nrole_arn = %s\nsource_profile = base\n"+
			"mfa_serial = %s\nregion = eu-west-1\n", name, roleARN(name), mfaSerial)
		names = append(names, name)
	}
	o.write(t, "config", config.String())
	pty := ptytest.New(t)
	cmd, check := o.storm(t, 5, names...)
	start := time.Now()
	pty.Start(cmd)
	pty.Await(mfaPrompt)
	pty.Type(o.code(t) + "\n")
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d processes, %d roles: %s", 5*roles, roles, time.Since(start).Round(time.Millisecond))
	check()
	o.calls(t, "cold", 1, roles)
	if n := strings.Count(pty.Shown(), mfaPrompt); n != 1 {
		t.Errorf("%d prompts, want 1: %q", n, pty.Shown())
	}
}

// TestE2EMFAClients types the code at the terminal of a client that captures stdout and stderr.
func TestE2EMFAClients(t *testing.T) {
	program := buildProgram(t)
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			o := newMFATest(t, program, "")
			o.home = o.with("AWS_PROFILE=dev", "AWS_ENDPOINT_URL="+o.sts.URL)
			config, err := os.ReadFile(o.path("config"))
			if err != nil {
				t.Fatal(err)
			}
			o.write(t, "config", strings.ReplaceAll(string(config), "[profile a]", "[profile dev]"))
			pty := ptytest.New(t)
			var stdout, stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), c.find(t), c.whoami(t, o.sts.URL)...)
			cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = o.dir, o.env, &stdout, &stderr
			pty.Start(cmd)
			pty.Await("profile a-role, role " + roleARN("a"))
			pty.Await(mfaPrompt)
			pty.Type("12 34\n")
			pty.Await("Not an MFA code")
			pty.Await(mfaPrompt)
			code := o.code(t)
			pty.Type(code[:3] + " " + code[3:] + "\n")
			if err := cmd.Wait(); err != nil || !strings.Contains(stdout.String(), ":assumed-role/a/") {
				t.Errorf("%v: %s%s", err, stdout.String(), stderr.String())
			}
			o.calls(t, "typed", 1, 1)
		})
	}
}

// TestE2EMFAWithoutTerminal: get fails immediately with a command as hint, which the AWS CLI shows.
func TestE2EMFAWithoutTerminal(t *testing.T) {
	program := buildProgram(t)
	o := newMFATest(t, program, "")
	o.home = o.with("DISPLAY=", "WAYLAND_DISPLAY=", "AWS_PROFILE=a")
	withoutTerminal := func(name string, args ...string) (stdout, stderr string, code int) {
		var out, errOut bytes.Buffer
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = o.dir, o.env, &out, &errOut
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		start := time.Now()
		if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s took %s", filepath.Base(name), took)
		}
		return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
	}
	const line = "hint: run aws-credproc refresh a-role at a terminal"
	for _, args := range [][]string{{"get", "a"}, {"--prompt", "none", "get", "a"}} {
		stdout, stderr, code := withoutTerminal(program, args...)
		result{stdout: stdout, stderr: stderr, code: code}.failed(t, 3, mfaSerial, line)
	}
	_, stderr, code := withoutTerminal(cli2(t),
		"--endpoint-url", o.sts.URL, "sts", "get-caller-identity")
	if code == 0 || !strings.Contains(stderr, line) {
		t.Errorf("AWS CLI: exit %d: %s", code, stderr)
	}
	o.calls(t, "without terminal", 0, 0)
}

// TestE2EMFAUnanswered: a prompt that times out or is cancelled fails all waiting processes.
func TestE2EMFAUnanswered(t *testing.T) {
	program := buildProgram(t)
	const notEntered = "no MFA code was entered"
	for name, test := range map[string]struct {
		first, second string // the timeouts of two processes
		typed         string
		want          [2]string // part of their errors
	}{
		"unanswered": {"5s", "1s", "",
			[2]string{notEntered + " within the time allowed", "another process is still working"}},
		"Ctrl-D": {"30s", "30s", "\x04", [2]string{notEntered, notEntered}},
		"empty":  {"30s", "30s", "\n", [2]string{notEntered, notEntered}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newMFATest(t, program, "")
			pty := ptytest.New(t)
			var stdout bytes.Buffer
			const script = `"$0" --timeout $1 get a 2>first & until [ -e prompted ]; do sleep 0.02; done
				"$0" --timeout $2 get a 2>second; wait`
			cmd := exec.CommandContext(t.Context(), "sh", "-c", script, program, test.first, test.second)
			cmd.Dir, cmd.Env, cmd.Stdout = o.dir, o.env, &stdout
			pty.Start(cmd)
			pty.Await(mfaPrompt)
			if err := os.WriteFile(filepath.Join(o.dir, "prompted"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			pty.Type(test.typed)
			if err := cmd.Wait(); err != nil || stdout.Len() > 0 {
				t.Errorf("%v; %d bytes on stdout", err, stdout.Len())
			}
			for i, name := range []string{"first", "second"} {
				stderr, err := os.ReadFile(filepath.Join(o.dir, name))
				if err != nil || !strings.Contains(string(stderr), test.want[i]) {
					t.Errorf("%s process: %v, stderr %s", name, err, stderr)
				}
			}
			if n := strings.Count(pty.Shown(), mfaPrompt); n != 1 {
				t.Errorf("%d prompts, want 1: %q", n, pty.Shown())
			}
			o.calls(t, "unanswered", 0, 0)
		})
	}
}

// tracedCalls are the system calls that strace logs.
const tracedCalls = "trace=write,writev,pwrite64,sendto,sendmsg,execve"

// TestE2EMFACodeIsSentOnlyToSTS: a code from the terminal or from a command is not written
// elsewhere.
func TestE2EMFACodeIsSentOnlyToSTS(t *testing.T) {
	needCommands(t, "strace")
	program := buildProgram(t)
	for name, settings := range map[string]string{"terminal": "",
		"mfa_process": "mfa_process = cat code"} {
		t.Run(name, func(t *testing.T) {
			o := newMFATest(t, program, settings)
			code := o.code(t)
			if err := os.WriteFile(filepath.Join(o.dir, "code"), []byte(code+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			log := filepath.Join(t.TempDir(), "strace")
			pty := ptytest.New(t)
			var out bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "strace",
				"-f", "-yy", "-v", "-s", "100000", "-o", log, "-e", tracedCalls,
				program, "--verbose", "get", "a")
			cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = o.dir, o.env, &out, &out
			pty.Start(cmd)
			if settings == "" {
				pty.Await(mfaPrompt)
				pty.Type(code + "\n")
			}
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v: %q", err, pty.Shown())
			}
			if strings.Contains(out.String(), code) {
				t.Error("the code is in the output")
			}
			trace, err := os.ReadFile(log)
			if err != nil {
				t.Fatal(err)
			}
			// The request to STS, and the pipe of mfa_process.
			allowed := regexp.MustCompile(`^\d+ +(write\(\d+<(TCP|socket|pipe):|.*TokenCode=)`)
			sent := 0
			for line := range strings.Lines(string(trace)) {
				if !strings.Contains(line, code) {
					continue
				}
				sent++
				if !allowed.MatchString(line) {
					t.Errorf("the code is in %.200s", line)
				}
			}
			if sent == 0 {
				t.Error("the code is not in the trace: this test is not meaningful")
			}
			err = filepath.WalkDir(filepath.Join(o.dir, "state"),
				func(path string, e os.DirEntry, err error) error {
					if err != nil || !e.Type().IsRegular() {
						return err
					}
					b, err := os.ReadFile(path)
					if bytes.Contains(b, []byte(code)) {
						t.Errorf("the code is in %s", path)
					}
					return err
				})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestE2ESeedIsSentOnlyToTheKeyring: "mfa add" does not write a seed elsewhere.
func TestE2ESeedIsSentOnlyToTheKeyring(t *testing.T) {
	needCommands(t, "strace")
	service := startSecretService(t)
	program := buildProgram(t)
	h := newHome(t, service.env...)
	log := filepath.Join(t.TempDir(), "strace")
	r := h.runInput(t, mfaSeed, "strace",
		"-f", "-yy", "-v", "-s", "100000", "-o", log, "-e", tracedCalls,
		program, "--verbose", "mfa", "add", mfaSerial)
	if r.code != 0 || strings.Contains(r.stdout+r.stderr, mfaSeed) {
		t.Fatalf("exit %d, stderr %s", r.code, r.stderr)
	}
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	for line := range strings.Lines(string(trace)) {
		if !strings.Contains(line, mfaSeed) {
			continue
		}
		sent++
		if !regexp.MustCompile(`^\d+ +(write|sendmsg)\(\d+<UNIX`).MatchString(line) {
			t.Errorf("the seed is in %.200s", line)
		}
	}
	if sent != 1 {
		t.Errorf("the seed is in the trace %d times, want 1", sent)
	}
}
