package credproc

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/ststest"
)

// secret is what a server sends in the place of something else.
const secret = "wJalrXUtnFEMI-hush"

// TestErrorsDoNotQuoteResponses: a value in the place of another one, such as a secret in the place
// of a time, is not in the error, which is printed, logged and kept in the facts.
func TestErrorsDoNotQuoteResponses(t *testing.T) {
	wantNoSecret := func(t *testing.T, w *fixture) {
		t.Helper()
		_, err := w.get("leaf")
		if err == nil {
			t.Fatal("it succeeded")
		}
		if text := diag.Text(err); strings.Contains(text, "hush") {
			t.Error("the error quotes the response")
		}
	}
	for _, field := range []string{"Expiration", "AccessKeyId", "Credentials"} {
		t.Run("STS/"+field, func(t *testing.T) {
			w := newFixture(t)
			s := sources["web identity by file"](w)
			w.config("[profile leaf]\n" + s.leaf)
			w.sts.Fault(ststest.Fault{Kind: ststest.ReplaceField, Field: field,
				Text: secret + " \n" + secret, Times: ststest.Always})
			wantNoSecret(t, w)
		})
	}
	for name, body := range map[string]string{
		"expiration as text":  `{"roleCredentials":{"expiration":"` + secret + `"}}`,
		"Expiration":          `{"AccessKeyId":"A","SecretAccessKey":"b","Token":"c","Expiration":"` + secret + `"}`,
		"field name":          `{"` + secret + `":1,"roleCredentials":"` + secret + `","accessToken":{"` + secret + `":1}}`,
		"number":              `{"expiresIn":"` + secret + `","accessToken":"x","Code":"Success","LastUpdated":"` + secret + `"}`,
		"not JSON":            secret,
		"JSON with a mistake": `{"accessToken":` + secret + `}`,
	} {
		for _, source := range []string{
			"SSO by session", "SSO by session, refreshed", "login", "instance", "container with a token",
		} {
			t.Run(source+"/"+name, func(t *testing.T) {
				w := newFixture(t)
				s := sources[source](w)
				broken := serve(t, func(*http.Request) (any, int, string) { return nil, 0, "" })
				broken.breaks = func(rw http.ResponseWriter) bool {
					rw.Header().Set("Content-Type", "application/json")
					fmt.Fprint(rw, body)
					return true
				}
				useService(t, source, broken.URL)
				w.config("[profile leaf]\n" + leafOf(s) + "\n" + s.more)
				wantNoSecret(t, w)
			})
		}
	}
	for _, response := range []string{
		secret + "\r\n\r\n", "HTTP/1.1 " + secret + "\r\n\r\n", "HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\n " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: %zz" + secret + "\r\nContent-Length: 0\r\n\r\n",
	} {
		for _, source := range []string{"web identity by file", "SSO by session"} {
			t.Run(source+"/"+response, func(t *testing.T) {
				w := newFixture(t)
				s := sources[source](w)
				useService(t, source, "http://"+rawServer(t, response))
				w.config("[profile leaf]\n" + leafOf(s) + "\n" + s.more)
				wantNoSecret(t, w)
			})
		}
	}
}

// A container's endpoint may refuse in plain text, which the SDK returns as the message.
func TestRefusalWithoutCodeIsNotQuoted(t *testing.T) {
	for _, contentType := range []string{"text/plain", "application/json"} {
		w := newFixture(t)
		s := sources["container with a token"](w)
		broken := serve(t, func(*http.Request) (any, int, string) { return nil, 0, "" })
		broken.breaks = func(rw http.ResponseWriter) bool {
			rw.Header().Set("Content-Type", contentType)
			rw.WriteHeader(http.StatusForbidden)
			fmt.Fprint(rw, `{"SecretAccessKey":"hush","message":"hush"}`)
			return true
		}
		useService(t, "container", broken.URL)
		w.config("[profile leaf]\n" + leafOf(s) + "\n")
		wantError(t, w, "leaf", "endpoint refused the request: status 403", 0)
	}
}

func TestPageWithoutCodeIsNotQuoted(t *testing.T) {
	c := &limitedClient{refusal: []byte("<html><Message>hush</Message></html>")}
	api := &smithy.GenericAPIError{Code: unknownError, Message: unknownError}
	err := &smithyhttp.ResponseError{Err: api, Response: &smithyhttp.Response{
		Response: &http.Response{StatusCode: http.StatusForbidden},
	}}
	if code, message := c.refused(api, err); code != unknownError || message != "status 403" {
		t.Errorf("got %q, %q", code, message)
	}
}

// An HTTP/2 server can add any text to a GOAWAY frame.
func TestSendErrorsAreNotQuoted(t *testing.T) {
	for text, want := range map[string]string{
		`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug="hush"`: "http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR",
		`malformed HTTP response "hush"`:                  "malformed HTTP response",
		`failed to parse Location header "hush": a "b" c`: "failed to parse Location header",
		"dial tcp 127.0.0.1:1: connection refused":        "dial tcp 127.0.0.1:1: connection refused",
	} {
		sent := &smithyhttp.RequestSendError{Err: &url.Error{Op: "Post", Err: errors.New(text)}}
		if got := root(sent).Error(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// useService sets the endpoints of all services of a source.
func useService(t *testing.T, source, endpoint string) {
	t.Helper()
	for _, name := range []string{
		"AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC",
		"AWS_ENDPOINT_URL_SIGNIN", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
	} {
		t.Setenv(name, endpoint)
	}
	if strings.HasPrefix(source, "container") {
		t.Setenv(plan.ContainerFullURI, endpoint+"/v1/credentials")
	}
}

// leafOf returns the settings of a source, with a role if it needs one.
func leafOf(s workingSource) string {
	if s.role {
		return s.leaf + "\nrole_arn = " + devARN
	}
	return s.leaf
}

// rawServer sends the same bytes for each request, and returns its address.
func rawServer(t *testing.T, response string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = fmt.Fprint(conn, response)
					_ = request.Body.Close()
				}
			}()
		}
	}()
	return l.Addr().String()
}
