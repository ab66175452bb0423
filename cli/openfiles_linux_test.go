package cli

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestOpenFileLimitIsReported: the hint is about the limit, no matter which file cannot be opened.
func TestOpenFileLimitIsReported(t *testing.T) {
	h := newHelper(t, startSTS(t))
	bundle := filepath.Join(h.dir, "ca.pem")
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: server.Certificate().Raw,
	})
	if err := os.WriteFile(bundle, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	reported := map[string]bool{
		"config: cannot be read: ": false, "CA bundle: ": false, "socket: ": false,
	}
	for limit := 8; limit <= 24+inheritedFiles(t); limit++ { // the Go runtime needs some
		get := h.command(t, "get", "dev")
		args := append([]string{"-c", `ulimit -n "$0"; exec "$@"`, strconv.Itoa(limit)}, get.Args...)
		cmd := exec.CommandContext(t.Context(), "sh", args...)
		cmd.Dir, cmd.Env = get.Dir, append(get.Env, "AWS_CA_BUNDLE="+bundle)
		out, _ := cmd.CombinedOutput() // the output has the error
		for what := range reported {
			_, hint, hinted := strings.Cut(string(out), "too many open files\naws-credproc: hint: ")
			if strings.Contains(string(out), what) && hinted {
				reported[what] = true
				if hint != "raise the limit on open files (ulimit -n)\n" {
					t.Errorf("limit %d: %s", limit, out)
				}
			}
		}
	}
	for what, seen := range reported {
		if !seen {
			t.Errorf("never reported: %s", what)
		}
	}
}

// inheritedFiles returns the number of files that this process has inherited, and its children
// inherit, without the standard streams.
func inheritedFiles(t *testing.T) (n int) {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range open {
		fd, err := strconv.Atoi(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC == 0 && fd > 2 {
			n++
		}
	}
	return n
}
