package cli

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSSORegionAndProxy: SSO is called in sso_region, not in region, and through the proxy. It
// needs a process, because Go reads the proxy variables once.
func TestSSORegionAndProxy(t *testing.T) {
	requests := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		requests <- r.Method + " " + r.Host
		rw.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	s, err := newTestSTS()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for name, test := range map[string]struct{ token, want string }{
		"portal": {
			`{"accessToken":"x","expiresAt":"` + expires + `"}`,
			"CONNECT portal.sso.eu-west-3.amazonaws.com:443",
		},
		"refresh": {
			`{"accessToken":"x","expiresAt":"2020-01-01T00:00:00Z","refreshToken":"x",
			"clientId":"x","clientSecret":"x"}`,
			"CONNECT oidc.eu-west-3.amazonaws.com:443",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHelper(t, s)
			sum := sha1.Sum([]byte("corp"))
			cached := filepath.Join(h.dir, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
			if err := os.MkdirAll(filepath.Dir(cached), 0o700); err != nil {
				t.Fatal(err)
			}
			for path, text := range map[string]string{
				cached: test.token,
				filepath.Join(h.dir, "config"): "[profile corp]\nregion = us-west-2\n" +
					"sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n" +
					"[sso-session corp]\nsso_region = eu-west-3\n" +
					"sso_start_url = https://example.awsapps.com/start\n",
			} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			cmd := h.command(t, "get", "corp")
			cmd.Env = append(cmd.Env, "HOME="+h.dir, "USERPROFILE="+h.dir,
				"HTTPS_PROXY="+proxy.URL, "NO_PROXY=", "AWS_MAX_ATTEMPTS=1", "AWS_REGION=")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			const want = "cannot reach IAM Identity Center (SSO): Forbidden\n" +
				"aws-credproc: hint: check the network and the proxy"
			if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), want) {
				t.Errorf("%v, stderr %s", err, stderr.String())
			}
			select {
			case got := <-requests:
				if got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
			default:
				t.Error("no request to the proxy")
			}
		})
	}
}
