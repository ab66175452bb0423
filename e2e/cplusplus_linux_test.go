package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
)

// s3Server answers requests for objects and records their headers.
type s3Server struct {
	*httptest.Server
	mu      sync.Mutex
	headers []http.Header
}

func startS3(t *testing.T) *s3Server {
	t.Helper()
	s := &s3Server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.headers = append(s.headers, r.Header.Clone())
		w.Header().Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
		w.Header().Set("Content-Length", "1")
	}))
	t.Cleanup(s.Close)
	return s
}

// taken returns the headers of the requests since the last call.
func (s *s3Server) taken() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.headers
	s.headers = nil
	return taken
}

// signer matches the access key ID in an Authorization header.
var signer = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=(ASIA[A-Z0-9]+)/`)

// TestE2ECPlusPlus: the AWS SDK for C++ of PyArrow 21 runs "get" with "2>&1". Anything on stderr
// would make it send unsigned requests. What "get" leaves out is in status.
func TestE2ECPlusPlus(t *testing.T) {
	need(t, hasPyArrow(t), "PyArrow")
	program := buildProgram(t)
	object := startS3(t)
	outage := func(t *testing.T, k *keyringTest) {
		k.sts.SetMaxSkew(2 * time.Hour)
		k.sts.SetNow(func() time.Time { return time.Now().Add(-50 * time.Minute) })
		k.ok(t, program, "refresh", "dev-role")
		k.sts.SetNow(nil)
		k.sts.Fault(ststest.Fault{
			Kind: ststest.Fail, Status: http.StatusServiceUnavailable, Times: ststest.Always,
		})
	}
	for name, test := range map[string]struct {
		env     []string
		prepare func(t *testing.T, k *keyringTest)
		stderr  string // of get
		status  string // the reason in the output of status
	}{
		"locked keyring": {
			prepare: func(t *testing.T, k *keyringTest) {
				service := startSecretService(t)
				service.lock(t)
				k.home = k.with(append(service.env, "AWS_CREDPROC_STORE=keyring")...)
			},
			stderr: "the new session could not be cached", status: "keyring: locked",
		},
		"outage": {
			env: []string{"AWS_MAX_ATTEMPTS=1"}, prepare: outage,
			stderr: "returning the cached session", status: "503",
		},
		"unusable state directory": {
			prepare: func(t *testing.T, k *keyringTest) {
				if err := os.WriteFile(filepath.Join(k.dir, "state"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			stderr: "sessions are not cached", status: "New sessions: not cached (",
		},
		"verbose": {
			env: []string{"AWS_CREDPROC_VERBOSE=1"}, prepare: func(*testing.T, *keyringTest) {},
			stderr: "read the config files",
		},
		"unusable variable": {
			env: []string{"AWS_CREDPROC_TIMEOUT=soon"}, prepare: func(*testing.T, *keyringTest) {},
			stderr: "AWS_CREDPROC_TIMEOUT",
		},
		"stderr of a nested process": {
			prepare: func(t *testing.T, k *keyringTest) {
				keys := `{"Version":1,"AccessKeyId":"` + k.user.Key.ID + `","SecretAccessKey":"` +
					k.user.Key.Secret + `"}`
				k.write(t, "keys.json", keys)
				k.write(t, "credentials", "")
				k.write(t, "config", k.config("eu-west-1", "role/Dev", "", k.sts.URL)+
					"[profile base]\ncredential_process = echo nested >&2; cat "+k.path("keys.json")+"\n")
			},
			stderr: "nested",
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeyringTest(t, program, append(test.env, "AWS_PROFILE=dev")...)
			k.home = k.with("AWS_CREDPROC_STORE=file")
			test.prepare(t, k)
			config, err := os.ReadFile(k.path("config"))
			if err != nil {
				t.Fatal(err)
			}
			k.write(t, "config", string(config)+
				"\n[profile dev]\nregion = us-east-1\ncredential_process = "+program+" get dev-role\n")

			object.taken()
			k.ok(t, python(t), repoPath(t, "testdata", "e2e", "s3object.py"),
				strings.TrimPrefix(object.URL, "http://"))
			requests := object.taken()
			if len(requests) == 0 {
				t.Error("no requests")
			}
			for _, header := range requests {
				if !signer.MatchString(header.Get("Authorization")) ||
					header.Get("X-Amz-Security-Token") == "" {
					t.Error("an unsigned request")
				}
			}

			if test.status != "" {
				out := k.ok(t, program, "status")
				if out = strings.Join(strings.Fields(out), " "); !strings.Contains(out, test.status) {
					t.Errorf("status does not contain %q: %s", test.status, out)
				}
			}
			k.run(t, program, "clear", "--all") // fails where the keyring or the directory does
			if name == "outage" {
				k.sts.ClearFaults()
				outage(t, k)
			}
			// stderr is not stdout: the message is printed.
			r := k.run(t, program, "get", "dev-role")
			if r.code != 0 || r.stdout == "" || !strings.Contains(r.stderr, test.stderr) {
				t.Errorf("exit code %d, stderr %s", r.code, r.stderr)
			}
		})
	}
}

func hasPyArrow(t *testing.T) bool {
	t.Helper()
	return exec.Command(python(t), "-c", "import pyarrow.fs").Run() == nil
}
