package credproc

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
)

// useSTS makes a handler the STS of a role's profile dev.
func useSTS(t *testing.T, w *fixture, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ENDPOINT_URL_STS", server.URL)
	w.config("[profile dev]\nrole_arn = " + devARN + "\nsource_profile = leaf\n[profile leaf]\n" +
		"aws_access_key_id = AKIA\naws_secret_access_key = x\n")
}

func TestResponseOfSTSIsBounded(t *testing.T) {
	const much = 64 * maxAnswer
	for _, status := range []int{http.StatusOK, http.StatusForbidden} {
		w := newFixture(t)
		var sent atomic.Int64
		done := make(chan struct{}, 1)
		useSTS(t, w, func(rw http.ResponseWriter, _ *http.Request) {
			defer func() { done <- struct{}{} }()
			rw.WriteHeader(status)
			for sent.Load() < much {
				n, err := rw.Write([]byte(strings.Repeat(" ", 16<<10)))
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		})
		if _, err := w.get("dev"); err == nil {
			t.Errorf("status %d: it succeeded", status)
		}
		<-done
		if n := sent.Load(); n >= much { // the rest is in the buffers of the sockets
			t.Errorf("status %d: %d bytes are read", status, n)
		}
	}
}

// STS sends no such statuses. After a 101, the body is the connection, which may not end.
func TestStatusThatSTSDoesNotSend(t *testing.T) {
	for _, status := range []string{"101 Switching Protocols", "304 Not Modified", "399 Other"} {
		w := newFixture(t)
		useSTS(t, w, func(rw http.ResponseWriter, _ *http.Request) {
			conn, out, err := rw.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, err = out.WriteString("HTTP/1.1 " + status + "\r\nConnection: upgrade\r\n\r\n<x>hush</x>")
			if err != nil || out.Flush() != nil || !strings.HasPrefix(status, "101") {
				conn.Close()
				return
			}
			t.Cleanup(func() { conn.Close() })
		})
		_, err := w.get("dev")
		if err == nil || !strings.Contains(diag.Text(err), "did not come from STS: status "+status[:3]) {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// The SDK sets the limits of defaults_mode only for a client of its own type.
func TestDefaultsModeLimitsConnections(t *testing.T) {
	for mode, want := range map[string]time.Duration{
		"": 10 * time.Second, "legacy": 10 * time.Second, "standard": 3100 * time.Millisecond,
		"in-region": 1100 * time.Millisecond, "auto": 3100 * time.Millisecond,
	} {
		w := newFixture(t)
		setting := ""
		if mode != "" {
			setting = "defaults_mode = " + mode + "\n"
		}
		w.config("[profile leaf]\nsso_session = corp\nregion = eu-west-1\n" + setting + ssoProfile + ssoSessionSection)
		c, err := w.chain("leaf")
		must(t, err)
		p, err := plan.New(c, os.Getenv)
		must(t, err)
		cfg, err := sdkConfig(t.Context(), source{Resolver: w.resolver, plan: p})
		must(t, err)
		client, ok := cfg.HTTPClient.(*http.Client)
		if !ok {
			t.Fatalf("the client is a %T", cfg.HTTPClient)
		}
		if got := client.Transport.(*http.Transport).TLSHandshakeTimeout; got != want {
			t.Errorf("%q: TLS handshakes may take %s, want %s", mode, got, want)
		}
	}
}
