package credproc

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

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
