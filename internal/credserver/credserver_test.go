package credserver

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/terminal"
)

const testAccount = "123456789012"

var testCredentials = Credentials{
	AccessKeyID: "ASIATEST", SecretAccessKey: "hush", SessionToken: "token", AccountID: testAccount,
	Expiration: time.Date(2030, 1, 1, 1, 0, 0, 0, time.UTC),
}

// startServer starts a server with this lookup and the token TOKEN.
func startServer(t *testing.T, lookup Lookup) *Server {
	t.Helper()
	s, err := Start(Options{
		Lookups: map[string]Lookup{Path: lookup}, Timeout: time.Minute, Failed: func(error) {},
		Token: "TOKEN",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// request sends a request with the token, changed by edit, and returns the status and the body.
func (s *Server) request(t *testing.T, edit func(*http.Request)) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(Path), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", s.Token)
	if edit != nil {
		edit(r)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	h := resp.Header
	if h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
	return resp.StatusCode, string(b)
}

func TestCredentialsForTheToken(t *testing.T) {
	s := startServer(t, func(context.Context) (Credentials, error) { return testCredentials, nil })
	const want = `{"AccessKeyId":"ASIATEST","SecretAccessKey":"hush","Token":"token",` +
		`"Expiration":"2030-01-01T01:00:00Z","AccountId":"` + testAccount + `"}`
	if status, body := s.request(t, nil); status != http.StatusOK || body != want {
		t.Errorf("%d %s", status, body)
	}
}

func TestOtherRequestsAreRefused(t *testing.T) {
	var lookups atomic.Int32
	s := startServer(t, func(context.Context) (Credentials, error) {
		lookups.Add(1)
		return testCredentials, nil
	})
	_, port, err := net.SplitHostPort(s.host)
	if err != nil {
		t.Fatal(err)
	}
	authorize := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Authorization"] = values }
	}
	host := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Host = name }
	}
	method := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Method = name }
	}
	for name, test := range map[string]struct {
		edit   func(*http.Request)
		status int
	}{
		"no token":           {authorize(), 401},
		"empty token":        {authorize(""), 401},
		"another token":      {authorize("TOKEM"), 401},
		"prefix":             {authorize("TOKE"), 401},
		"longer":             {authorize("TOKENS"), 401},
		"with a scheme":      {authorize("Bearer TOKEN"), 401},
		"two tokens":         {authorize("TOKEN", "TOKEN"), 401},
		"token in the query": {func(r *http.Request) { authorize()(r); r.URL.RawQuery = "token=TOKEN" }, 401},
		"DNS rebinding":      {host("rebound.example:" + port), 403},
		"localhost":          {host("localhost:" + port), 403},
		"no port":            {host(Loopback), 403},
		"another port":       {host(Loopback + ":1"), 403},
		"another path":       {func(r *http.Request) { r.URL.Path = "/" }, 404},
		"a longer path":      {func(r *http.Request) { r.URL.Path += "/x" }, 404},
		"POST":               {method(http.MethodPost), 405},
		"HEAD":               {method(http.MethodHead), 405},
		"CORS preflight":     {func(r *http.Request) { r.Method = http.MethodOptions; authorize()(r) }, 401},
		"a long header":      {func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 12<<10)) }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			before := lookups.Load()
			status, body := s.request(t, test.edit)
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			leaked := strings.Contains(body, "hush") || lookups.Load() > before
			if leaked != (test.status == 200) {
				t.Errorf("credentials returned: %v: %s", leaked, body)
			}
			if test.status < 400 || name == "HEAD" {
				return
			}
			var refusal map[string]string
			err := json.Unmarshal([]byte(body), &refusal)
			if err != nil || refusal["code"] == "" || refusal["message"] == "" {
				t.Errorf("%v: %s", err, body)
			}
		})
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(Path), nil)
	r.Header.Set("X", strings.Repeat("x", 32<<10))
	r.RequestURI = ""
	if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("too long header: status %d", resp.StatusCode)
		}
	}
}

// remoteListener accepts connections with any remote address.
type remoteListener struct{ conns chan net.Conn }

type remoteConn struct {
	net.Conn
	from net.Addr
}

func (c remoteConn) RemoteAddr() net.Addr { return c.from }

func (l remoteListener) Accept() (net.Conn, error) { return <-l.conns, nil }
func (l remoteListener) Close() error              { return nil }
func (l remoteListener) Addr() net.Addr            { return nil }

// TestLoopbackOnly: the server does not listen on other addresses, and closes connections from other
// machines.
func TestLoopbackOnly(t *testing.T) {
	s := startServer(t, func(context.Context) (Credentials, error) { return testCredentials, nil })
	_, port, err := net.SplitHostPort(s.host)
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range append(addresses, &net.IPNet{IP: net.IPv6loopback}) {
		ip := a.(*net.IPNet).IP
		if ip.String() == Loopback {
			continue
		}
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), port), time.Second)
		if err == nil {
			conn.Close()
			t.Errorf("it listens on %s", ip)
		}
	}

	ours, theirs := net.Pipe()
	near, _ := net.Pipe()
	l := remoteListener{make(chan net.Conn, 2)}
	l.conns <- remoteConn{theirs, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}}
	l.conns <- remoteConn{near, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}}
	conn, err := guardedListener{l, &unauthenticated{}, s.allows}.Accept()
	if err != nil || conn.(remoteConn).Conn != near {
		t.Errorf("%v, and a connection from %s", err, conn.RemoteAddr())
	}
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the other connection: %v", err)
	}
}

func TestFailures(t *testing.T) {
	cause := errors.New("failed\x1b[2J")
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"temporary":  {&diag.Error{Profile: "dev", Err: cause, Flags: diag.Temporary}, 503},
		"denied":     {&diag.Error{Profile: "dev", Err: cause}, 403},
		"needs user": {&diag.Error{Profile: "dev", Err: cause, Flags: diag.NeedsUser}, 403},
		"config":     {&diag.Error{Profile: "dev", Problem: "a circle\x1b[2J"}, 403},
		"unknown":    {cause, 503},
	} {
		t.Run(name, func(t *testing.T) {
			var reported error
			s := startServer(t, func(context.Context) (Credentials, error) {
				return Credentials{}, test.err
			})
			s.Failed = func(err error) { reported = err }
			status, body := s.request(t, nil)
			var refusal map[string]string
			err := json.Unmarshal([]byte(body), &refusal)
			if err != nil || status != test.status ||
				refusal["message"] != terminal.Printable(test.err.Error()) ||
				strings.Contains(body, `\u001b`) {
				t.Errorf("%d %s, want %d (%v)", status, body, test.status, err)
			}
			if !errors.Is(reported, test.err) {
				t.Errorf("reported: %v", reported)
			}
		})
	}
}

// TestConcurrentRequestsShareALookup: also requests whose client gives up and asks again.
func TestConcurrentRequestsShareALookup(t *testing.T) {
	lookups, result := make(chan struct{}, 10), make(chan struct{})
	s := startServer(t, func(ctx context.Context) (Credentials, error) {
		lookups <- struct{}{}
		select {
		case <-result:
			return testCredentials, nil
		case <-ctx.Done():
			return Credentials{}, ctx.Err()
		}
	})
	impatient, cancel := context.WithCancel(t.Context())
	go func() {
		<-lookups
		cancel()
	}()
	for range 3 {
		if _, err := s.shared(impatient, Path, s.Lookups[Path]); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
	}
	if len(lookups) > 0 {
		t.Error("a second lookup was started")
	}
	close(result)
	for range 2 { // the first may still share the lookup
		if status, body := s.request(t, nil); status != 200 {
			t.Errorf("%d %s", status, body)
		}
	}
	if len(lookups) == 0 {
		t.Error("the result of an old lookup was returned")
	}
}

// TestStaticKeysHaveAnExpiration: botocore and the JavaScript SDK need an Expiration and a Token.
func TestStaticKeysHaveAnExpiration(t *testing.T) {
	s := startServer(t, func(context.Context) (Credentials, error) {
		return Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "hush"}, nil
	})
	status, body := s.request(t, nil)
	var got struct {
		Token      *string
		Expiration time.Time
	}
	err := json.Unmarshal([]byte(body), &got)
	if status != 200 || err != nil || got.Token == nil || *got.Token != "" {
		t.Fatalf("%d %s (%v)", status, body, err)
	}
	left := time.Until(got.Expiration)
	if left < staticLifetime-time.Minute || left > staticLifetime {
		t.Errorf("expires after %s", left)
	}
}

// TestIdleConnectionsDoNotBlockRequests: more than the limit, which show no token.
func TestIdleConnectionsDoNotBlockRequests(t *testing.T) {
	s := startServer(t, func(context.Context) (Credentials, error) { return testCredentials, nil })
	var idle []net.Conn
	for range maxUnauthenticated + 10 {
		conn, err := net.Dial("tcp", s.host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		idle = append(idle, conn)
	}
	if status, _ := s.request(t, nil); status != 200 {
		t.Errorf("status %d", status)
	}
	begin := time.Now()
	for i, conn := range idle {
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Fatalf("connection %d got a response", i)
		}
		if i == 0 && time.Since(begin) > requestTimeout/2 {
			t.Error("the oldest connection was not closed at the limit")
		}
	}
	if took := time.Since(begin); took > 2*requestTimeout {
		t.Errorf("idle connections were open for %s", took)
	}
}

// TestRefusedConnectionsAreClosed: only a connection with the token can be used again.
func TestRefusedConnectionsAreClosed(t *testing.T) {
	s := startServer(t, func(context.Context) (Credentials, error) { return testCredentials, nil })
	for token, want := range map[string]bool{"TOKEN": false, "TOKEM": true} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(Path), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.Close != want {
			t.Errorf("%s: closed: %v", token, resp.Close)
		}
	}
}
