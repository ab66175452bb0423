package signin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"aws-credproc/internal/ssotest"
	"aws-credproc/profiles"
)

func newClient(t *testing.T, settings ssotest.Settings) (*Client, *ssotest.Server) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("USERPROFILE", os.Getenv("HOME"))
	s := ssotest.Start(settings)
	t.Cleanup(s.Close)
	c := &Client{
		Session: Session{Name: "corp", StartURL: "https://example.awsapps.com/start",
			Region: "eu-west-1", Scopes: []string{defaultScope}},
		OIDC:    ssooidc.New(ssooidc.Options{Region: "eu-west-1", BaseEndpoint: &s.URL}),
		Portal:  sso.New(sso.Options{Region: "eu-west-1", BaseEndpoint: &s.URL}),
		OIDCURL: s.URL, Limit: 10 * time.Second, Now: time.Now,
		Tracef: func(string, ...any) {},
	}
	return c, s
}

// fetch sends a request and returns the response and its body.
func fetch(t *testing.T, method, target, host string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(b)
}

// get returns the page at a URL, or the error.
func get(target string) string {
	response, err := http.Get(target)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestForgedCallbacks: requests that do not come from the page that the user was sent to do not end
// the sign-in and get no secret.
func TestForgedCallbacks(t *testing.T) {
	c, _ := newClient(t, ssotest.Settings{Consent: ssotest.Allow})
	shown := make(chan string, 1)
	done := make(chan error, 1)
	var token Token
	go func() {
		var err error
		token, err = c.WithBrowser(t.Context(), func(url string) { shown <- url })
		done <- err
	}()
	page := <-shown
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	callback, state := u.Query().Get("redirect_uri"), url.QueryEscape(u.Query().Get("state"))
	for name, test := range map[string]struct {
		method, url, host string
		status            int
	}{
		"no state":      {"GET", callback + "?code=x", "", 400},
		"wrong state":   {"GET", callback + "?code=x&state=x" + state, "", 400},
		"denial":        {"GET", callback + "?error=access_denied", "", 400},
		"other path":    {"GET", strings.Replace(callback, "oauth", "x", 1) + "?state=" + state, "", 404},
		"other host":    {"GET", callback + "?code=x&state=" + state, "attacker.example", 404},
		"other method":  {"POST", callback + "?code=x&state=" + state, "", 405},
		"script in URL": {"GET", callback + "?state=<script>alert(1)</script>", "", 400},
	} {
		response, text := fetch(t, test.method, test.url, test.host)
		if response.StatusCode != test.status || strings.Contains(text, "<script") ||
			strings.Contains(text, u.Query().Get("state")) {
			t.Errorf("%s: %d %s", name, response.StatusCode, text)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("the sign-in has ended: %v", err)
	default:
	}
	response, text := fetch(t, "GET", page, "")
	if err := <-done; err != nil || token.AccessToken == "" {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer", "Cache-Control": "no-store",
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if len(text) > 2048 || strings.Contains(text, "://") || strings.Contains(text, "<script") ||
		!strings.Contains(text, "You are signed in") {
		t.Errorf("page %s", text)
	}
}

// TestRefusalOnPage: the texts of the URL are escaped, bounded and free of control characters.
func TestRefusalOnPage(t *testing.T) {
	c, _ := newClient(t, ssotest.Settings{})
	pages := make(chan string, 1)
	_, err := c.WithBrowser(t.Context(), func(page string) {
		u, err := url.Parse(page)
		if err != nil {
			t.Fatal(err)
		}
		q := url.Values{"state": {u.Query().Get("state")}, "error": {"server_error"},
			"error_description": {"<script>x</script>\x1b[2J\u202e" + strings.Repeat("y", 10_000)}}
		go func() { pages <- get(u.Query().Get("redirect_uri") + "?" + q.Encode()) }()
	})
	text := <-pages
	if err == nil || !strings.HasPrefix(err.Error(),
		"IAM Identity Center refused the sign-in: server_error: <script>x</script> [2J y") ||
		len(err.Error()) > 500 {
		t.Errorf("error %v", err)
	}
	if strings.Contains(text, "<script>x") || strings.ContainsAny(text, "\x1b\u202e") ||
		!strings.Contains(text, "&lt;script&gt;") || len(text) > 3000 {
		t.Errorf("page %s", text)
	}
}

// TestWrongVerifierIsRefused shows that the stand-in verifies PKCE.
func TestWrongVerifierIsRefused(t *testing.T) {
	c, _ := newClient(t, ssotest.Settings{Consent: ssotest.Allow})
	_, err := c.WithBrowser(t.Context(), func(page string) {
		other := strings.Replace(page, "code_challenge=", "code_challenge=A", 1)
		i := strings.Index(other, "code_challenge=") + len("code_challenge=")
		other = other[:i+43] + other[i+44:] // a challenge of the same length
		go get(other)
	})
	if err == nil || !strings.Contains(err.Error(), "InvalidGrantException") {
		t.Errorf("error %v", err)
	}
}

// TestPolling: the program polls as RFC 8628 says. The stand-in answers SlowDownException to a
// client that does not wait.
func TestPolling(t *testing.T) {
	c, s := newClient(t, ssotest.Settings{Interval: time.Second})
	s.Fault(ssotest.Fault{Action: "CreateToken", Status: 503, Code: "InternalServerException", Times: 3})
	start := time.Now()
	token, err := c.WithDeviceCode(t.Context(), func(DevicePage) { s.Allow() })
	took := time.Since(start)
	if err != nil || token.AccessToken == "" {
		t.Fatal(err)
	}
	// One second, a failure with the SDK's two retries, then the second with 5 more.
	if took < 7*time.Second || s.Calls("CreateToken") != 4 {
		t.Errorf("%d calls in %s", s.Calls("CreateToken"), took)
	}
}

func TestSlowDown(t *testing.T) {
	c, s := newClient(t, ssotest.Settings{Interval: time.Second})
	s.Fault(ssotest.Fault{Action: "CreateToken", Code: "SlowDownException"})
	start := time.Now()
	_, err := c.WithDeviceCode(t.Context(), func(DevicePage) { s.Allow() })
	if took := time.Since(start); err != nil || took < 7*time.Second {
		t.Errorf("%v in %s", err, took)
	}
}

func TestCanceledSignIn(t *testing.T) {
	c, _ := newClient(t, ssotest.Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := c.WithBrowser(ctx, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("browser: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	if _, err := c.WithDeviceCode(ctx, func(DevicePage) { cancel() }); !errors.Is(err,
		context.Canceled) {
		t.Errorf("device: %v", err)
	}
}

func TestHostilePages(t *testing.T) {
	c, _ := newClient(t, ssotest.Settings{})
	for _, base := range []string{"https://oidc.eu-west-1.amazonaws.com", "http://127.0.0.1:1"} {
		c.OIDCURL = base
		for _, page := range []string{
			"", "x", "javascript:alert(1)", "file:///etc/passwd", "--version", "https://",
			"https://user:x@example.com/", "https://example.com/\x1b[2J", "https://example.com/a b",
			"vscode://x/y", "https://example.com/" + strings.Repeat("x", 5000), "https://example.com/\u202e",
		} {
			if c.checkPage(page) == nil {
				t.Errorf("%s: accepted %.40q", base, page)
			}
		}
	}
	c.OIDCURL = "https://oidc.eu-west-1.amazonaws.com"
	if c.checkPage("http://example.com/") == nil {
		t.Error("accepted http from https")
	}
	if err := c.checkPage("https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH"); err != nil {
		t.Error(err)
	}
}

func TestSessionSettings(t *testing.T) {
	section := func(startURL, region, scopes string) profiles.Section {
		return profiles.Section{Name: "corp", Properties: map[string]profiles.Property{
			"sso_start_url": {Value: startURL}, "sso_region": {Value: region},
			"sso_registration_scopes": {Value: scopes},
		}}
	}
	const start = "https://example.awsapps.com/start"
	for _, test := range []struct{ startURL, region, want string }{
		{start, "eu-west-1", ""}, {start + "/#/", "eu-west-1", ""},
		{"", "eu-west-1", "no sso_start_url"}, {start, "", "no sso_region"},
		{start, "evil.example/", `sso_region: "evil.example/" is not a region`},
		{"file:///etc/passwd", "eu-west-1",
			"sso_start_url is not a URL such as https://example.awsapps.com/start"},
	} {
		_, err := FromSection(section(test.startURL, test.region, ""))
		if got := errorText(err); got != test.want {
			t.Errorf("%s, %s: %q, want %q", test.startURL, test.region, got, test.want)
		}
	}
	s, err := FromSection(section(start, "eu-west-1", "sso:account:access, codewhisperer:x"))
	if err != nil || strings.Join(s.Scopes, " ") != "sso:account:access codewhisperer:x" {
		t.Errorf("%q, %v", s.Scopes, err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestSaveReplacesFile: Save leaves no temporary file, whether it succeeds or not.
func TestSaveReplacesFile(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("USERPROFILE", os.Getenv("HOME"))
	s := Session{Name: "corp"}
	for _, access := range []string{"first", "second"} {
		if err := s.Save(Token{AccessToken: access, ExpiresAt: "2030-01-01T00:00:00Z"}); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load()
		if err != nil || got.AccessToken != access {
			t.Errorf("%q, %v", got.AccessToken, err)
		}
	}
	path, err := s.Path()
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Save(Token{AccessToken: "third"}); err == nil {
		t.Error("saved over a directory")
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
	}
}
