package e2e_test

// The end-to-end tests: the built program, started by the clients that people use, against real services on loopback.
// scripts/setup.sh installs what they need beside Go; a test whose parts are not there is skipped, or fails with CI=true.
// Their names start with TestE2E, by which scripts/test.sh finds them.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
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
