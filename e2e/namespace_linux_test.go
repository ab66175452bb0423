package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"golang.org/x/sys/unix"
)

// init lets the test binary be the AWS SDK for Go in another namespace: it makes the call of a
// client and prints the ARN.
func init() {
	if os.Getenv("E2E_GO_WHOAMI") == "" {
		return
	}
	c, err := config.LoadDefaultConfig(context.Background())
	if err == nil {
		credentials, errRetrieve := c.Credentials.Retrieve(context.Background())
		err = errRetrieve
		_, _ = os.Stdout.WriteString(credentials.AccessKeyID + "\n")
	}
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// networks are two network namespaces that are joined, as containers on one network: creds has the
// addresses that SDKs accept.
type networks struct{ creds, app string }

func newNetworks(t *testing.T) networks {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: network namespaces need root")
	}
	needCommands(t, "ip")
	suffix := strings.ToLower(rand.Text()[:6])
	n := networks{"acp-creds-" + suffix, "acp-app-" + suffix}
	for _, name := range []string{n.creds, n.app} {
		ip(t, "netns", "add", name)
		t.Cleanup(func() { ip(t, "netns", "del", name) })
		ip(t, "-n", name, "link", "set", "lo", "up")
	}
	ip(t, "link", "add", "eth0", "netns", n.creds, "type", "veth", "peer", "name", "eth0",
		"netns", n.app)
	for _, a := range [][]string{
		{n.creds, "169.254.170.2/24"}, {n.creds, "169.254.170.23/24"}, {n.creds, "fd00:ec2::23/64"},
		{n.creds, "10.9.8.1/24"},
		{n.app, "169.254.170.9/24"}, {n.app, "fd00:ec2::9/64"}, {n.app, "10.9.8.2/24"},
	} {
		args := []string{"-n", a[0], "addr", "add", a[1], "dev", "eth0"}
		if strings.Contains(a[1], ":") {
			args = append(args, "nodad")
		}
		ip(t, args...)
	}
	for _, name := range []string{n.creds, n.app} {
		ip(t, "-n", name, "link", "set", "eth0", "up")
	}
	return n
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// forward makes an address of this namespace reachable at the same address of another one.
func forward(t *testing.T, namespace, address string) {
	t.Helper()
	f, err := os.Open(filepath.Join("/run/netns", namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	type result struct {
		l   net.Listener
		err error
	}
	opened := make(chan result)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine: it must run nothing else
		if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			opened <- result{nil, err}
			return
		}
		l, err := net.Listen("tcp4", address)
		opened <- result{l, err}
	}()
	r := <-opened
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { r.l.Close() })
	go func() {
		for {
			near, err := r.l.Accept()
			if err != nil {
				return // closed
			}
			far, err := net.Dial("tcp4", address)
			if err != nil {
				near.Close()
				continue
			}
			pipe := func(to, from net.Conn) {
				_, _ = io.Copy(to, from)
				to.Close()
				from.Close()
			}
			go pipe(far, near)
			go pipe(near, far)
		}
	}()
}

// runningEndpoint is a serve command that runs.
type runningEndpoint struct {
	cmd    *exec.Cmd
	url    string
	stderr *bytes.Buffer
}

// startEndpoint runs serve dev in a namespace.
func (h *home) startEndpoint(t *testing.T, namespace, program string, args ...string) runningEndpoint {
	t.Helper()
	return h.startIn(t, namespace, append([]string{program, "serve", "dev"}, args...))
}

// startIn runs a serve command in a namespace until it has printed the URL.
func (h *home) startIn(t *testing.T, namespace string, command []string) runningEndpoint {
	t.Helper()
	cmd := exec.Command("ip", append([]string{"netns", "exec", namespace}, command...)...)
	e := runningEndpoint{cmd: cmd, stderr: &bytes.Buffer{}}
	cmd.Env, cmd.Stderr = h.env, e.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stdout); e.url == ""; {
		if !lines.Scan() {
			t.Fatalf("serve has ended: %v\n%s", cmd.Wait(), e.stderr)
		}
		if url, ok := strings.CutPrefix(lines.Text(), "AWS_CONTAINER_CREDENTIALS_FULL_URI="); ok {
			e.url = url
		}
	}
	return e
}

// stop ends the command.
func (e runningEndpoint) stop(t *testing.T) {
	t.Helper()
	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := e.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM: %v", err)
	}
}

// TestE2EServeFromAnotherNamespace: clients in another network namespace get credentials at each
// address that SDKs accept, and none without the token or from another network.
func TestE2EServeFromAnotherNamespace(t *testing.T) {
	n := newNetworks(t)
	program := buildProgram(t)
	s, h := newDev(t)
	forward(t, n.creds, strings.TrimPrefix(s.URL, "http://"))
	token := filepath.Join(h.dir, "token")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	needCommands(t, "curl")
	other := filepath.Join(h.dir, "other")
	h.write(t, "other", "0123456789abcdef0123456789")
	clients := map[string][]string{
		"boto3":         {python(t), repoPath(t, "testdata", "e2e", "endpoint.py")},
		"JavaScript v3": {node(t), repoPath(t, "testdata", "e2e", "js", "endpoint.js")},
		"Go":            {self},
		"Java v2":       append([]string{java(t)}, javaArgs(t, "key")...),
	}
	for _, address := range []string{"169.254.170.2:80", "169.254.170.23:8080", "[fd00:ec2::23]:80"} {
		e := h.startEndpoint(t, n.creds, program, "--listen", address, "--token-file", token)
		app := newHome(t, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+e.url,
			"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+token, "AWS_REGION=eu-west-1", "E2E_GO_WHOAMI=1")
		want := h.run(t, program, "get", "dev").credentials(t, 0).AccessKeyId
		for name, command := range clients {
			out := app.ok(t, "ip", append([]string{"netns", "exec", n.app}, command...)...)
			if strings.TrimSpace(out) != want {
				t.Errorf("%s at %s: %q, want %q", name, address, out, want)
			}
			if !strings.HasSuffix(address, ":8080") { // once is enough
				continue
			}
			r := app.with("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+other).
				run(t, "ip", append([]string{"netns", "exec", n.app}, command...)...)
			if r.code == 0 || strings.TrimSpace(r.stdout) != "" {
				t.Errorf("%s with another token: exit code %d, %d bytes", name, r.code, len(r.stdout))
			}
		}
		curl := func(args ...string) result {
			return app.run(t, "ip", append([]string{"netns", "exec", n.app, "curl", "-sS", "-m", "30",
				"-w", "%{http_code}", "-g"}, args...)...)
		}
		for name, r := range map[string]result{
			"no token":    curl(e.url),
			"wrong token": curl("-H", "Authorization: 0123456789abcdef0123456789", e.url),
		} {
			if !strings.HasSuffix(r.stdout, "401") || strings.Contains(r.stdout, want) {
				t.Errorf("%s at %s: a response of %d bytes", name, address, len(r.stdout))
			}
		}
		secret, err := os.ReadFile(token)
		if err != nil {
			t.Fatal(err)
		}
		authorization := "Authorization: " + string(secret)
		if r := curl("-H", authorization, e.url); !strings.Contains(r.stdout, want) {
			t.Errorf("curl with the token: a response of %d bytes; %s", len(r.stdout), r.stderr)
		}
		if strings.HasPrefix(address, "[") {
			e.stop(t)
			continue
		}
		// The request comes from an address of another network of the same machine.
		r := curl("-H", authorization, "--interface", "10.9.8.2", e.url)
		if r.code == 0 || r.stdout != "000" {
			t.Errorf("from another network: a response of %d bytes", len(r.stdout))
		}
		e.stop(t)
	}
}

// TestE2EServeSidecar: containers that share a network namespace, and not the user. The AWS CLI
// makes a call with the credentials.
func TestE2EServeSidecar(t *testing.T) {
	other := newOtherUser(t)
	n := newNetworks(t)
	program := buildProgram(t)
	s, h := newDev(t)
	forward(t, n.creds, strings.TrimPrefix(s.URL, "http://"))
	token := filepath.Join(other.dir, "token")
	secret := strings.ToLower(rand.Text())
	if err := os.WriteFile(token, []byte(secret+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	needCommands(t, "setpriv", "env", "curl")
	asOther := []string{"netns", "exec", n.creds, "setpriv", "--reuid", other.name, "--clear-groups"}

	e := h.startEndpoint(t, n.creds, program, "--token-file", token)
	curl := []string{"curl", "-sS", "-m", "30", "-H", "Authorization: " + secret, e.url}
	if r := h.run(t, "ip", append(asOther, curl...)...); r.code == 0 || r.stdout != "" {
		t.Errorf("another user without --any-user gets a response of %d bytes", len(r.stdout))
	}
	e.stop(t)
	if text := e.stderr.String(); !strings.Contains(text, "closed a connection of user "+
		strconv.Itoa(int(other.uid))+"\naws-credproc: hint: use --any-user") {
		t.Errorf("stderr %s", text)
	}

	e = h.startEndpoint(t, n.creds, program, "--token-file", token, "--any-user")
	// The AWS CLI of Debian 12 does not support the token's file.
	whoami := append(asOther, "env",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI="+e.url, "AWS_CONTAINER_AUTHORIZATION_TOKEN="+secret,
		"HOME="+other.dir, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_REGION=eu-west-1", cli2(t), "--endpoint-url", s.URL, "sts", "get-caller-identity")
	if out := h.ok(t, "ip", whoami...); !strings.Contains(out, "assumed-role/Dev/") {
		t.Errorf("the AWS CLI: %s", out)
	}
	e.stop(t)
	if !exists(token) {
		t.Error("the token's file was deleted, which serve has not created")
	}
}
