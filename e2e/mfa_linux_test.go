package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/terminal/ptytest"
)

// TestE2ESeed: "mfa add" stores a seed only in the keyring, and each code is used once.
func TestE2ESeed(t *testing.T) {
	service := startSecretService(t)
	program := buildProgram(t)
	h := newHome(t, service.env...)
	const seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

	cmd := exec.CommandContext(t.Context(), program, "mfa", "add", mfaSerial)
	pty := ptytest.New(t)
	cmd.Dir, cmd.Env = h.dir, h.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.TTY, pty.TTY, pty.TTY
	pty.Start(cmd)
	pty.Await("Seed of " + mfaSerial + " in base32 or as otpauth:// URI (not shown): ")
	before := time.Now()
	pty.Type("otpauth://totp/AWS:jill?secret=" + seed + "\n")
	pty.Await("a weaker second factor")
	pty.Await("waiting ")
	if found := processesWith(t, seed[:16]); len(found) > 0 {
		t.Errorf("the seed is in %q", found)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v; screen %q", err, pty.Shown())
	}
	pty.Await("second code: ") // the output is read asynchronously
	pty.Await("\r\n")
	if strings.Contains(strings.ToUpper(pty.Shown()), seed) {
		t.Error("the seed is on the screen")
	}
	shown := regexp.MustCompile(`(first|second) code: (\d{6})\r\n`).
		FindAllStringSubmatch(pty.Shown(), -1)
	if len(shown) != 2 || shown[0][1] != "first" || shown[1][1] != "second" {
		t.Fatalf("screen %q", pty.Shown())
	}
	// The first code is of the time step in which the seed was typed, or of the next one.
	h.write(t, "config", "[profile dev]\nmfa_serial = "+mfaSerial+"\n[profile ops]\nmfa_serial = "+
		mfaSerial+"\n[profile other]\nmfa_serial = "+mfaSerial+"2\n")
	const list = `(?s)^DEVICE +SEED +PROFILES\n\S+:mfa/\S+ +yes +dev, ops\n\S+2 +no +other\n$`
	if out := h.ok(t, program, "mfa", "list"); !regexp.MustCompile(list).MatchString(out) {
		t.Errorf("mfa list: %s", out)
	}
	if out := h.ok(t, program, "mfa", "list", "--json"); strings.Count(out, `"seed": true`) != 1 ||
		strings.Count(out, `"seed": false`) != 1 || strings.Contains(out, seed) {
		t.Errorf("mfa list --json: %s", out)
	}
	h.write(t, "config", "")
	var codes []string
	for n := range 3 {
		code, err := totp.GenerateCode(seed, before.Add(time.Duration(n)*30*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	if at := slices.Index(codes, shown[0][2]); at < 0 || at > 1 || codes[at+1] != shown[1][2] {
		t.Errorf("codes %s and %s, want two consecutive ones of %q",
			shown[0][2], shown[1][2], codes)
	}

	r := h.run(t, program, "--timeout", "1s", "mfa", "code", mfaSerial)
	r.failed(t, 1, "after the time allowed\n"+
		"aws-credproc: hint: try again, or use a longer --timeout")
	r = h.runInput(t, seed, program, "mfa", "add", "--timeout", "1s", mfaSerial+"3")
	if r.code != 1 || !strings.HasPrefix(r.stdout, "first code: ") ||
		!strings.Contains(r.stderr, "the seed was stored, but there is no second code: ") ||
		!strings.Contains(r.stderr,
			"after the time allowed\naws-credproc: hint: aws-credproc mfa code ") {
		t.Errorf("time-out before the second code: exit %d, stdout %q, stderr %q",
			r.code, r.stdout, r.stderr)
	}
	h.runInput(t, seed, program, "mfa", "add", mfaSerial).failed(t, 1, "is already in the keyring")
	stored := func(serial string) string {
		return h.ok(t, "secret-tool", "lookup", "service", "aws-credproc-mfa", "username", serial)
	}
	if stored(mfaSerial) != seed {
		t.Error("the keyring has a wrong seed")
	}
	other := addConcurrently(t, h, program, seed)
	if stored(other) != concurrentSeed {
		t.Error("a seed that was added concurrently was replaced")
	}
	h.ok(t, program, "clear", "--all")
	err := filepath.WalkDir(h.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(strings.ToUpper(string(b)), seed) {
			t.Errorf("the seed is in %s", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}

	service.lock(t)
	failsWith := func(code int, hint string) {
		t.Helper()
		for _, step := range []string{"add", "code", "remove"} {
			r := h.runInput(t, seed, program, "mfa", step, mfaSerial)
			line := hint + "aws-credproc mfa " + step + " " + mfaSerial + "\n"
			if r.code != code || !strings.HasSuffix(r.stderr, "\naws-credproc: hint: "+line) {
				t.Errorf("%s: exit %d, stderr %q", step, r.code, r.stderr)
			}
		}
	}
	failsWith(3, "unlock the keyring, then run ")
	service.unlock(t)
	signal(t, "STOP", service.pid)
	t.Cleanup(func() { signal(t, "CONT", service.pid) })
	failsWith(1, "check why the keyring does not respond, then run ")
	signal(t, "CONT", service.pid)
	out := h.ok(t, program, "mfa", "remove", mfaSerial)
	if out != mfaSerial+": seed deleted\n" {
		t.Errorf("remove: %q", out)
	}
	h.run(t, program, "mfa", "code", mfaSerial).
		failed(t, 1, "hint: aws-credproc mfa add "+mfaSerial+"\n")
}

const concurrentSeed = "FIRST234FIRST234"

// addConcurrently stores concurrentSeed while a process that adds another seed waits for its lock.
func addConcurrently(t *testing.T, h *home, program, seed string) (serial string) {
	t.Helper()
	serial = mfaSerial + "2"
	unlock, err := statedir.Lock(t.Context(), filepath.Join(h.dir, "state"), "mfa-seeds")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	cmd := exec.CommandContext(t.Context(), program, "mfa", "add", serial)
	var stderr strings.Builder
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stderr = h.dir, h.env, strings.NewReader(seed), &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waiting := regexp.MustCompile(fmt.Sprintf(`-> FLOCK .* %d `, cmd.Process.Pid))
	for end := time.Now().Add(hangLimit); ; time.Sleep(5 * time.Millisecond) {
		locks, err := os.ReadFile("/proc/locks")
		if err != nil || time.Now().After(end) {
			t.Fatalf("the process does not wait for the lock (%v)", err)
		}
		if waiting.Match(locks) {
			break
		}
	}
	store := exec.CommandContext(t.Context(), "secret-tool", "store",
		"--label=MFA device "+serial, "service", "aws-credproc-mfa", "username", serial)
	store.Env, store.Stdin = h.env, strings.NewReader(concurrentSeed)
	if out, err := store.CombinedOutput(); err != nil {
		t.Fatalf("secret-tool: %v: %s", err, out)
	}
	unlock()
	if err := cmd.Wait(); err == nil ||
		!strings.Contains(stderr.String(), "is already in the keyring") {
		t.Errorf("second mfa add: %v, stderr %q", err, stderr.String())
	}
	return serial
}
