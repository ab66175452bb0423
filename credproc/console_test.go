package credproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/internal/diag"
)

func TestSigninEndpoint(t *testing.T) {
	for _, test := range []struct{ variable, partition, want string }{
		{"", "aws", "https://signin.aws.amazon.com/federation"},
		{"", "aws-cn", "https://signin.amazonaws.cn/federation"},
		{"", "aws-us-gov", "https://signin.amazonaws-us-gov.com/federation"},
		{"", "aws-iso", ""},
		{"https://signin.example/federation", "aws-iso", "https://signin.example/federation"},
		{"http://127.0.0.1:1/f", "aws", "http://127.0.0.1:1/f"},
		{"http://[::1]:1/f", "aws", "http://[::1]:1/f"},
		{"http://localhost:1/f", "aws", "http://localhost:1/f"},
		{"http://signin.example/f", "aws", ""},
		{"http://127.0.0.1.example/f", "aws", ""},
		{"https://user@signin.example/f", "aws", ""},
		{"https://signin.example/f?x=1", "aws", ""},
		{"https://signin.example/f#x", "aws", ""},
		{"https://signin.example/f?", "aws", ""},
		{"https://signin.example/f#", "aws", ""},
		{"https:///f", "aws", ""},
		{"file:///f", "aws", ""},
		{"x", "aws", ""},
		{"https://a\x7f", "aws", ""},
	} {
		got, err := signinEndpoint(func(string) string { return test.variable }, test.partition)
		if got != test.want || (err != nil) != (test.want == "") {
			t.Errorf("%q in %s: %q, %v", test.variable, test.partition, got, err)
		}
	}
}

func TestConsoleWithoutResponse(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the context ends only after that
		<-r.Context().Done()
	}))
	defer silent.Close()
	closed := httptest.NewServer(nil)
	closed.Close()
	silentHost := strings.TrimPrefix(silent.URL, "http://")
	for name, test := range map[string]struct {
		url   string
		limit time.Duration // 0: canceled
		want  string
	}{
		"silent": {silent.URL, 50 * time.Millisecond, "no response from " + silentHost +
			" before the timeout\nhint: check the network and the proxy, or use a longer --timeout"},
		"interrupted": {silent.URL, 0, "interrupted"},
		"unreachable": {closed.URL, time.Minute, "cannot reach HOST: dial tcp HOST: connect: " +
			"connection refused\nhint: check the network, the proxy and the endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestChain(t, 1, "")
			c.Getenv = getenv(map[string]string{SigninVariable: test.url})
			ctx, cancel := context.WithTimeout(t.Context(), test.limit)
			if test.limit == 0 {
				ctx, cancel = context.WithCancel(t.Context())
				cancel()
			}
			defer cancel()
			s := cache.Session{AccessKeyID: "ASIAX", SecretAccessKey: "x", SessionToken: "y"}
			_, err := c.ConsoleURL(ctx, c.chain, s, "https://console.aws.amazon.com/", 0)
			got := strings.ReplaceAll(diag.Text(err), strings.TrimPrefix(closed.URL, "http://"), "HOST")
			if want := "p: sign in to the AWS console: " + test.want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func FuzzSigninToken(f *testing.F) {
	f.Add(200, "application/json", `{"SigninToken":"abc"}`)
	f.Add(200, "text/html", `<html>`)
	f.Add(400, "text/html", `<html>`)
	f.Add(200, "application/json", `{"SigninToken":"a\u001b[2J"}`)
	f.Add(200, "application/json", fmt.Sprintf(`{"SigninToken":"%s"}`, strings.Repeat("x", 70_000)))
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		token, err := readSigninToken(&http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {kind}},
			Body: io.NopCloser(strings.NewReader(body)),
		})
		if (token == "") != (err != nil) || len(token) > maxSigninToken ||
			strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q, %v", token, err)
		}
		if err == nil && status != 200 || errors.Is(err, errSigninRefused) && status/100 != 4 {
			t.Errorf("status %d: %v", status, err)
		}
		if err != nil && body != "" && len(body) > 20 && strings.Contains(err.Error(), body) {
			t.Errorf("the error quotes the response: %v", err)
		}
	})
}
