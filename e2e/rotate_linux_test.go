package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/keyringtest"
	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"

	"github.com/pquerna/otp/totp"
)

// ownKeys is a policy that allows a user to replace access keys. moto does not know which resources
// the actions of IAM have.
var ownKeys = allow("iam:*AccessKey*", "*")

// rotateTest is a home with the access key of a user of moto in [base] of the credentials file.
type rotateTest struct {
	*home
	moto    *moto
	program string
	user    string
}

func newRotateTest(t *testing.T, m *moto, program, user, policy string, env ...string) *rotateTest {
	t.Helper()
	key := m.do(t, createUser(user, policy)...).accessKey(t)
	path := "PATH=" + filepath.Dir(program) + string(filepath.ListSeparator) + os.Getenv("PATH")
	h := newHome(t, append(env, "AWS_ENDPOINT_URL="+m.url, "NO_COLOR=1", path)...)
	h.write(t, "config", "[profile dev]\nrole_arn = "+roleARN("Dev")+"\nsource_profile = base\n")
	h.write(t, "credentials", "# mine\r\n"+strings.ReplaceAll(
		strings.Replace(key.section("base"), "\n", " # why\n", 1), "\n", "\r\n")+
		"region = eu-west-1\r\n\r\n[other]\r\naws_access_key_id=AKIAOTHER\r\naws_secret_access_key=x")
	return &rotateTest{h, m, program, user}
}

// keys returns the IDs of the user's access keys and their status.
func (r *rotateTest) keys(t *testing.T) map[string]string {
	t.Helper()
	var list struct {
		AccessKeyMetadata []struct{ AccessKeyID, Status string }
	}
	a := r.moto.do(t, call{"iam", "list_access_keys", params{"UserName": r.user}})
	if err := json.Unmarshal(a[0], &list); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, k := range list.AccessKeyMetadata {
		keys[k.AccessKeyID] = k.Status
	}
	return keys
}

// inFile returns the access key in a file.
func (r *rotateTest) inFile(t *testing.T, name string) accessKey {
	t.Helper()
	found := regexp.MustCompile(`(?s)aws_access_key_id = (\w+).*?aws_secret_access_key = (\S+)`).
		FindStringSubmatch(r.read(t, name))
	if found == nil {
		t.Fatalf("no access key in %s", name)
	}
	return accessKey{found[1], found[2]}
}

// works checks that AWS accepts the credentials of base, with the program and without it.
func (r *rotateTest) works(t *testing.T) {
	t.Helper()
	out := r.ok(t, r.program, "whoami", "base")
	if !strings.Contains(out, userARN(r.user)+"\n") {
		t.Fatalf("whoami: %s", out)
	}
}

// answer rotates the key of base at a terminal and answers the question.
func (r *rotateTest) answer(t *testing.T, answer string) {
	t.Helper()
	pty := ptytest.New(t)
	cmd := exec.CommandContext(t.Context(), r.program, "rotate", "base")
	cmd.Dir, cmd.Env = r.dir, r.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.TTY, pty.TTY, pty.TTY
	pty.Start(cmd)
	pty.Await("Replace the key and delete the old one? [y/N] ")
	pty.Type(answer + "\n")
	if err := cmd.Wait(); (err == nil) != (answer == "y") {
		t.Fatalf("%s: %v; screen %q", answer, err, pty.Shown())
	}
}

func TestE2ERotate(t *testing.T) {
	m := startMoto(t)
	program := buildProgram(t)

	t.Run("file", func(t *testing.T) {
		r := newRotateTest(t, m, program, "ann", ownKeys)
		before := r.read(t, "credentials")
		old := r.inFile(t, "credentials")
		unchanged := func() {
			t.Helper()
			if len(r.keys(t)) != 1 || r.read(t, "credentials") != before {
				t.Error("something was changed")
			}
		}
		out := r.ok(t, program, "rotate", "dev", "--dry-run")
		if want := "base: access key " + old.ID + " of IAM user ann in account " + motoAccount; !strings.
			HasPrefix(out, want) || !strings.Contains(out, "credentials:3\n") ||
			!strings.HasSuffix(out, "base: it will be replaced by a new one and then deleted\n") {
			t.Errorf("dry run: %s", out)
		}
		unchanged()
		r.run(t, "setsid", "-w", program, "rotate", "--keep-old", "base").
			failed(t, 3, "cannot ask for confirmation", "hint: aws-credproc rotate --yes --keep-old base")
		unchanged()
		r.answer(t, "n")
		unchanged()
		r.answer(t, "y")
		key := r.inFile(t, "credentials")
		want := strings.NewReplacer(old.ID, key.ID, old.Secret, key.Secret).Replace(before)
		if r.read(t, "credentials") != want || key.ID == old.ID {
			t.Error("more than the key was changed in the file")
		}
		if keys := r.keys(t); len(keys) != 1 || keys[key.ID] != "Active" {
			t.Errorf("keys: %v, want %s", keys, key.ID)
		}
		r.works(t)
		if found := r.filesWith(t, old.Secret); len(found) > 0 {
			t.Errorf("the old secret is in %q", found)
		}
	})

	t.Run("copies and --keep-old", func(t *testing.T) {
		r := newRotateTest(t, m, program, "bob", ownKeys)
		old := r.inFile(t, "credentials")
		r.write(t, "config", r.read(t, "config")+"# aws_access_key_id = "+old.ID+"\n[profile ci]\n"+
			"aws_access_key_id = "+old.ID+"\naws_secret_access_key = "+old.Secret+"\n")
		r.write(t, "credentials.aws-credproc.bak", r.read(t, "credentials"))
		o := r.with("AWS_ACCESS_KEY_ID="+old.ID).run(t, program, "rotate", "base", "--yes", "--keep-old")
		key := r.inFile(t, "credentials")
		if want := fmt.Sprintf("base: access key %s has replaced %s, which is inactive\n", key.ID,
			old.ID); o.code != 0 || o.stdout != want {
			t.Errorf("exit code %d\n%s%s", o.code, o.stdout, o.stderr)
		}
		for _, want := range []string{
			r.path("config") + ":4 also has the key: delete that line\n",
			"profile ci also has the key, in " + r.path("config") + ":6, and stops working\n",
			"a backup also has the key: delete " + r.path("credentials.aws-credproc.bak") + " when",
			"the environment variable AWS_ACCESS_KEY_ID also has the key, which stops working\n",
		} {
			if !strings.Contains(o.stderr, want) {
				t.Errorf("stderr does not contain %q:\n%s", want, o.stderr)
			}
		}
		if n := strings.Count(o.stderr, "\n"); n != 4 {
			t.Errorf("%d lines in stderr:\n%s", n, o.stderr)
		}
		if keys := r.keys(t); keys[key.ID] != "Active" || keys[old.ID] != "Inactive" {
			t.Errorf("keys: %v", keys)
		}
		r.run(t, program, "rotate", "base", "--yes").failed(t, 1,
			"user bob already has two access keys: that of the profile, "+key.ID+" (created ",
			", and "+old.ID+" (inactive, created ", ", last used ",
			"hint: if nothing uses the other one: aws iam delete-access-key --profile=base "+
				"--user-name bob --access-key-id "+old.ID+"\n")
		// The hint is a command that works, and then the rotation does.
		r.ok(t, python(t), "-m", "awscli", "iam", "delete-access-key", "--profile", "base",
			"--user-name", "bob", "--access-key-id", old.ID)
		r.ok(t, program, "rotate", "base", "--yes")
		r.works(t)
	})

	t.Run("denied", func(t *testing.T) {
		r := newRotateTest(t, m, program, "eve", allow("iam:ListAccessKeys", "*"))
		before := r.read(t, "credentials")
		r.run(t, program, "rotate", "base", "--yes").failed(t, 1,
			"base: CreateAccessKey: AccessDenied for "+userARN("eve")+"; nothing was changed\n",
			"hint: a policy of the user must allow iam:CreateAccessKey; if it requires MFA, "+
				"set mfa_serial in [profile base]\n")
		if r.read(t, "credentials") != before || len(r.keys(t)) != 1 {
			t.Error("something was changed")
		}
		r.works(t)
	})

	t.Run("keyring", func(t *testing.T) {
		service := startSecretService(t)
		r := newRotateTest(t, m, program, "kim", ownKeys, service.env...)
		old := r.inFile(t, "credentials")
		before := r.read(t, "credentials")
		r.write(t, "credentials", before+"\r\n"+old.section("same"))
		r.ok(t, program, "import", "same", "--yes")
		r.ok(t, program, "import", "base", "--yes")
		service.lock(t)
		r.run(t, program, "rotate", "base", "--yes").failed(t, 3,
			"hint: unlock the keyring, then run aws-credproc rotate --yes base\n")
		service.unlock(t)
		o := r.run(t, program, "rotate", "base", "--yes")
		if o.code != 0 || !strings.Contains(o.stdout, " has replaced "+old.ID+", which was deleted\n") ||
			o.stderr != "aws-credproc: warning: profile same also has the key, in the keyring, and stops "+
				"working\n" {
			t.Errorf("exit code %d\n%s%s", o.code, o.stdout, o.stderr)
		}
		r.works(t)
		r.ok(t, program, "import", "base", "--undo", "--yes")
		key := r.inFile(t, "credentials")
		want := strings.NewReplacer(old.ID, key.ID, old.Secret, key.Secret).Replace(before)
		if !strings.HasPrefix(r.read(t, "credentials"), want) || key.ID == old.ID {
			t.Error("import --undo restored another file")
		}
		r.works(t)
	})
}

// rotateKills returns how often [TestE2ERotateKilled] kills a rotation.
func rotateKills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("AWS_CREDPROC_TEST_ROTATE_KILLS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestE2ERotateKilled kills rotations at random moments, of keys in the file and in the keyring in
// turn. The key must then work, and running the command again must succeed and leave the user one
// key. If the ID of the new key is not known, that is confirmed at a terminal.
func TestE2ERotateKilled(t *testing.T) {
	m := startMoto(t)
	program := buildProgram(t)
	file := newRotateTest(t, m, program, "ann", ownKeys)
	keyring := newRotateTest(t, m, program, "kim", ownKeys, startSecretService(t).env...)
	keyring.ok(t, program, "import", "base", "--yes")
	rotate := func(r *rotateTest) time.Duration {
		start := time.Now()
		r.ok(t, program, "rotate", "base", "--yes") // which fails if the user has two keys
		return time.Since(start)
	}
	tests := []*rotateTest{file, keyring}
	took := []time.Duration{rotate(file), rotate(keyring)}

	states := map[string]int{}
	for n := range rotateKills(t) {
		r, name := tests[n%2], []string{"file", "keyring"}[n%2]
		cmd := exec.CommandContext(t.Context(), program, "rotate", "base", "--yes")
		cmd.Dir, cmd.Env = r.dir, r.env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took[n%2]))))
		_ = cmd.Process.Kill() // fails if it has ended
		_ = cmd.Wait()

		r.works(t)
		left := "done"
		if !cmd.ProcessState.Success() {
			left = "not started"
			plan := r.ok(t, program, "rotate", "base", "--dry-run")
			switch {
			case strings.Contains(plan, "was probably created by a rotation"):
				left = "created, unknown"
				r.run(t, program, "rotate", "base", "--yes").failed(t, 3, "--yes does not confirm that")
				r.answer(t, "y")
			case strings.Contains(plan, "was created by a rotation"):
				left = "created"
			case strings.Contains(plan, "it has replaced "):
				left = "stored"
			}
			took[n%2] = rotate(r)
			r.works(t)
		}
		states[name+": "+left]++
	}
	for _, r := range tests {
		if keys := r.keys(t); len(keys) != 1 {
			t.Errorf("keys %v, want one", keys)
		}
	}
	for state, n := range states {
		t.Logf("%3d  %s", n, state)
	}
	if len(states) < 3 {
		t.Error("too few different states: this test is not meaningful")
	}
}

// newRotateSTS starts an STS with the user jill, who may replace the access key, and a home with
// it.
func newRotateSTS(t *testing.T, program string, mfa bool) (*ststest.Server, *rotateTest) {
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
	user, err := sts.AddUser(motoAccount, "jill", ststest.AllowOwnKeys(userARN("jill"), mfa))
	if err != nil {
		t.Fatal(err)
	}
	h := newHome(t, "AWS_ENDPOINT_URL="+sts.URL, "AWS_CREDPROC_STORE=file")
	h.write(t, "credentials", accessKey{user.Key.ID, user.Key.Secret}.section("base"))
	return sts, &rotateTest{home: h, program: program, user: "jill"}
}

// TestE2ERotateInterrupted: Ctrl-C while rotate waits for the new key deletes that.
func TestE2ERotateInterrupted(t *testing.T) {
	program := buildProgram(t)
	sts, r := newRotateSTS(t, program, false)
	sts.SetKeyDelay(time.Hour)
	old := r.inFile(t, "credentials")
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), program, "rotate", "base", "--yes", "--verbose")
	cmd.Dir, cmd.Env, cmd.Stderr = r.dir, r.env, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	keyringtest.WaitFor(t, "the use of the new key", func() bool {
		for _, request := range sts.Requests() {
			if request.ErrorCode == "InvalidClientTokenId" {
				return true
			}
		}
		return false
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 1 ||
		!strings.HasSuffix(stderr.String(), "aws-credproc: base: interrupted; nothing was changed\n") {
		t.Errorf("exit code %d\n%s", cmd.ProcessState.ExitCode(), stderr.String())
	}
	if strings.Contains(stderr.String(), old.Secret) {
		t.Error("the log has the secret")
	}
	if keys := sts.AccessKeys(userARN("jill")); len(keys) != 1 || !keys[old.ID] ||
		r.inFile(t, "credentials") != old {
		t.Errorf("keys %v", keys)
	}
}

// TestE2ERotateWithMFA: if the user's policy requires MFA, the actions of IAM are called with a
// session for which one code was used.
func TestE2ERotateWithMFA(t *testing.T) {
	program := buildProgram(t)
	sts, r := newRotateSTS(t, program, true)
	if err := sts.AddMFADevice(userARN("jill"), mfaSerial, mfaSeed); err != nil {
		t.Fatal(err)
	}
	sts.SetKeyDelay(300 * time.Millisecond)
	code, err := totp.GenerateCode(mfaSeed, sts.Now())
	if err != nil {
		t.Fatal(err)
	}
	role := "[profile dev]\nrole_arn = " + roleARN("Dev") + "\nsource_profile = base\n"
	r.write(t, "config", role)
	r.run(t, program, "rotate", "dev", "--yes").failed(t, 1, "dev: ListAccessKeys: AccessDenied for ",
		"if it requires MFA, set mfa_serial in [profile dev]")
	r.write(t, "config", role+"mfa_serial = "+mfaSerial+"\nmfa_process = echo "+code+"\n")
	sts.ResetRequests()
	r.ok(t, program, "rotate", "dev", "--yes")
	key := r.inFile(t, "credentials")
	if keys := sts.AccessKeys(userARN("jill")); len(keys) != 1 || !keys[key.ID] {
		t.Errorf("keys %v, want %s", keys, key.ID)
	}
	if n := sts.Calls("GetSessionToken"); n != 1 {
		t.Errorf("%d GetSessionToken calls, want 1", n)
	}
	actions := map[string]int{}
	for _, request := range sts.Requests() {
		actions[request.Action]++
		isIAM := strings.Contains(request.Action, "AccessKey")
		if isIAM != strings.HasPrefix(request.AccessKeyID, "ASIA") {
			t.Errorf("%s was signed with %s", request.Action, request.AccessKeyID)
		}
	}
	for _, action := range []string{
		"ListAccessKeys", "CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey",
	} {
		if actions[action] != 1 {
			t.Errorf("%d calls of %s, want 1", actions[action], action)
		}
	}
}
