package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Whichever file is the one too many: what would mend another failure to open it is not what helps.
func TestLimitOfOpenFilesIsSaid(t *testing.T) {
	h := newHelper(t, startSTS(t))
	bundle := filepath.Join(h.dir, "ca.pem")
	if err := os.WriteFile(bundle, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{"config: cannot be read: ": false, "CA bundle: ": false}
	for limit := 8; limit <= 24+handedDown(t); limit++ { // the Go runtime itself needs as many or so
		get := h.command(t, "get", "dev")
		cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `ulimit -n "$0"; exec "$@"`, strconv.Itoa(limit)}, get.Args...)...)
		cmd.Dir, cmd.Env = get.Dir, append(get.Env, "AWS_CA_BUNDLE="+bundle)
		out, _ := cmd.CombinedOutput() // it says what failed
		for what := range told {
			_, hint, hinted := strings.Cut(string(out), "too many open files\naws-credproc: hint: ")
			if strings.Contains(string(out), what) && hinted {
				told[what] = true
				if hint != "raise the limit on open files (ulimit -n)\n" {
					t.Errorf("limit %d: %s", limit, out)
				}
			}
		}
	}
	for what, seen := range told {
		if !seen {
			t.Errorf("never told: %s", what)
		}
	}
}

// handedDown counts the files that this process was started with, beside the standard streams, and
// that its children have open too.
func handedDown(t *testing.T) (n int) {
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
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 && fd > 2 {
			n++
		}
	}
	return n
}
