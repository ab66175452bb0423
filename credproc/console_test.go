package credproc

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
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
