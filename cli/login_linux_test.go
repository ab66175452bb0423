package cli

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ssotest"
	"aws-credproc/internal/terminal/ptytest"
)

// signInHelper is a helper with an IAM Identity Center, and a browser that the test follows: its
// command writes the URL to a file.
type signInHelper struct {
	helper
	*ssotest.Server
}

// corpConfig has two profiles of one SSO session, and one in the older form.
const corpConfig = `[profile dev]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Dev
[profile ops]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Ops
[profile older]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-west-3
sso_account_id = 123456789012
sso_role_name = Dev
[sso-session corp]
sso_region = eu-west-3
sso_start_url = https://example.awsapps.com/start
sso_registration_scopes = sso:account:access
`

func newSignInHelper(t *testing.T, settings ssotest.Settings) signInHelper {
	t.Helper()
	h := signInHelper{newHelper(t, startSTS(t)), ssotest.Start(settings)}
	t.Cleanup(h.Close)
	h.SetAccounts(ssotest.Account{ID: testAccount, Name: "Main", Roles: []string{"Dev", "Ops"}})
	bin := filepath.Join(h.dir, "bin")
	const browser = "#!/bin/sh\necho \"$1\" >url.tmp && mv url.tmp url\n"
	for path, text := range map[string]string{
		filepath.Join(bin, "xdg-open"): browser,
		filepath.Join(h.dir, "config"): corpConfig,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.env = append(h.env, "HOME="+h.dir, "PATH="+bin+":"+h.dir+":/usr/bin:/bin", "DISPLAY=:1", "SSH_CONNECTION=",
		"SSH_TTY=", "AWS_ENDPOINT_URL_SSO="+h.URL, "AWS_ENDPOINT_URL_SSO_OIDC="+h.URL,
		"AWS_MAX_ATTEMPTS=1")
	return h
}

// start starts the program at a terminal, in the helper's directory. wait returns its output.
func (h signInHelper) start(
	t *testing.T, args ...string,
) (cmd *exec.Cmd, wait func() (stdout, stderr string, err error)) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd = h.command(t, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.dir, &stdout, &stderr
	ptytest.New(t).Start(cmd)
	return cmd, func() (string, string, error) {
		err := cmd.Wait()
		return stdout.String(), stderr.String(), err
	}
}

// openedURL returns the URL that the browser was started with.
func (h signInHelper) openedURL(t *testing.T) string {
	t.Helper()
	path := filepath.Join(h.dir, "url")
	waitFor(t, "the browser", func() bool { _, err := os.Stat(path); return err == nil })
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// visit opens a URL as a browser does, and returns the page at the end.
func visit(t *testing.T, url string) (status int, page string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// tokenFile returns the path of the token of a session or start URL.
func (h signInHelper) tokenFile(key string) string {
	sum := sha1.Sum([]byte(key))
	return filepath.Join(h.dir, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
}

// token returns the content of the token file.
func (h signInHelper) token(t *testing.T, key string) map[string]string {
	t.Helper()
	b, err := os.ReadFile(h.tokenFile(key))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(h.tokenFile(key))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	var token map[string]string
	if err := json.Unmarshal(b, &token); err != nil {
		t.Fatal(err)
	}
	return token
}

// checkToken checks the members of a token file, and that nothing else is in its directory.
func (h signInHelper) checkToken(t *testing.T, key string, want ...string) {
	t.Helper()
	token := h.token(t, key)
	var names []string
	for name, value := range token {
		names = append(names, name)
		if value == "" {
			t.Errorf("%s is empty", name)
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("the token has %q, want %q", names, want)
	}
	for name, lifetime := range map[string]time.Duration{
		"expiresAt": 8 * time.Hour, "registrationExpiresAt": 90 * 24 * time.Hour,
	} {
		at, err := time.Parse("2006-01-02T15:04:05Z", token[name])
		if left := time.Until(at); err != nil || (left-lifetime).Abs() > time.Minute {
			t.Errorf("%s is %s, in %s", name, token[name], left)
		}
	}
	if !h.IsSignedIn(token["accessToken"]) || token["region"] != "eu-west-3" {
		t.Errorf("token %q", names)
	}
	files, err := os.ReadDir(filepath.Dir(h.tokenFile(key)))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

var tokenMembers = []string{"startUrl", "region", "accessToken", "expiresAt", "clientId",
	"clientSecret", "registrationExpiresAt"}

func TestLoginWithBrowser(t *testing.T) {
	for name, args := range map[string][]string{
		"session": {"login", "--sso-session", "corp"}, "profile": {"login", "dev"},
		"only session": {"login"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSignInHelper(t, ssotest.Settings{Consent: ssotest.Allow})
			if _, stderr, err := h.run(t, "get", "dev"); err == nil ||
				!strings.Contains(stderr, "not signed in\naws-credproc: hint: aws-credproc login --sso-session corp\n") {
				t.Errorf("%v, stderr %s", err, stderr)
			}
			_, wait := h.start(t, args...)
			url := h.openedURL(t)
			status, page := visit(t, url)
			stdout, stderr, err := wait()
			if err != nil || !strings.HasPrefix(stdout, "corp: signed in for 8h00m") && !strings.HasPrefix(stdout, "corp: signed in for 7h59m") {
				t.Fatalf("%v, stdout %s, stderr %s", err, stdout, stderr)
			}
			if status != http.StatusOK || !strings.Contains(page, "You are signed in") {
				t.Errorf("page %s", page)
			}
			if !strings.Contains(stderr, "\n  "+url+"\n") {
				t.Errorf("stderr %s", stderr)
			}
			h.checkToken(t, "corp", append(tokenMembers, "refreshToken")...)
			// The failure before the sign-in is no longer returned.
			if _, stderr, err := h.run(t, "get", "dev"); err != nil {
				t.Error(stderr)
			}
		})
	}
}

func TestLoginWithDeviceCode(t *testing.T) {
	for name, test := range map[string]struct {
		args    []string
		env     string
		key     string
		members []string
	}{
		"flag": {
			[]string{"login", "dev", "--use-device-code"}, "", "corp", append(tokenMembers, "refreshToken"),
		},
		"older form": {
			[]string{"login", "older"}, "", "https://example.awsapps.com/start", tokenMembers,
		},
		"no display": {
			[]string{"login", "dev"}, "DISPLAY=", "corp", append(tokenMembers, "refreshToken"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSignInHelper(t, ssotest.Settings{Consent: ssotest.Allow})
			h.env = append(h.env, test.env)
			_, wait := h.start(t, test.args...)
			if test.env == "" {
				waitFor(t, "a poll", func() bool { return h.Calls("CreateToken") > 0 })
				visit(t, h.openedURL(t))
			} else {
				waitFor(t, "a poll", func() bool { return h.Calls("CreateToken") > 0 })
				h.Allow()
			}
			stdout, stderr, err := wait()
			if err != nil || !strings.Contains(stdout, ": signed in for ") ||
				!strings.Contains(stderr, "check that it shows the code ") {
				t.Fatalf("%v, stdout %s, stderr %s", err, stdout, stderr)
			}
			h.checkToken(t, test.key, test.members...)
			if n := h.Calls("authorize"); n > 0 {
				t.Error("it used the browser flow")
			}
		})
	}
}

func TestLoginWarnsOfWrongClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"ahead": time.Hour, "behind": -time.Hour} {
		h := newSignInHelper(t, ssotest.Settings{
			Consent: ssotest.Allow, Now: func() time.Time { return time.Now().Add(-ahead) },
		})
		_, wait := h.start(t, "login", "--sso-session", "corp")
		visit(t, h.openedURL(t))
		_, stderr, err := wait()
		if err != nil || !strings.Contains(stderr, name) || !strings.Contains(stderr, "hint: ") {
			t.Errorf("%s: %v, %s", name, err, stderr)
		}
	}
}

func TestSetupWithoutPortal(t *testing.T) {
	h := signedInHelper(t)
	h.env = append(h.env, "AWS_ENDPOINT_URL_SSO=http://127.0.0.1:1")
	_, stderr, err := h.run(t, "setup", "--sso-session", "corp", "--yes")
	const want = "cannot reach IAM Identity Center (SSO): dial tcp 127.0.0.1:1: connect: connection " +
		"refused\naws-credproc: hint: check the network and the proxy\n"
	if err == nil || !strings.Contains(stderr, want) || h.config(t) != corpConfig {
		t.Errorf("%v, %s", err, stderr)
	}
}

// TestLoginFailures: each failure is a line and a hint.
func TestLoginFailures(t *testing.T) {
	session := []string{"login", "--sso-session", "corp"}
	device := append(session, "--use-device-code")
	const again = "\naws-credproc: hint: aws-credproc login --sso-session corp tries again\n"
	for name, test := range map[string]struct {
		args     []string
		settings ssotest.Settings
		fault    ssotest.Fault
		env      string
		want     string
	}{
		"denied, browser": {
			args: session, settings: ssotest.Settings{Consent: ssotest.Deny},
			want: "the sign-in was denied in the browser" + again,
		},
		"denied, device": {
			args: device, settings: ssotest.Settings{Consent: ssotest.Deny},
			want: "the sign-in was denied in the browser" + again,
		},
		"expired device code": {
			args: device, settings: ssotest.Settings{DeviceLifetime: time.Second},
			want: "nobody signed in in time" + again,
		},
		"expired registration": {
			args: session, settings: ssotest.Settings{RegistrationLifetime: -time.Hour, Consent: ssotest.Allow},
			fault: ssotest.Fault{Action: "RegisterClient", Code: "InvalidClientException"},
			want:  "refused the request: InvalidClientException" + again,
		},
		"wrong region or start URL": {
			args: session, settings: ssotest.Settings{StartURL: "https://other.awsapps.com/start"},
			want: "InvalidRequestException: unknown issuerUrl\n" +
				"aws-credproc: hint: check sso_start_url and sso_region in [sso-session corp]\n",
		},
		"unreachable": {
			args: session, env: "AWS_ENDPOINT_URL_SSO_OIDC=http://127.0.0.1:1",
			want: "cannot reach IAM Identity Center (SSO): dial tcp 127.0.0.1:1: connect: connection refused\n" +
				"aws-credproc: hint: check the network and the proxy\n",
		},
		"unavailable": {
			args: session, fault: ssotest.Fault{Action: "RegisterClient", Status: 503, Times: 5},
			want: "IAM Identity Center (SSO) refused the request: ",
		},
		"no token": {
			args: device, settings: ssotest.Settings{Consent: ssotest.Allow},
			fault: ssotest.Fault{Action: "CreateToken", Body: `{"accessToken":"x\u001b[2J"}`},
			want:  "the response has no valid token" + again,
		},
		"hostile page": {
			args:  device,
			fault: ssotest.Fault{Action: "StartDeviceAuthorization", Body: `{"deviceCode":"x","userCode":"y","verificationUri":"file:///etc/passwd","expiresIn":9}`},
			want:  "the page to sign in at is not a valid URL: file:///etc/passwd" + again,
		},
		"not JSON": {
			args: session, fault: ssotest.Fault{Action: "RegisterClient", Body: "<html>"},
			want: "the response of IAM Identity Center (SSO) is not valid",
		},
		"unknown session": {
			args: []string{"login", "--sso-session", "crop"}, want: "did you mean corp?",
		},
		"not SSO": {
			args: []string{"login", "base"}, want: "the profile does not sign in to IAM Identity Center",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSignInHelper(t, test.settings)
			h.env = append(h.env, test.env)
			if test.fault.Action != "" {
				h.Fault(test.fault)
			}
			_, wait := h.start(t, test.args...)
			if test.settings.Consent != ssotest.Ask && test.fault.Code == "" {
				visit(t, h.openedURL(t))
			}
			stdout, stderr, err := wait()
			if err == nil || stdout != "" || !strings.Contains(stderr, test.want) ||
				strings.Contains(stderr, "\x1b") {
				t.Errorf("%v, stdout %s, stderr %s\nwant %s", err, stdout, stderr, test.want)
			}
			if _, err := os.Stat(h.tokenFile("corp")); err == nil {
				t.Error("there is a token")
			}
		})
	}
}
