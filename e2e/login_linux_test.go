package e2e_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"aws-credproc/internal/ssotest"
)

// identityCenter is an IAM Identity Center, and an STS that knows everybody, at AWS's own host
// names. They are reached through a proxy that trusts their certificate.
type identityCenter struct {
	*ssotest.Server
	env     []string // leads to the proxy
	browser *http.Client
}

func startIdentityCenter(t *testing.T) identityCenter {
	t.Helper()
	s := identityCenter{Server: ssotest.Start(ssotest.Settings{Consent: ssotest.Allow})}
	t.Cleanup(s.Close)
	const region = ".eu-west-3.amazonaws.com"
	certificate, text := selfSigned(t, "oidc"+region, "portal.sso"+region, "sts"+region)
	services := httptest.NewUnstartedServer(http.HandlerFunc(
		func(rw http.ResponseWriter, r *http.Request) {
			switch r.Host {
			case "sts" + region:
				callerIdentity(rw, r)
			case "oidc" + region, "portal.sso" + region:
				s.Handler().ServeHTTP(rw, r)
			default:
				http.NotFound(rw, r)
			}
		}))
	services.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	services.StartTLS()
	t.Cleanup(services.Close)
	proxy := startConnectProxy(t, services.Listener.Addr().String())
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	mustDo(t, os.WriteFile(bundle, text, 0o600))
	s.env = []string{"HTTPS_PROXY=" + proxy, "AWS_CA_BUNDLE=" + bundle, "DISPLAY=:1", "SSH_CONNECTION=",
		"AWS_REGION=eu-west-3", "AWS_DEFAULT_REGION=eu-west-3"}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	proxyURL, err := url.Parse(proxy)
	mustDo(t, err)
	s.browser = &http.Client{Transport: &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme == "http" { // the redirect to the program
				return nil, nil
			}
			return proxyURL, nil
		},
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
	return s
}

// selfSigned returns a certificate for hosts, and its PEM form.
func selfSigned(t *testing.T, hosts ...string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	mustDo(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: hosts, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	mustDo(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// startConnectProxy starts a proxy that connects every host to one address, and returns its URL.
func startConnectProxy(t *testing.T, address string) string {
	t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(rw, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		up, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		rw.WriteHeader(http.StatusOK)
		down, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			_ = up.Close() // the client sees that the connection ends
			return
		}
		go pipe(up, down)
		pipe(down, up)
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// pipe copies until one side ends, and closes both.
func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from) // the clients report what goes wrong
	_ = to.Close()
	_ = from.Close()
}

// login runs login in a home and visits the page that it prints.
func (s identityCenter) login(t *testing.T, h *home, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, append([]string{"login", "--no-browser"}, args...)...)
	cmd.Dir, cmd.Env = h.dir, h.env
	stderr, err := cmd.StderrPipe()
	mustDo(t, err)
	mustDo(t, cmd.Start())
	var log bytes.Buffer
	visited := false
	for lines := bufio.NewScanner(io.TeeReader(stderr, &log)); lines.Scan(); {
		page, ok := strings.CutPrefix(lines.Text(), "  https://")
		if !ok || visited {
			continue
		}
		visited = true
		response, err := s.browser.Get("https://" + page)
		mustDo(t, err)
		body, err := io.ReadAll(response.Body)
		mustDo(t, err)
		mustDo(t, response.Body.Close())
		if !strings.Contains(string(body), "You are signed in") {
			t.Errorf("page %s", body)
		}
	}
	if err := cmd.Wait(); err != nil || !visited {
		t.Fatalf("login: %v\n%s", err, log.String())
	}
}

// loginWithAWSCLI runs "aws sso login" and confirms its code.
func (s identityCenter) loginWithAWSCLI(t *testing.T, h *home) {
	t.Helper()
	polls := s.Calls("CreateToken")
	done := make(chan result, 1)
	go func() { done <- h.run(t, cli2(t), "sso", "login", "--sso-session", "corp", "--no-browser") }()
	for s.Calls("CreateToken") == polls {
		select {
		case r := <-done:
			t.Fatalf("aws sso login: exit %d\n%s", r.code, r.stderr)
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.Allow()
	if r := <-done; r.code != 0 {
		t.Fatalf("aws sso login: %s", r.stderr)
	}
}

// TestE2ESignInIsShared: from an empty home, four commands lead to 2,000 profiles that every client
// uses. The AWS CLI and boto3 use the token of login, and this program uses that of "aws sso login".
// A sign-out by one signs out all.
func TestE2ESignInIsShared(t *testing.T) {
	need(t, hasPythonParts(t), "build/venv")
	program := buildProgram(t)
	s := startIdentityCenter(t)
	var accounts []ssotest.Account
	for i := range 400 {
		accounts = append(accounts, ssotest.Account{
			ID: fmt.Sprintf("%012d", 123_456_789_012+i), Name: fmt.Sprintf("Account %d", i),
			Roles: []string{"Admin", "Billing", "Dev", "Ops", "ReadOnly"},
		})
	}
	s.SetAccounts(accounts...)
	h := newHome(t, s.env...)
	s.login(t, h, program, "--sso-session", "corp", "--sso-region", "eu-west-3",
		"--sso-start-url", "https://example.awsapps.com/start")
	h.ok(t, program, "setup", "--sso-session", "corp", "--region", "eu-west-3", "--yes")

	const wired, direct = "Account-399-Dev", "Account-399-Dev-sso"
	want := h.run(t, program, "get", direct).credentials(t, 0)
	t.Logf("get with 4,000 sections: %s", h.run(t, program, "get", direct).took)
	// A small config, since the AWS CLI takes seconds to read the other one.
	h.write(t, "small", "[profile direct]\nsso_session = corp\nsso_account_id = 123456789411\n"+
		"sso_role_name = Dev\n[sso-session corp]\nsso_region = eu-west-3\n"+
		"sso_start_url = https://example.awsapps.com/start\n")
	small := h.with("AWS_CONFIG_FILE=" + h.path("small"))
	boto3 := repoPath(t, "testdata", "e2e", "credentials.py")
	for _, c := range []struct {
		home    *home
		profile string
		command []string
	}{
		{h, wired, []string{cli2(t), "sts", "get-caller-identity", "--profile"}},
		{h, wired, []string{python(t), boto3}},
		// These read the token themselves.
		{small, "direct", []string{cli2(t), "sts", "get-caller-identity", "--profile"}},
		{small, "direct", []string{python(t), boto3}},
		{small, "direct", []string{python(t), "-m", "awscli", "sts", "get-caller-identity", "--profile"}},
	} {
		out := c.home.ok(t, c.command[0], append(c.command[1:], c.profile)...)
		if strings.Contains(out, "problem") {
			t.Errorf("%s %s: %s", c.command, c.profile, out)
		}
	}
	js := h.ok(t, node(t), repoPath(t, "testdata", "e2e", "js", "credentials.js"), wired)
	if !strings.Contains(js, want.AccessKeyId) {
		t.Errorf("JavaScript: %s", js)
	}
	if key := goKey(t, h, wired); key != want.AccessKeyId {
		t.Errorf("Go: %s", key)
	}

	small.ok(t, cli2(t), "sso", "logout")
	h.run(t, program, "get", "Account-1-Dev").failed(t, 3, "not signed in",
		"hint: aws-credproc login --sso-session corp\n")
	s.loginWithAWSCLI(t, small)
	h.run(t, program, "get", "Account-1-Dev").credentials(t, 0)
	h.ok(t, program, "logout", "--sso-session", "corp")
	out := small.ok(t, python(t), boto3, "direct")
	if !strings.Contains(out, "problem") {
		t.Errorf("boto3 after logout: %s", out)
	}
	h.run(t, program, "get", wired).failed(t, 3, "not signed in")
}

// goKey returns the access key that the AWS SDK for Go gets for a profile.
func goKey(t *testing.T, h *home, profile string) string {
	t.Helper()
	for _, v := range h.env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile(profile))
	mustDo(t, err)
	c, err := cfg.Credentials.Retrieve(t.Context())
	mustDo(t, err)
	return c.AccessKeyID
}
