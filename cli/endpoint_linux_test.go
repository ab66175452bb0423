package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// endpointCommand is a serve command that runs.
type endpointCommand struct {
	servedCommand
	variables map[string]string // of each profile, as "PROFILE NAME"
	output    string
	tokenFile string
}

// startEndpoint runs serve until it has printed the variables of n profiles.
func (h helper) startEndpoint(t *testing.T, n int, args ...string) *endpointCommand {
	t.Helper()
	e := &endpointCommand{variables: map[string]string{}}
	e.cmd = h.command(t, append([]string{"serve"}, args...)...)
	e.cmd.Stderr = &e.stderr
	stdout, err := e.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in, profile := bufio.NewReader(stdout), ""
	for range 4 * n { // a comment, the URL, the token's file, and the account
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%v; %v; stderr %s", err, e.cmd.Wait(), e.stderr.String())
		}
		e.output += line
		if name, isComment := strings.CutPrefix(line, "# "); isComment {
			profile = strings.TrimSpace(name)
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		e.variables[profile+" "+name] = value
	}
	e.use(t, strings.Fields(args[0])[0])
	return e
}

// use makes ask request the credentials of a profile.
func (e *endpointCommand) use(t *testing.T, profile string) {
	t.Helper()
	e.url = e.variables[profile+" AWS_CONTAINER_CREDENTIALS_FULL_URI"]
	e.tokenFile = e.variables[profile+" AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
	token, err := os.ReadFile(e.tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	e.token = strings.TrimSpace(string(token))
}

// exitCodeOf returns the exit code of a command that has ended with err, or -1 if it has not run.
func exitCodeOf(err error) int {
	if err == nil {
		return 0
	}
	if e := (*exec.ExitError)(nil); errors.As(err, &e) {
		return e.ExitCode()
	}
	return -1
}

// stop ends the command with a signal and returns its stderr.
func (e *endpointCommand) stop(t *testing.T, s os.Signal) (stderr string) {
	t.Helper()
	if err := e.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Wait(); err != nil {
		t.Errorf("%s: %v", s, err)
	}
	return e.stderr.String()
}

// TestServeSeveralProfiles: each profile has its path, and the end by a signal is a success.
func TestServeSeveralProfiles(t *testing.T) {
	for _, end := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := startSTS(t)
		h := newHelper(t, s)
		temporary := t.TempDir()
		h.env = append(h.env, "TMPDIR="+temporary)
		h.setting(t, "\n[profile other/one]\nrole_arn = "+testRole+"\nsource_profile = base\n"+
			"role_session_name = other")
		e := h.startEndpoint(t, 2, "dev", "other/one", "dev")
		dev := e.ask(t)
		if calls := s.Calls("AssumeRole"); calls != 2 || dev.status != 200 {
			t.Errorf("%d calls, %+v", calls, dev)
		}
		if strings.Contains(e.output, e.token) {
			t.Error("the token is printed")
		}
		if got := e.variables["dev AWS_ACCOUNT_ID"]; got != testAccount {
			t.Errorf("account %q", got)
		}
		wrong := servedCommand{url: e.url, token: "wrong"}
		if g := wrong.ask(t); g.status != 401 {
			t.Errorf("without the token: %+v", g)
		}
		wrong = servedCommand{url: strings.TrimSuffix(e.url, "/dev"), token: e.token}
		if g := wrong.ask(t); g.status != 404 {
			t.Errorf("without a path: %+v", g)
		}
		e.use(t, "other/one")
		if g := e.ask(t); g.status != 200 || g.AccessKeyId == dev.AccessKeyId {
			t.Errorf("the other profile: %+v", g)
		}
		if stderr := e.stop(t, end); stderr != "" {
			t.Errorf("stderr %s", stderr)
		}
		if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
			t.Errorf("remaining files: %v (%v)", left, err)
		}
	}
}

// TestServeTokenFile: one that exists is read, another one is created and deleted.
func TestServeTokenFile(t *testing.T) {
	h := newHelper(t, startSTS(t))
	file := filepath.Join(h.dir, "token")
	e := h.startEndpoint(t, 1, "dev", "--token-file", file)
	info, err := os.Stat(file)
	if err != nil || info.Mode() != 0o600 || e.tokenFile != file {
		t.Errorf("%v, %v, printed %s", info, err, e.tokenFile)
	}
	if g := e.ask(t); g.status != 200 {
		t.Errorf("%+v", g)
	}
	e.stop(t, syscall.SIGTERM)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the token's file is left behind (%v)", err)
	}

	const token = "0123456789abcdef0123456789abcdef"
	if err := os.WriteFile(file, []byte(token+"\n"), 0o444); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is the same after a restart
		e = h.startEndpoint(t, 1, "dev", "--token-file", file)
		if g := e.ask(t); g.status != 200 || e.token != token {
			t.Errorf("%+v", g)
		}
		e.stop(t, syscall.SIGTERM)
	}

	for name, test := range map[string]struct {
		content string
		mode    os.FileMode
		problem string
	}{
		"empty":          {"", 0o600, "not a token"},
		"short":          {"0123456789abcde", 0o600, "not a token"},
		"two lines":      {token + "\n" + token, 0o600, "not a token"},
		"a control":      {token + "\x1b[2J", 0o600, "not a token"},
		"long":           {strings.Repeat("x", 2000), 0o600, "larger than"},
		"others' to set": {token, 0o666, "every user can write to it"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, test.mode); err != nil {
				t.Fatal(err)
			}
			stdout, stderr, err := h.run(t, "serve", "dev", "--token-file", file)
			code := exitCodeOf(err)
			if stdout != "" || code != 1 || !strings.Contains(stderr, test.problem) ||
				strings.Contains(stderr, "\x1b") || strings.Contains(stderr, token) {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("the file was deleted: %v", err)
			}
		})
	}
}

// TestServeListen: on IPv6, and where it cannot listen.
func TestServeListen(t *testing.T) {
	h := newHelper(t, startSTS(t))
	e := h.startEndpoint(t, 1, "dev", "--listen", "[::1]:0")
	if g := e.ask(t); g.status != 200 || !strings.HasPrefix(e.url, "http://[::1]:") {
		t.Errorf("%s: %+v", e.url, g)
	}
	e.stop(t, syscall.SIGTERM)

	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, test := range map[string]struct {
		code    int
		message string
	}{
		"0.0.0.0:0":             {2, "0.0.0.0 is not an address that SDKs accept"},
		"192.0.2.1:80":          {2, "is not an address that SDKs accept"},
		"169.254.169.254:80":    {2, "is not an address that SDKs accept"},
		"[fe80::1%lo]:80":       {2, "is not an address that SDKs accept"},
		"localhost:1":           {2, "not an IP address and a port"},
		"127.0.0.1":             {2, "not an IP address and a port"},
		"":                      {2, "not an IP address and a port"},
		taken.Addr().String():   {1, "another program listens there\naws-credproc: hint: use another"},
		"169.254.170.2:9911":    {1, "hint: add it: ip addr add 169.254.170.2/32 dev lo"},
		"[fd00:ec2::23]:9911":   {1, "hint: add it: ip addr add fd00:ec2::23/128 dev lo"},
		"[::ffff:127.0.0.1%x]:": {2, "not an IP address and a port"},
	} {
		stdout, stderr, err := h.run(t, "serve", "dev", "--listen", address)
		code := exitCodeOf(err)
		if stdout != "" || code != test.code || !strings.Contains(stderr, test.message) {
			t.Errorf("%s: exit %d: %s%s", address, code, stdout, stderr)
		}
	}
}

// TestServeFailsAtTheStart: before the endpoint is open, where the profile has no credentials.
func TestServeFailsAtTheStart(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.env = append(h.env, "AWS_CREDPROC_PROMPT=none")
	h.setting(t, "mfa_serial = arn:aws:iam::"+testAccount+":mfa/jill\n[profile bad]\nrole_arn = x")
	for profile, code := range map[string]int{"dev": 3, "bad": 1, "missing": 1, "": 2} {
		stdout, stderr, err := h.run(t, "serve", "base", profile)
		if got := exitCodeOf(err); got != code || stdout != "" {
			t.Errorf("%s: exit %d, want %d: %s%s", profile, got, code, stdout, stderr)
		}
	}
}

// TestServeEndsIfItsReaderHasGone: nothing can use an endpoint whose address was not printed.
func TestServeEndsIfItsReaderHasGone(t *testing.T) {
	h := newHelper(t, startSTS(t))
	cmd := h.command(t, "serve", "dev")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = w, io.Writer(&stderr)
	err = cmd.Run()
	w.Close()
	if exitCodeOf(err) != 1 ||
		!strings.Contains(stderr.String(), "write to stdout") {
		t.Errorf("%v: %s", err, stderr.String())
	}
}
