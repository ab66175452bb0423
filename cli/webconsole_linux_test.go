package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"aws-credproc/internal/ststest"
)

// federation is a strict stand-in for AWS's federation endpoint.
type federation struct {
	t   *testing.T
	sts *ststest.Server
	url string

	mu        sync.Mutex
	tokens    int
	durations []string // SessionDuration of each getSigninToken
	signedIn  []string // destination of each login
	urls      []string // of all requests
}

func startFederation(t *testing.T, s *ststest.Server) *federation {
	t.Helper()
	f := &federation{t: t, sts: s}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL + "/federation"
	return f
}

const signinToken = "hush-signin-token-"

func (f *federation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.urls = append(f.urls, r.URL.String())
	refuse := func(why string) {
		f.t.Errorf("%s %s: %s", r.Method, r.URL.Path, why)
		http.Error(w, why, http.StatusBadRequest)
	}
	if r.URL.Path != "/federation" {
		refuse("the path")
		return
	}
	if r.Method == http.MethodGet {
		q := r.URL.Query()
		number := strings.TrimPrefix(q.Get("SigninToken"), signinToken)
		if len(q) != 3 || q.Get("Action") != "login" || number != string(rune('0'+f.tokens)) {
			refuse("the query")
			return
		}
		f.signedIn = append(f.signedIn, q.Get("Destination"))
		return
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.ParseForm() != nil {
		refuse("not a POST of a form")
		return
	}
	var session map[string]string
	err := json.Unmarshal([]byte(r.PostForm.Get("Session")), &session)
	if err != nil || len(session) != 3 || r.PostForm.Get("Action") != "getSigninToken" {
		refuse("the form")
		return
	}
	arn, err := f.callerOf(session)
	if err != nil || !strings.Contains(arn, ":assumed-role/") {
		refuse("the session")
		return
	}
	f.durations = append(f.durations, r.PostForm.Get("SessionDuration"))
	f.tokens++
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{
		"SigninToken": signinToken + string(rune('0'+f.tokens)),
	})
}

// callerOf returns whose session it is.
func (f *federation) callerOf(session map[string]string) (arn string, err error) {
	out, err := sts.New(sts.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(f.sts.URL),
		Credentials: credentials.NewStaticCredentialsProvider(
			session["sessionId"], session["sessionKey"], session["sessionToken"]),
	}).GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return *out.Arn, nil
}

// newConsoleTest returns the program with profiles of each kind, and a browser that logs its
// arguments and follows redirects.
func newConsoleTest(t *testing.T) (h helper, f *federation, arguments string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: curl is not installed")
	}
	s := startSTS(t)
	f = startFederation(t, s)
	h = newHelper(t, s)
	arguments = filepath.Join(h.dir, "arguments")
	script := filepath.Join(h.dir, "browser")
	text := "#!/bin/sh\necho \"$@\" >>" + arguments + "\nexec curl -sS -f -L -o /dev/null \"$1\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "AWS_CREDPROC_SIGNIN_ENDPOINT="+f.url, "AWS_CREDPROC_BROWSER="+script,
		"AWS_CREDPROC_PROMPT=none", "http_proxy=", "HTTP_PROXY=")
	h.setting(t, "region = eu-west-1\n[profile ops]\nrole_arn = "+testRole2+"\nsource_profile = dev")
	return h, f, arguments
}

// TestConsole: for a role, a chained one and temporary keys.
func TestConsole(t *testing.T) {
	h, f, arguments := newConsoleTest(t)
	var got struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal([]byte(h.output(t, "get", "dev")), &got); err != nil {
		t.Fatal(err)
	}
	h.setting(t, "[profile temporary]\naws_access_key_id = "+got.AccessKeyId+
		"\naws_secret_access_key = "+got.SecretAccessKey+"\naws_session_token = "+got.SessionToken)
	const home = "https://console.aws.amazon.com/"
	for _, test := range []struct {
		args                  []string
		destination, duration string
	}{
		{[]string{"dev"}, home + "console/home?region=eu-west-1", ""},
		{[]string{"dev", "--service", "s3", "--region", "eu-west-3"}, home + "s3/home?region=eu-west-3", ""},
		{[]string{"dev", "--duration", "2h"}, home + "console/home?region=eu-west-1", "7200"},
		{[]string{"dev", "--destination", "https://eu-west-1.console.aws.amazon.com/ec2/#x"},
			"https://eu-west-1.console.aws.amazon.com/ec2/#x", ""},
		{[]string{"ops"}, home + "console/home", ""},
		{[]string{"temporary"}, home + "console/home", ""},
	} {
		stdout, stderr, err := h.run(t, append([]string{"console"}, test.args...)...)
		if err != nil || stderr != "" || stdout != test.args[0]+": opened the AWS console\n" {
			t.Errorf("%v: %v: %s%s", test.args, err, stdout, stderr)
			continue
		}
		waitFor(t, "the sign-in", func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.signedIn) == len(f.durations)
		})
		f.mu.Lock()
		if n := len(f.signedIn) - 1; f.signedIn[n] != test.destination || f.durations[n] != test.duration {
			t.Errorf("%v: %q, duration %q", test.args, f.signedIn[n], f.durations[n])
		}
		f.mu.Unlock()
	}
	text, err := os.ReadFile(arguments)
	if err != nil || strings.Count(string(text), "http://127.0.0.1:") != 6 {
		t.Errorf("%v: %s", err, text)
	}
	for _, secret := range []string{"hush", got.SecretAccessKey, got.SessionToken} {
		if strings.Contains(string(text), secret) {
			t.Error("a secret is in the arguments of the browser")
		}
		if secret != "hush" && slices.ContainsFunc(f.urls, func(u string) bool {
			return strings.Contains(u, url.QueryEscape(secret))
		}) {
			t.Error("a secret of the session is in a URL")
		}
	}
}

func TestConsolePrint(t *testing.T) {
	h, f, _ := newConsoleTest(t)
	stdout, stderr, err := h.run(t, "console", "dev", "--print")
	if err != nil || stderr != "" || !strings.HasPrefix(stdout, f.url+"?Action=login&Destination=") {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	resp, err := http.Get(strings.TrimSpace(stdout))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 || len(f.signedIn) != 1 {
		t.Errorf("%d, %q", resp.StatusCode, f.signedIn)
	}
}

// TestConsoleRefusals: before the endpoint is called.
func TestConsoleRefusals(t *testing.T) {
	h, f, _ := newConsoleTest(t)
	for _, test := range []struct {
		code    int
		args    []string
		message string
	}{
		{1, []string{"base"}, "this profile has long-term keys only\naws-credproc: hint: use a profile with a role"},
		{1, []string{"ops", "--duration", "2h"}, "--duration can be used only with a role that long-term keys"},
		{1, []string{"dev", "--destination", "https://evil.example/"}, "not a page of the AWS console"},
		{1, []string{"dev", "--destination", "https://evilaws.amazon.com/"}, "not a page of the AWS"},
		{1, []string{"dev", "--destination", "http://console.aws.amazon.com/"}, "not an https URL"},
		{2, []string{"dev", "--destination", "https://x", "--service", "s3"}, "cannot be combined"},
		{2, []string{"dev", "--service", "../s3"}, "is not the name of a service"},
		{2, []string{"dev", "--duration", "13h"}, "--duration"},
		{2, []string{"dev", "--print", "--browser", "x"}, "cannot be combined"},
		{2, nil, "the profile is missing"},
		{1, []string{"dev", "--browser", "exit 3; :"}, "dev: cannot open a browser: exit status 3\naws-credproc: hint: " +
			"aws-credproc console dev --print prints the URL"},
		{1, []string{"dev", "--browser", ":", "--timeout", "2s"}, "dev: the browser did not open the page"},
	} {
		stdout, stderr, err := h.run(t, append([]string{"console"}, test.args...)...)
		code := exitCodeOf(err)
		if stdout != "" || code != test.code || !strings.Contains(stderr, test.message) {
			t.Errorf("%v: exit %d: %s%s", test.args, code, stdout, stderr)
		}
	}
	if len(f.durations) != 2 { // those of the browsers that fail
		t.Errorf("%d calls of the endpoint", len(f.durations))
	}
}

// TestConsoleFailures: responses that are not those of AWS. No secret is in a message or sent on.
func TestConsoleFailures(t *testing.T) {
	h, _, _ := newConsoleTest(t)
	var stolen int
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen++ }))
	defer thief.Close()
	const again = "aws-credproc: hint: try again; if it keeps failing, check the proxy and the endpoint\n"
	for name, test := range map[string]struct {
		respond func(http.ResponseWriter)
		message string
	}{
		"refused": {func(w http.ResponseWriter) { w.WriteHeader(400) },
			"dev: sign in to the AWS console: AWS does not accept the session (status 400)\n" +
				"aws-credproc: hint: get a new session: aws-credproc refresh dev\n"},
		"unavailable": {func(w http.ResponseWriter) { w.WriteHeader(503) },
			"the response has status 503\n" + again},
		"page of a proxy": {func(w http.ResponseWriter) { w.WriteHeader(407) },
			"the response has status 407\n" + again},
		"redirect": {func(w http.ResponseWriter) {
			w.Header().Set("Location", thief.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "the response has status 307\n" + again},
		"HTML": {func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>{}")) },
			"the response did not come from AWS\n" + again},
		"control characters": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"SigninToken":"\u001b[2J"}`))
		}, "the response did not come from AWS\n" + again},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				test.respond(w)
			}))
			defer server.Close()
			h := h
			h.env = append(slices.Clone(h.env), "AWS_CREDPROC_SIGNIN_ENDPOINT="+server.URL)
			stdout, stderr, err := h.run(t, "console", "dev", "--print")
			if err == nil || stdout != "" || !strings.HasSuffix(stderr, test.message) {
				t.Errorf("%v: %s%s", err, stdout, stderr)
			}
		})
	}
	if stolen > 0 {
		t.Error("the session was sent to another server")
	}
}

// TestConsoleWithSSO: no secret of the session or of the sign-in is in the arguments of the
// browser, in a URL or in the log.
func TestConsoleWithSSO(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: curl is not installed")
	}
	h := signedInHelper(t)
	var got struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal([]byte(h.output(t, "get", "dev")), &got); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var tokens, signedIn int
	var urls []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		urls = append(urls, r.URL.String())
		if r.Method == http.MethodGet && r.URL.Query().Get("SigninToken") == signinToken {
			signedIn++
			return
		}
		var session map[string]string
		err := json.Unmarshal([]byte(r.PostFormValue("Session")), &session)
		if err != nil || session["sessionId"] != got.AccessKeyId || r.PostForm.Has("SessionDuration") ||
			session["sessionKey"] != got.SecretAccessKey || session["sessionToken"] != got.SessionToken {
			http.Error(w, "not the session", http.StatusBadRequest)
			return
		}
		tokens++
		_ = json.NewEncoder(w).Encode(map[string]string{"SigninToken": signinToken})
	}))
	defer server.Close()
	script, arguments := filepath.Join(h.dir, "browser"), filepath.Join(h.dir, "arguments")
	text := "#!/bin/sh\necho \"$@\" >>" + arguments + "\nexec curl -sS -f -L -o /dev/null \"$1\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "AWS_CREDPROC_SIGNIN_ENDPOINT="+server.URL+"/federation",
		"AWS_CREDPROC_BROWSER="+script, "AWS_CREDPROC_PROMPT=none", "http_proxy=", "HTTP_PROXY=")

	stdout, stderr, err := h.run(t, "console", "dev", "--verbose")
	if err != nil || stdout != "dev: opened the AWS console\n" {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	waitFor(t, "the sign-in", func() bool { mu.Lock(); defer mu.Unlock(); return signedIn == 1 })
	shown, err := os.ReadFile(arguments)
	if err != nil || !strings.HasPrefix(string(shown), "http://127.0.0.1:") {
		t.Errorf("%v: %s", err, shown)
	}
	accessToken := h.token(t, "corp")["accessToken"]
	for _, secret := range []string{got.SecretAccessKey, got.SessionToken, accessToken} {
		all := string(shown) + stderr + strings.Join(urls, "\n")
		if secret == "" || strings.Contains(all, secret) ||
			strings.Contains(all, url.QueryEscape(secret)) {
			t.Error("a secret is in an argument, a URL or the log")
		}
	}
	if strings.Contains(string(shown)+stderr, signinToken) {
		t.Error("the sign-in token is in an argument or the log")
	}

	hint := "--duration can be used only with a role that long-term keys"
	stdout, stderr, err = h.run(t, "console", "dev", "--duration", "2h")
	if exitCodeOf(err) != 1 || stdout != "" || !strings.Contains(stderr, hint) {
		t.Errorf("--duration: %v: %s%s", err, stdout, stderr)
	}
	h.output(t, "clear", "ops")
	if err := os.Remove(h.tokenFile("corp")); err != nil {
		t.Fatal(err)
	}
	hint = "hint: aws-credproc login --sso-session corp"
	stdout, stderr, err = h.run(t, "console", "ops")
	if exitCodeOf(err) != 3 || stdout != "" || !strings.Contains(stderr, hint) {
		t.Errorf("not signed in: %v: %s%s", err, stdout, stderr)
	}
	if tokens != 1 {
		t.Errorf("%d calls of the endpoint", tokens)
	}
}
