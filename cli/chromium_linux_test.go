package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aws-credproc/internal/ssotest"
)

// chromium opens a URL in Chromium and returns the page at the end as HTML.
func chromium(t *testing.T, url string) string {
	t.Helper()
	path, err := exec.LookPath("chromium-headless-shell")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip("SKIPPED: chromium-headless-shell is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--no-sandbox", "--disable-gpu",
		"--user-data-dir="+t.TempDir(), "--dump-dom", url)
	cmd.WaitDelay = time.Second // for its other processes
	cmd.Env = append(os.Environ(), "http_proxy=", "https_proxy=", "HTTP_PROXY=", "HTTPS_PROXY=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestLoginInChromium: a real browser follows the redirect to the program, whose page has no script.
func TestLoginInChromium(t *testing.T) {
	for name, test := range map[string]struct {
		consent ssotest.Consent
		page    string
		ok      bool
	}{
		"allowed": {ssotest.Allow, "You are signed in", true},
		"denied":  {ssotest.Deny, "denied", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSignInHelper(t, ssotest.Settings{Consent: test.consent})
			_, wait := h.start(t, "login", "--sso-session", "corp")
			page := chromium(t, h.openedURL(t))
			_, stderr, err := wait()
			if !strings.Contains(page, test.page) || strings.Contains(page, "<script") || (err == nil) != test.ok {
				t.Errorf("%v, stderr %s, page %s", err, stderr, page)
			}
			if test.ok {
				h.token(t, "corp")
			}
		})
	}
}

// TestConsoleInChromium: a real browser signs in with the session of a role, of a chained role, and
// of IAM Identity Center.
func TestConsoleInChromium(t *testing.T) {
	h, f, _ := newConsoleTest(t)
	for n, profile := range []string{"dev", "ops"} {
		chromium(t, strings.TrimSpace(h.output(t, "console", "--print", profile)))
		f.mu.Lock()
		if len(f.signedIn) != n+1 {
			t.Errorf("%s: signed in at %v", profile, f.signedIn)
		}
		f.mu.Unlock()
	}

	s := signedInHelper(t)
	var signedIn atomic.Bool
	var got struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal([]byte(s.output(t, "get", "dev")), &got); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			signedIn.Store(r.URL.Query().Get("SigninToken") == signinToken)
			return
		}
		var session map[string]string
		err := json.Unmarshal([]byte(r.PostFormValue("Session")), &session)
		if err != nil || session["sessionId"] != got.AccessKeyId ||
			session["sessionKey"] != got.SecretAccessKey || session["sessionToken"] != got.SessionToken {
			http.Error(w, "not the session", http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"SigninToken": signinToken})
	}))
	defer server.Close()
	s.env = append(s.env, "AWS_CREDPROC_SIGNIN_ENDPOINT="+server.URL+"/federation")
	chromium(t, strings.TrimSpace(s.output(t, "console", "--print", "dev")))
	if !signedIn.Load() {
		t.Error("the session of IAM Identity Center did not sign in")
	}
}
