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

// startServer starts an endpoint that gives what credentials gives.
func startServer(t *testing.T, credentials func(context.Context) (Credentials, error)) *Server {
	t.Helper()
	e, err := Start(Options{Lookup: credentials, Timeout: time.Minute, Failed: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	e.token = "TOKEN"
	t.Cleanup(func() { _ = e.Close() })
	return e
}

const testAccount = "123456789012"

var testCredentials = Credentials{AccessKeyID: "ASIATEST", SecretAccessKey: "hush", SessionToken: "token", AccountID: testAccount,
	Expiration: time.Date(2030, 1, 1, 1, 0, 0, 0, time.UTC)}

// ask sends a request for credentials, changed by edit, and gives the status and the body.
func (e *Server) ask(t *testing.T, edit func(*http.Request)) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", e.token)
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
	if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", resp.Header)
	}
	return resp.StatusCode, string(b)
}

func TestServerAnswersWhoKnowsTheToken(t *testing.T) {
	e := startServer(t, func(context.Context) (Credentials, error) { return testCredentials, nil })
	const want = `{"AccessKeyId":"ASIATEST","SecretAccessKey":"hush","Token":"token","Expiration":"2030-01-01T01:00:00Z","AccountId":"` + testAccount + `"}`
	if status, body := e.ask(t, nil); status != http.StatusOK || body != want {
		t.Errorf("%d %s", status, body)
	}
}

func TestServerGivesNothingToOthers(t *testing.T) {
	var asked atomic.Int32
	e := startServer(t, func(context.Context) (Credentials, error) {
		asked.Add(1)
		return testCredentials, nil
	})
	_, port, err := net.SplitHostPort(e.host)
	if err != nil {
		t.Fatal(err)
	}
	authorize := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["Authorization"] = values }
	}
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	method := func(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }
	for name, test := range map[string]struct {
		edit   func(*http.Request)
		status int
	}{
		"no token":                {authorize(), 401},
		"empty token":             {authorize(""), 401},
		"another token":           {authorize("TOKEM"), 401},
		"part of the token":       {authorize("TOKE"), 401},
		"more than it":            {authorize("TOKENS"), 401},
		"with a scheme":           {authorize("Bearer TOKEN"), 401},
		"two tokens":              {authorize("TOKEN", "TOKEN"), 401},
		"token in the query":      {func(r *http.Request) { authorize()(r); r.URL.RawQuery = "token=TOKEN" }, 401},
		"a name that leads here":  {host("rebound.example:" + port), 403},
		"localhost":               {host("localhost:" + port), 403},
		"the address alone":       {host(Loopback), 403},
		"another port":            {host(Loopback + ":1"), 403},
		"another path":            {func(r *http.Request) { r.URL.Path = "/" }, 404},
		"a path below":            {func(r *http.Request) { r.URL.Path += "/x" }, 404},
		"POST":                    {method(http.MethodPost), 405},
		"HEAD":                    {method(http.MethodHead), 405},
		"OPTIONS, as of browsers": {func(r *http.Request) { r.Method = http.MethodOptions; authorize()(r) }, 401},
		"a long header":           {func(r *http.Request) { r.Header.Set("X", strings.Repeat("x", 12<<10)) }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			before := asked.Load()
			status, body := e.ask(t, test.edit)
			if status != test.status {
				t.Errorf("status %d, want %d", status, test.status)
			}
			if given := strings.Contains(body, "hush") || asked.Load() > before; given != (test.status == 200) {
				t.Errorf("given %v: %s", given, body)
			}
			var refusal map[string]string
			if err := json.Unmarshal([]byte(body), &refusal); test.status >= 400 && name != "HEAD" && (err != nil || refusal["code"] == "" || refusal["message"] == "") {
				t.Errorf("%v: %s", err, body)
			}
		})
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+e.host+path, nil)
	r.Header.Set("X", strings.Repeat("x", 32<<10))
	r.RequestURI = ""
	if resp, err := http.DefaultTransport.RoundTrip(r); err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header without end: status %d", resp.StatusCode)
		}
	}
}

// farListener accepts one connection from another machine and one from this.
type farListener struct{ conns chan net.Conn }

type farConn struct {
	net.Conn
	from net.Addr
}

func (c farConn) RemoteAddr() net.Addr { return c.from }

func (l farListener) Accept() (net.Conn, error) { return <-l.conns, nil }
func (l farListener) Close() error              { return nil }
func (l farListener) Addr() net.Addr            { return nil }

// TestServerIsForThisMachine: other addresses do not lead to it, and who comes from one all the
// same is not heard.
func TestServerIsForThisMachine(t *testing.T) {
	e := startServer(t, func(context.Context) (Credentials, error) { return testCredentials, nil })
	_, port, err := net.SplitHostPort(e.host)
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range append(addresses, &net.IPNet{IP: net.IPv6loopback}) {
		if ip := a.(*net.IPNet).IP; ip.String() != Loopback {
			conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), port), time.Second)
			if err == nil {
				conn.Close()
				t.Errorf("it listens at %s", ip)
			}
		}
	}

	ours, theirs := net.Pipe()
	near, _ := net.Pipe()
	l := farListener{make(chan net.Conn, 2)}
	l.conns <- farConn{theirs, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}}
	l.conns <- farConn{near, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}}
	conn, err := loopbackListener{l}.Accept()
	if err != nil || conn.(farConn).Conn != near {
		t.Errorf("%v, and a connection from %s", err, conn.RemoteAddr())
	}
	if _, err := ours.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the other connection: %v", err)
	}
}

func TestServerTellsWhatFailed(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		status int
	}{
		"passing":       {&diag.Error{Profile: "dev", Err: errors.New("no answer\x1b[2J"), Flags: diag.Temporary}, 503},
		"denied":        {&diag.Error{Profile: "dev", Err: errors.New("AccessDenied\x1b[2J")}, 403},
		"needs someone": {&diag.Error{Profile: "dev", Err: errors.New("a code\x1b[2J"), Flags: diag.NeedsUser}, 403},
		"config":        {&diag.Error{Profile: "dev", Problem: "a circle\x1b[2J"}, 403},
		"unknown":       {errors.New("no end\x1b[2J"), 503},
	} {
		t.Run(name, func(t *testing.T) {
			var told error
			e := startServer(t, func(context.Context) (Credentials, error) { return Credentials{}, test.err })
			e.Failed = func(err error) { told = err }
			status, body := e.ask(t, nil)
			var refusal map[string]string
			if err := json.Unmarshal([]byte(body), &refusal); err != nil || status != test.status || refusal["message"] != terminal.Printable(test.err.Error()) || strings.Contains(body, `\u001b`) {
				t.Errorf("%d %s, want %d (%v)", status, body, test.status, err)
			}
			if !errors.Is(told, test.err) {
				t.Errorf("it is told of as %v", told)
			}
		})
	}
}

// TestServerAsksOnceForAll: also for those who have no time to wait, and come again.
func TestServerAsksOnceForAll(t *testing.T) {
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	e := startServer(t, func(ctx context.Context) (Credentials, error) {
		asked <- struct{}{}
		select {
		case <-answer:
			return testCredentials, nil
		case <-ctx.Done():
			return Credentials{}, ctx.Err()
		}
	})
	impatient, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	for range 3 {
		if _, err := e.shared(impatient); !errors.Is(err, context.Canceled) {
			t.Fatalf("answered with %v", err)
		}
	}
	if len(asked) > 0 {
		t.Error("asked again while an answer is on its way")
	}
	close(answer)
	for range 2 { // at the latest the second asks anew
		if status, body := e.ask(t, nil); status != 200 {
			t.Errorf("%d %s", status, body)
		}
	}
	if len(asked) == 0 {
		t.Error("an answer is given again")
	}
}

// TestKeysThatDoNotExpireAreAskedForAgain: botocore and the JavaScript SDK want an Expiration and a
// Token.
func TestKeysThatDoNotExpireAreAskedForAgain(t *testing.T) {
	e := startServer(t, func(context.Context) (Credentials, error) {
		return Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "hush"}, nil
	})
	status, body := e.ask(t, nil)
	var got struct {
		Token      *string
		Expiration time.Time
	}
	if err := json.Unmarshal([]byte(body), &got); status != 200 || err != nil || got.Token == nil || *got.Token != "" {
		t.Fatalf("%d %s (%v)", status, body, err)
	}
	if left := time.Until(got.Expiration); left < staticLifetime-time.Minute || left > staticLifetime {
		t.Errorf("asked for again after %s", left)
	}
}
