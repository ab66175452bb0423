package cli

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestCABundleIsTrusted(t *testing.T) {
	s := startSTS(t)
	server := httptest.NewTLSServer(s.Handler())
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	noPEM := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(noPEM, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ env, setting, wantErr string }{
		"none":              {"AWS_CA_BUNDLE=", "", "certificate"},
		"variable":          {"AWS_CA_BUNDLE=" + bundle, "", ""},
		"profile's setting": {"AWS_CA_BUNDLE=", "ca_bundle = " + bundle, ""},
		"no such file":      {"AWS_CA_BUNDLE=" + bundle + "x", "", "CA bundle: "},
		"no certificate":    {"AWS_CA_BUNDLE=" + noPEM, "", "has no PEM certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHelper(t, s)
			h.env = append(h.env, "AWS_ENDPOINT_URL_STS="+server.URL, "AWS_MAX_ATTEMPTS=1", test.env)
			h.setting(t, test.setting)
			out, err := h.command(t, "get", "dev").CombinedOutput()
			if (err == nil) != (test.wantErr == "") || !strings.Contains(string(out), test.wantErr) {
				t.Errorf("error %v, output %.300s", err, out)
			}
		})
	}
}

func TestProxyIsUsed(t *testing.T) {
	s := startSTS(t)
	var requests atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		s.Handler().ServeHTTP(w, r) // the Host header is the one that was signed
	}))
	defer proxy.Close()
	h := newHelper(t, s)
	h.env = append(h.env, "AWS_ENDPOINT_URL_STS=http://sts.invalid", "HTTP_PROXY="+proxy.URL,
		"NO_PROXY=")
	out, err := h.command(t, "get", "dev").CombinedOutput()
	if err != nil || requests.Load() != 1 {
		t.Errorf("%v, %d requests through the proxy: %.300s", err, requests.Load(), out)
	}
	h = newHelper(t, s)
	h.env = append(h.env, "AWS_ENDPOINT_URL_STS=http://sts.invalid", "HTTP_PROXY="+proxy.URL,
		"NO_PROXY=sts.invalid", "AWS_MAX_ATTEMPTS=1")
	out, err = h.command(t, "get", "dev").CombinedOutput()
	if err == nil || requests.Load() != 1 {
		t.Errorf("NO_PROXY is ignored: %.300s", out)
	}
}

func TestRetrySettings(t *testing.T) {
	for name, test := range map[string]struct {
		env, setting string
		calls        int
		wantErr      string
	}{
		"three by default":      {"AWS_MAX_ATTEMPTS=", "", 3, "Throttling"},
		"variable":              {"AWS_MAX_ATTEMPTS=2", "", 2, "Throttling"},
		"profile's setting":     {"AWS_MAX_ATTEMPTS=", "max_attempts = 1", 1, "Throttling"},
		"not a number":          {"AWS_MAX_ATTEMPTS=many", "", 0, "not a number above 0"},
		"adaptive":              {"AWS_RETRY_MODE=adaptive", "max_attempts = 2", 2, "Throttling"},
		"legacy is standard":    {"AWS_RETRY_MODE=legacy", "max_attempts = 2", 2, "Throttling"},
		"no such mode":          {"AWS_RETRY_MODE=hasty", "", 0, "hasty"},
		"no such mode, setting": {"AWS_RETRY_MODE=", "retry_mode = hasty", 0, "hasty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the SDK waits between its attempts
			s := startSTS(t)
			s.Fault(faults["throttle"])
			h := newHelper(t, s)
			h.env = append(h.env, test.env)
			h.setting(t, test.setting)
			out, err := h.command(t, "get", "dev").CombinedOutput()
			calls := s.Calls("AssumeRole")
			if err == nil || !strings.Contains(string(out), test.wantErr) || calls != test.calls {
				t.Errorf("%d calls, want %d: %.300s", calls, test.calls, out)
			}
		})
	}
}
