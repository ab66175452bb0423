package e2e_test

// End-to-end tests run the built program, often started by AWS clients, against real services on
// this machine. scripts/setup.sh installs what they need. A test is skipped, or fails with CI=true,
// if something is not installed. scripts/test.sh finds the tests by the prefix TestE2E.

import (
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

	"aws-credproc/internal/ststest"
)

// hangLimit is how long a test waits before it fails. Nothing takes nearly as long.
const hangLimit = 60 * time.Second

// need skips the test if something is not installed. With CI=true it fails the test.
func need(t *testing.T, ok bool, part string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not installed (run scripts/setup.sh)", part)
	default:
		t.Skipf("SKIPPED: %s is not installed (run scripts/setup.sh)", part)
	}
}

// needCommands is [need] for commands on the PATH.
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

// exists reports whether a file exists.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// buildProgram builds the program and returns its path.
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

// home is a user's home directory and environment.
type home struct {
	dir string
	env []string // as in os.Environ
}

// newHome returns a home with an empty ~/.aws directory and these additional variables.
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

// with returns the same home with these variables. They override earlier ones.
func (h *home) with(env ...string) *home {
	return &home{dir: h.dir, env: append(h.env[:len(h.env):len(h.env)], env...)}
}

func (h *home) path(name string) string { return filepath.Join(h.dir, ".aws", name) }

// write writes a file in ~/.aws.
func (h *home) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// result is the result of a process.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// run runs a command with empty stdin.
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
		t.Fatalf("%s %s: %v\n%s",
			filepath.Base(name), strings.Join(args, " "), err, stderr.String())
	}
	return result{
		stdout.String(), wineError.ReplaceAllString(stderr.String(), ""),
		cmd.ProcessState.ExitCode(), time.Since(start),
	}
}

// wineError matches a message that Wine sometimes prints when a program has ended.
var wineError = regexp.MustCompile(`(?m)^wine client error:.*\n`)

// ok runs a command that must succeed, and returns its stdout.
func (h *home) ok(t *testing.T, name string, args ...string) string {
	t.Helper()
	r := h.run(t, name, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s",
			filepath.Base(name), strings.Join(args, " "), r.code, r.stderr)
	}
	return r.stdout
}

// processOutput is the output of a credential_process, see
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
type processOutput struct {
	Version                                               int
	AccessKeyId, SecretAccessKey, SessionToken, AccountId string
	Expiration                                            time.Time
}

// credentials checks that the process printed credentials, and this number of warnings on stderr.
// It does not print secrets.
func (r result) credentials(t *testing.T, warnings int) processOutput {
	t.Helper()
	var out processOutput
	if err := json.Unmarshal([]byte(r.stdout), &out); r.code != 0 || err != nil {
		t.Fatalf("exit code %d, %d bytes on stdout (%v), want credentials\n%s",
			r.code, len(r.stdout), err, r.stderr)
	}
	if out.Version != 1 || out.AccessKeyId == "" || out.SecretAccessKey == "" ||
		out.SessionToken == "" {
		t.Fatalf("incomplete credentials: version %d, access key ID %q", out.Version, out.AccessKeyId)
	}
	if !out.Expiration.After(time.Now()) {
		t.Errorf("expiration %s is not in the future", out.Expiration)
	}
	n := strings.Count(r.stderr, "\n") - strings.Count(r.stderr, "aws-credproc: hint: ")
	if n != warnings {
		t.Errorf("%d warnings on stderr, want %d:\n%s", n, warnings, r.stderr)
	}
	return out
}

// errorForm is the form of an error: the problem and an optional hint, after any warnings.
var errorForm = regexp.MustCompile(
	`\A(aws-credproc: warning: .*\n)*aws-credproc: .*\n(aws-credproc: hint: .*\n)?\z`)

// failed checks that the process failed with this exit code, an empty stdout, and an error on
// stderr that contains all parts.
func (r result) failed(t *testing.T, code int, parts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	if r.stdout != "" {
		t.Errorf("%d bytes on stdout, want none", len(r.stdout))
	}
	if !errorForm.MatchString(r.stderr) {
		t.Errorf("stderr does not have the form of an error:\n%s", r.stderr)
	}
	for _, part := range parts {
		if !strings.Contains(r.stderr, part) {
			t.Errorf("stderr does not contain %q:\n%s", part, r.stderr)
		}
	}
}

// startService starts a command that starts a service and runs another command, and returns the
// values of these environment variables of the inner command. The inner command ends when its stdin
// is closed: at the end of the test, or when the process of the test is killed.
func startService(t *testing.T, env, command []string, variables ...string) []string {
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

// client is an AWS CLI or SDK that starts the program as a credential_process.
type client struct {
	name string
	// find returns the client's path. It skips the test if the client is not installed.
	find func(t *testing.T) string
	// whoami returns the arguments for printing the result of GetCallerIdentity for AWS_PROFILE.
	whoami func(t *testing.T, endpoint string) []string
}

var clients = []client{
	{"AWS CLI v1", python, func(_ *testing.T, _ string) []string {
		return []string{"-m", "awscli", "sts", "get-caller-identity", "--output", "json"}
	}},
	{"AWS CLI v2", cli2, func(_ *testing.T, endpoint string) []string {
		// The version in Debian 12 does not support AWS_ENDPOINT_URL.
		return []string{
			"--endpoint-url", endpoint, "sts", "get-caller-identity", "--output", "json",
		}
	}},
	{"boto3", python, func(t *testing.T, _ string) []string {
		return []string{repoPath(t, "testdata", "e2e", "whoami.py"), "dev"}
	}},
	{"JavaScript v3", node, func(t *testing.T, _ string) []string {
		return []string{repoPath(t, "testdata", "e2e", "js", "whoami.js")}
	}},
	{"Java v2", java, func(t *testing.T, _ string) []string { return javaArgs(t) }},
}

// cli2 returns AWS CLI v2, which is often not the first "aws" on the PATH.
func cli2(t *testing.T) string {
	t.Helper()
	for _, aws := range []string{"/usr/bin/aws", "/usr/local/bin/aws"} {
		cmd := exec.Command(aws, "--version")
		cmd.Env = append(os.Environ(), "AWS_CONFIG_FILE="+os.DevNull) // it refuses a faulty one
		out, err := cmd.Output()
		if err == nil && strings.HasPrefix(string(out), "aws-cli/2.") {
			return aws
		}
	}
	need(t, false, "AWS CLI v2")
	return ""
}

// node returns node. NODE_PATH has the AWS SDK for JavaScript.
func node(t *testing.T) string {
	t.Helper()
	need(t, exists(repoPath(t, "build", "js", "installed.json")), "AWS SDK for JavaScript")
	return repoPath(t, "build", "js", "node")
}

// java returns java. The arguments are those of javaArgs.
func java(t *testing.T) string {
	t.Helper()
	need(t, exists(repoPath(t, "build", "java", "installed.txt")), "AWS SDK for Java")
	path, err := exec.LookPath("java")
	need(t, err == nil, "java")
	return path
}

// javaArgs returns the arguments of java for the program testdata/e2e/java/Whoami.java.
func javaArgs(t *testing.T, args ...string) []string {
	t.Helper()
	classes := repoPath(t, "build", "java")
	path := classes + string(filepath.ListSeparator) + filepath.Join(classes, "*")
	// It runs for a second: the compiler for programs that run longer would take half of that.
	return append([]string{"-XX:TieredStopAtLevel=1", "-cp", path, "Whoami"}, args...)
}

// newDev returns a home with two profiles: base has the keys of a user, dev a role that the user
// may assume.
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
	h.write(t, "config", "[profile dev]\nrole_arn = "+role+"\nsource_profile = base\n"+
		"region = eu-west-1\n\n[profile base]\nregion = eu-west-1\n")
	h.write(t, "credentials", accessKey{ann.Key.ID, ann.Key.Secret}.section("base"))
	return s, h
}

// secretService is a gnome-keyring of the test, empty and unlocked at first.
type secretService struct {
	env []string // variables for its clients
	pid string
	bus *dbus.Conn
}

func startSecretService(t *testing.T) secretService {
	t.Helper()
	needCommands(t, "bash", "dbus-run-session", "gnome-keyring-daemon", "gdbus", "secret-tool")
	v := startService(t, nil, []string{repoPath(t, "scripts", "with-secret-service.sh")},
		"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "GNOME_KEYRING_PID")
	env := []string{"DBUS_SESSION_BUS_ADDRESS=" + v[0], "XDG_RUNTIME_DIR=" + v[1]}
	return secretService{env, v[2], connectBus(t, v[0])}
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

// lock locks the keyring.
func (s secretService) lock(t *testing.T) {
	t.Helper()
	err := s.bus.Object(secretsName, secretsPath).
		Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{loginPath}).Err
	if err != nil || !s.locked(t) {
		t.Fatalf("lock the keyring: %v", err)
	}
}

// unlock unlocks the keyring with its password, without a prompt.
func (s secretService) unlock(t *testing.T) {
	t.Helper()
	var (
		none    dbus.Variant
		session dbus.ObjectPath
		service = s.bus.Object(secretsName, secretsPath)
	)
	const (
		open   = "org.freedesktop.Secret.Service.OpenSession"
		unlock = "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface.UnlockWithMasterPassword"
	)
	err := service.Call(open, 0, "plain", dbus.MakeVariant("")).Store(&none, &session)
	if err != nil {
		t.Fatal(err)
	}
	err = service.Call(unlock, 0, loginPath, ss.NewSecret(session, "password")).Err
	if err != nil || s.locked(t) {
		t.Fatalf("unlock the keyring: %v", err)
	}
}

// clients returns the number of connections to the bus.
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
	locked, err := s.bus.Object(secretsName, loginPath).
		GetProperty("org.freedesktop.Secret.Collection.Locked")
	if err != nil {
		t.Fatal(err)
	}
	return locked.Value() == true
}

// keyringTest is a home with the profile dev-role, whose STS counts calls.
type keyringTest struct {
	*home
	program string
	sts     *ststest.Server
	user    *ststest.User
	calls   int // of AssumeRole at the last check
}

// secondRole is another role that the user may assume.
const secondRole = "role/Second"

func newKeyringTest(t *testing.T, program string, env ...string) *keyringTest {
	t.Helper()
	sts, user := startSTS(t)
	// setup and import warn if the program is not on the PATH.
	path := "PATH=" + filepath.Dir(program) + string(filepath.ListSeparator) + os.Getenv("PATH")
	h := newHome(t, env...).with("AWS_CREDPROC_STORE=keyring", "NO_COLOR=1", path)
	k := &keyringTest{h, program, sts, user, 0}
	k.write(t, "credentials", accessKey{user.Key.ID, user.Key.Secret}.section("base"))
	k.write(t, "config", k.config("eu-west-1", "role/Dev", "", sts.URL))
	return k
}

// startSTS starts an STS with a user who may assume role/Dev and role/Second.
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
	settings := "role_arn = arn:aws:iam::" + motoAccount + ":" + role + "\n" +
		"endpoint_url = " + endpoint + "\n"
	if externalID != "" {
		settings += "external_id = " + externalID + "\n"
	}
	return "[profile dev-role]\nregion = " + region + "\nsource_profile = base\n" + settings
}

// get runs "get dev-role" and checks the credentials and the numbers of warnings and of AssumeRole
// calls.
func (k *keyringTest) get(t *testing.T, warnings, calls int) processOutput {
	t.Helper()
	out := k.run(t, k.program, "get", "dev-role").credentials(t, warnings)
	k.called(t, calls)
	return out
}

// called checks the number of AssumeRole calls since the last check.
func (k *keyringTest) called(t *testing.T, want int) {
	t.Helper()
	n := k.sts.Calls("AssumeRole")
	if n-k.calls != want {
		t.Errorf("%d AssumeRole calls, want %d", n-k.calls, want)
	}
	k.calls = n
}

// items returns the number of keyring items of the program. It does not print them.
func (k *keyringTest) items(t *testing.T) int {
	t.Helper()
	out := k.ok(t, "secret-tool", "search", "--all", "service", "aws-credproc")
	return strings.Count("\n"+out, "\n[/")
}

// forgetKernelKey deletes the kernel key of a home. It is set on Linux.
var forgetKernelKey = func(*testing.T, *home) {}

// newSessions returns the store for new sessions, and why auto has chosen it.
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

// signal sends a signal to a process.
func signal(t *testing.T, name, pid string) {
	t.Helper()
	if out, err := exec.Command("kill", "-"+name, pid).CombinedOutput(); err != nil {
		t.Errorf("kill -%s: %v: %s", name, err, out)
	}
}

const mfaSerial = "arn:aws:iam::" + motoAccount + ":mfa/jill"

// processesWith returns the /proc files of command lines and environments with this text.
func processesWith(t *testing.T, text string) (found []string) {
	t.Helper()
	for _, file := range []string{"cmdline", "environ"} {
		paths, err := filepath.Glob("/proc/[0-9]*/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path) // fails if the process has ended
			if err == nil && strings.Contains(string(b), text) {
				found = append(found, path)
			}
		}
	}
	return found
}

// motoAccount is the account of moto.
const motoAccount = "123456789012"

// moto is a moto server that checks signatures and policies.
type moto struct {
	url   string
	admin *home // with the keys of a user who is allowed everything
}

// call is a call with boto3: service, operation and parameters.
type call [3]any

// params are the parameters of a call.
type params map[string]any

// accessKey is the access key of an IAM user.
type accessKey struct {
	ID     string `json:"AccessKeyId"`
	Secret string `json:"SecretAccessKey"`
}

// env returns the environment variables with the key.
func (k accessKey) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + k.ID, "AWS_SECRET_ACCESS_KEY=" + k.Secret}
}

// section returns the key as a section of the credentials file.
func (k accessKey) section(profile string) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		profile, k.ID, k.Secret)
}

// startMoto starts moto and creates a user who is allowed everything. moto does not check the
// permissions of its first calls.
func startMoto(t *testing.T) *moto {
	t.Helper()
	needCommands(t, "bash")
	installed := exists(repoPath(t, "build", "venv", "installed.txt")) || hasPythonParts(t)
	need(t, installed, "moto, boto3 or AWS CLI v1")
	url := startService(t, []string{"MOTO_NO_AUTH=3"},
		[]string{repoPath(t, "scripts", "with-moto.sh")}, "MOTO_URL")[0]
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

// answers are the results of calls.
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

// accessKey returns the access key that one of the calls created.
func (a answers) accessKey(t *testing.T) accessKey {
	t.Helper()
	for _, answer := range a {
		var created struct{ AccessKey accessKey }
		if err := json.Unmarshal(answer, &created); err == nil && created.AccessKey.ID != "" {
			return created.AccessKey
		}
	}
	t.Fatal("no access key was created")
	return accessKey{}
}

// allow returns a policy that allows an action on a resource.
func allow(action, resource string) string {
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [`+
		`{"Effect": "Allow", "Action": %q, "Resource": %q}]}`, action, resource)
}

// trust returns a trust policy for a principal. It may require an external ID.
func trust(principal, externalID string) string {
	condition := ""
	if externalID != "" {
		condition = fmt.Sprintf(`, "Condition": {"StringEquals": {"sts:ExternalId": %q}}`, externalID)
	}
	return fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", `+
		`"Principal": {"AWS": %q}, "Action": "sts:AssumeRole"%s}]}`, principal, condition)
}

// roleARN returns the ARN of a role. The name may have a path.
func roleARN(name string) string { return "arn:aws:iam::" + motoAccount + ":role/" + name }

// userARN returns the ARN of a user.
func userARN(name string) string { return "arn:aws:iam::" + motoAccount + ":user/" + name }

// createUser returns the calls that create a user with a key and, optionally, an inline policy.
func createUser(name, policy string) []call {
	calls := []call{{"iam", "create_user", params{"UserName": name}}}
	if policy != "" {
		calls = append(calls, call{"iam", "put_user_policy",
			params{"UserName": name, "PolicyName": "inline", "PolicyDocument": policy}})
	}
	return append(calls, call{"iam", "create_access_key", params{"UserName": name}})
}

// deleteUser returns the calls that undo [createUser].
func deleteUser(name, policy string, key accessKey) []call {
	calls := []call{{"iam", "delete_access_key", params{"UserName": name, "AccessKeyId": key.ID}}}
	if policy != "" {
		calls = append(calls, call{"iam", "delete_user_policy",
			params{"UserName": name, "PolicyName": "inline"}})
	}
	return append(calls, call{"iam", "delete_user", params{"UserName": name}})
}

// createRole returns the calls that create a role with a trust policy and an inline policy. The
// name may have a path.
func createRole(name, trustPolicy, policy string) []call {
	path, name := splitPath(name)
	return []call{
		{"iam", "create_role", params{
			"RoleName": name, "Path": path, "AssumeRolePolicyDocument": trustPolicy,
		}},
		{"iam", "put_role_policy", params{
			"RoleName": name, "PolicyName": "inline", "PolicyDocument": policy,
		}},
	}
}

// deleteRole returns the calls that undo [createRole].
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

// wired returns a config file with the profile dev, which starts the program for dev-role, and the
// profile dev-role with source profile base and these settings.
func wired(program, settings string) string {
	return fmt.Sprintf("[profile dev]\ncredential_process = %s get dev-role\nregion = us-east-1\n\n"+
		"[profile dev-role]\nregion = us-east-1\nsource_profile = base\n%s\n", program, settings)
}

const (
	secretsName = "org.freedesktop.secrets"
	secretsPath = dbus.ObjectPath("/org/freedesktop/secrets")
	loginPath   = secretsPath + "/collection/login"
)
