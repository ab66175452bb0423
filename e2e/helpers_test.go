package e2e_test

// The end-to-end tests: the built program, started by the clients that people use, against real services on loopback.
// scripts/setup.sh installs what they need beside Go; a test whose parts are not there is skipped, or fails with CI=true.
// Their names start with TestE2E, by which scripts/test.sh finds them.

import (
	"aws-credproc/internal/ststest"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// hangLimit is far beyond what anything here takes: it ends only what would never end.
const hangLimit = 60 * time.Second

// need skips the test for want of a part; in CI it fails it.
func need(t *testing.T, ok bool, part string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not there, and CI=true (scripts/setup.sh installs it)", part)
	default:
		t.Skipf("SKIPPED: %s is not there (scripts/setup.sh installs it)", part)
	}
}

// needCommands skips the test unless all these commands are in PATH.
func needCommands(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		_, err := exec.LookPath(name)
		need(t, err == nil, name)
	}
}

// repoPath returns the absolute path of a file of this repository.
func repoPath(t *testing.T, elem ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", filepath.Join(elem...)))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// exists reports whether there is a file of that name.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// buildProgram builds the program as it is released, and returns its path.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "aws-credproc")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", program, "aws-credproc")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// A home is one person's home directory, with an environment that holds nothing of the caller's.
type home struct {
	dir string
	env []string // as in os.Environ
}

// newHome returns a home with an empty ~/.aws, which the environment names too, and these variables besides.
func newHome(t *testing.T, env ...string) *home {
	t.Helper()
	h := &home{dir: t.TempDir()}
	if err := os.Mkdir(filepath.Join(h.dir, ".aws"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"LANG=C.UTF-8",
		"HOME=" + h.dir,
		"TMPDIR=" + t.TempDir(),
		"AWS_CONFIG_FILE=" + h.path("config"),
		"AWS_SHARED_CREDENTIALS_FILE=" + h.path("credentials"),
		"AWS_CREDPROC_STATE_DIR=" + filepath.Join(h.dir, "state"),
		"AWS_CREDPROC_STORE=file",
		"AWS_EC2_METADATA_DISABLED=true",
		"NODE_PATH=" + repoPath(t, "build", "js", "node_modules"),
	}, env...)
	return h
}

// with returns the same home with these variables set; the last of several wins.
func (h *home) with(env ...string) *home {
	return &home{dir: h.dir, env: append(h.env[:len(h.env):len(h.env)], env...)}
}

func (h *home) path(name string) string { return filepath.Join(h.dir, ".aws", name) }

// write writes a file of ~/.aws: "config" or "credentials".
func (h *home) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A result is what a process left behind.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// run runs a command in h to its end, with no standard input.
func (h *home) run(t *testing.T, name string, args ...string) result {
	t.Helper()
	return h.runInput(t, "", name, args...)
}

func (h *home) runInput(t *testing.T, stdin, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hangLimit)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = h.dir, h.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.WaitDelay = 5 * time.Second
	start := time.Now()
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); ctx.Err() != nil || err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, stderr.String())
	}
	return result{stdout.String(), wineError.ReplaceAllString(stderr.String(), ""), cmd.ProcessState.ExitCode(), time.Since(start)}
}

// wineError is what Wine itself says, on a busy machine now and then, when a program has ended.
var wineError = regexp.MustCompile(`(?m)^wine client error:.*\n`)

// ok runs a command in h that is to succeed, and returns its standard output.
func (h *home) ok(t *testing.T, name string, args ...string) string {
	t.Helper()
	r := h.run(t, name, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s", filepath.Base(name), strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// processOutput is what credential_process prints
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html).
type processOutput struct {
	Version                                               int
	AccessKeyId, SecretAccessKey, SessionToken, AccountId string
	Expiration                                            time.Time
}

// credentials checks that r printed credentials and nothing on standard error but what warnings allow: no line, or as
// many as wanted. It never prints a secret.
func (r result) credentials(t *testing.T, warnings int) processOutput {
	t.Helper()
	var out processOutput
	if err := json.Unmarshal([]byte(r.stdout), &out); r.code != 0 || err != nil {
		t.Fatalf("exit code %d, %d bytes on stdout (%v), want credentials\n%s", r.code, len(r.stdout), err, r.stderr)
	}
	if out.Version != 1 || out.AccessKeyId == "" || out.SecretAccessKey == "" || out.SessionToken == "" {
		t.Fatalf("credentials are not whole: version %d, access key ID %q", out.Version, out.AccessKeyId)
	}
	if !out.Expiration.After(time.Now()) {
		t.Errorf("expiration %s is not in the future", out.Expiration)
	}
	if n := strings.Count(r.stderr, "\n") - strings.Count(r.stderr, "aws-credproc: hint: "); n != warnings {
		t.Errorf("%d warnings on stderr, want %d:\n%s", n, warnings, r.stderr)
	}
	return out
}

// errorForm is an error as the program reports it: what happened, and a hint where one helps.
var errorForm = regexp.MustCompile(`\A(aws-credproc: warning: .*\n)*aws-credproc: .*\n(aws-credproc: hint: .*\n)?\z`)

// failed checks that r failed with this exit code, an empty stdout, and an error on stderr that holds every part.
func (r result) failed(t *testing.T, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if r.stdout != "" {
		t.Errorf("%d bytes on stdout, want none", len(r.stdout))
	}
	if !errorForm.MatchString(r.stderr) {
		t.Errorf("stderr is not an error and a hint:\n%s", r.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(r.stderr, part) {
			t.Errorf("stderr lacks %q:\n%s", part, r.stderr)
		}
	}
}

// startBeside starts a command that runs another beside a service, and returns what these variables hold in there. The
// service stays until the test is over: the inner command ends with its standard input, which also ends when the test's
// process does, however that happens.
func startBeside(t *testing.T, env, command []string, variables ...string) []string {
	t.Helper()
	inner := "printf '%s\\n' \"$" + strings.Join(variables, "\" \"$") + "\"; exec cat"
	cmd := exec.Command(command[0], append(command[1:], "sh", "-c", inner)...)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(hangLimit, func() { _ = cmd.Process.Kill() })
	stop := func() {
		_ = stdin.Close()
		kill.Reset(hangLimit)
		defer kill.Stop()
		_, _ = io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(command[0]), err, stderr.String())
		}
	}
	values := make([]string, 0, len(variables))
	lines := bufio.NewScanner(stdout)
	for len(values) < len(variables) && lines.Scan() {
		values = append(values, lines.Text())
	}
	kill.Stop()
	if len(values) < len(variables) {
		stop()
		t.Fatalf("%s did not start", filepath.Base(command[0]))
	}
	t.Cleanup(stop)
	return values
}

// A client is a program of AWS's that starts the helper by itself, as it reads a profile.
type client struct {
	name string
	// find skips the test where the client is not installed, and returns it.
	find func(t *testing.T) string
	// whoami returns the arguments with which it prints sts:GetCallerIdentity's answer for AWS_PROFILE.
	whoami func(t *testing.T, endpoint string) []string
}

var clients = []client{
	{"AWS CLI v1", python, func(_ *testing.T, _ string) []string {
		return []string{"-m", "awscli", "sts", "get-caller-identity", "--output", "json"}
	}},
	{"AWS CLI v2", cli2, func(_ *testing.T, endpoint string) []string {
		// Debian 12's does not know AWS_ENDPOINT_URL.
		return []string{"--endpoint-url", endpoint, "sts", "get-caller-identity", "--output", "json"}
	}},
	{"boto3", python, func(t *testing.T, _ string) []string {
		return []string{repoPath(t, "testdata", "e2e", "whoami.py"), "dev"}
	}},
	{"JavaScript v3", node, func(t *testing.T, _ string) []string {
		return []string{repoPath(t, "testdata", "e2e", "js", "whoami.js")}
	}},
}

// cli2 returns the AWS CLI v2, which is often not the first "aws" in PATH.
func cli2(t *testing.T) string {
	t.Helper()
	for _, aws := range []string{"/usr/bin/aws", "/usr/local/bin/aws"} {
		if out, err := exec.Command(aws, "--version").Output(); err == nil && strings.HasPrefix(string(out), "aws-cli/2.") {
			return aws
		}
	}
	need(t, false, "AWS CLI v2")
	return ""
}

// node returns node, which finds the AWS SDK for JavaScript through NODE_PATH.
func node(t *testing.T) string {
	t.Helper()
	need(t, exists(repoPath(t, "build", "js", "installed.json")), "AWS SDK for JavaScript")
	return repoPath(t, "build", "js", "node")
}

// newDev returns a home with the profiles base, which holds a user's keys, and dev, whose role that user may assume.
func newDev(t *testing.T) (*ststest.Server, *home) {
	t.Helper()
	s, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	role := roleARN("Dev")
	ann, err := s.AddUser(motoAccount, "ann", ststest.AllowAssume(role))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AddRole(ststest.Role{ARN: role, Trust: ststest.TrustPolicy(ann.ARN)}); err != nil {
		t.Fatal(err)
	}
	h := newHome(t, "AWS_ENDPOINT_URL_STS="+s.URL)
	h.write(t, "config", "[profile dev]\nrole_arn = "+role+"\nsource_profile = base\nregion = eu-west-1\n\n[profile base]\nregion = eu-west-1\n")
	h.write(t, "credentials", accessKey{ann.Key.ID, ann.Key.Secret}.section("base"))
	return s, h
}

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

const mfaSerial = "arn:aws:iam::" + motoAccount + ":mfa/jill"

// processesWith names the processes, but for this one, that have a text in their command line or environment.
func processesWith(t *testing.T, text string) (found []string) {
	t.Helper()
	for _, file := range []string{"cmdline", "environ"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), text) { // an error: it has ended meanwhile
				found = append(found, path)
			}
		}
	}
	return found
}

// motoAccount is the account that moto plays.
const motoAccount = "123456789012"

// A moto is a moto server that checks signatures and policies, and a home that may do anything there.
type moto struct {
	url   string
	admin *home
}

// A call is one call of boto3: service, operation, parameters.
type call [3]any

// params are the parameters of a call.
type params map[string]any

// accessKey is an IAM user's long-term key.
type accessKey struct {
	ID     string `json:"AccessKeyId"`
	Secret string `json:"SecretAccessKey"`
}

// env returns the variables that every SDK takes the key from.
func (k accessKey) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + k.ID, "AWS_SECRET_ACCESS_KEY=" + k.Secret}
}

// section returns the key as a section of the credentials file.
func (k accessKey) section(profile string) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, k.ID, k.Secret)
}

// startMoto starts moto and lets an administrator in, as the last who needs no permission.
func startMoto(t *testing.T) *moto {
	t.Helper()
	needCommands(t, "bash")
	need(t, exists(repoPath(t, "build", "venv", "installed.txt")) || hasPythonParts(t), "moto, boto3 or AWS CLI v1")
	url := startBeside(t, []string{"MOTO_NO_AUTH=3"}, []string{repoPath(t, "scripts", "with-moto.sh")}, "MOTO_URL")[0]
	m := &moto{url: url, admin: newHome(t, "AWS_ENDPOINT_URL="+url, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=nobody", "AWS_SECRET_ACCESS_KEY=nobody")}
	key := m.do(t, createUser("admin", allow("*", "*"))...).accessKey(t)
	m.admin = m.admin.with(key.env()...)
	return m
}

func hasPythonParts(t *testing.T) bool {
	return exec.Command(python(t), "-c", "import awscli, boto3, moto.server").Run() == nil
}

func python(t *testing.T) string { return repoPath(t, "build", "venv", "bin", "python") }

// answers are what the calls of one [moto.do] answered.
type answers []json.RawMessage

// do makes calls as the administrator.
func (m *moto) do(t *testing.T, calls ...call) answers {
	t.Helper()
	stdin, err := json.Marshal(calls)
	if err != nil {
		t.Fatal(err)
	}
	r := m.admin.runInput(t, string(stdin), python(t), repoPath(t, "testdata", "e2e", "calls.py"))
	var a answers
	if err := json.Unmarshal([]byte(r.stdout), &a); err != nil || r.code != 0 {
		t.Fatalf("moto: exit code %d\n%s", r.code, r.stderr)
	}
	return a
}

// accessKey returns the key that one of the calls made.
func (a answers) accessKey(t *testing.T) accessKey {
	t.Helper()
	for _, answer := range a {
		var created struct{ AccessKey accessKey }
		if err := json.Unmarshal(answer, &created); err == nil && created.AccessKey.ID != "" {
			return created.AccessKey
		}
	}
	t.Fatal("no access key was made")
	return accessKey{}
}

// allow returns a policy that allows an action on a resource.
func allow(action, resource string) string {
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": %q, "Resource": %q}]}`,
		action, resource)
}

// trust returns a trust policy for a principal; with an external ID, on condition of that.
func trust(principal, externalID string) string {
	condition := ""
	if externalID != "" {
		condition = fmt.Sprintf(`, "Condition": {"StringEquals": {"sts:ExternalId": %q}}`, externalID)
	}
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": %q}, `+
		`"Action": "sts:AssumeRole"%s}]}`, principal, condition)
}

// roleARN returns the ARN of a role, whose name includes its path.
func roleARN(name string) string { return "arn:aws:iam::" + motoAccount + ":role/" + name }

// userARN returns the ARN of a user.
func userARN(name string) string { return "arn:aws:iam::" + motoAccount + ":user/" + name }

// createUser makes a user with an inline policy, if one is given, and a key.
func createUser(name, policy string) []call {
	calls := []call{{"iam", "create_user", params{"UserName": name}}}
	if policy != "" {
		calls = append(calls, call{"iam", "put_user_policy",
			params{"UserName": name, "PolicyName": "inline", "PolicyDocument": policy}})
	}
	return append(calls, call{"iam", "create_access_key", params{"UserName": name}})
}

// deleteUser takes away what [createUser] with the same policy made.
func deleteUser(name, policy string, key accessKey) []call {
	calls := []call{{"iam", "delete_access_key", params{"UserName": name, "AccessKeyId": key.ID}}}
	if policy != "" {
		calls = append(calls, call{"iam", "delete_user_policy", params{"UserName": name, "PolicyName": "inline"}})
	}
	return append(calls, call{"iam", "delete_user", params{"UserName": name}})
}

// createRole makes a role with a trust policy and an inline policy; its name may begin with a path.
func createRole(name, trustPolicy, policy string) []call {
	path, name := splitPath(name)
	return []call{
		{"iam", "create_role", params{"RoleName": name, "Path": path, "AssumeRolePolicyDocument": trustPolicy}},
		{"iam", "put_role_policy", params{"RoleName": name, "PolicyName": "inline", "PolicyDocument": policy}},
	}
}

// deleteRole takes away what [createRole] made.
func deleteRole(name string) []call {
	_, name = splitPath(name)
	return []call{
		{"iam", "delete_role_policy", params{"RoleName": name, "PolicyName": "inline"}},
		{"iam", "delete_role", params{"RoleName": name}},
	}
}

// splitPath splits "MyApp/MyRole" into IAM's path "/MyApp/" and "MyRole".
func splitPath(name string) (path, base string) {
	i := strings.LastIndex(name, "/") + 1
	return "/" + name[:i], name[i:]
}

// wired returns a config file with two profiles: "dev", which starts the program for "dev-role", and "dev-role" with
// these settings beside its source profile "base".
func wired(program, settings string) string {
	return fmt.Sprintf("[profile dev]\ncredential_process = %s get dev-role\nregion = us-east-1\n\n"+
		"[profile dev-role]\nregion = us-east-1\nsource_profile = base\n%s\n", program, settings)
}

const (
	secretsName = "org.freedesktop.secrets"
	secretsPath = dbus.ObjectPath("/org/freedesktop/secrets")
	loginPath   = secretsPath + "/collection/login"
)
