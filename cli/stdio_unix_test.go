//go:build unix

package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestClosedStdout: it is an error if credentials are lost, and the end of the output otherwise.
func TestClosedStdout(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.setting(t, "[profile keys]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n"+
		"aws_secret_access_key = x")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, args := range []string{"get keys"} {
		var stderr strings.Builder
		cmd := h.command(t, strings.Fields(args)...)
		cmd.Stdout, cmd.Stderr = w, &stderr
		err := cmd.Run()
		if failed := (*exec.ExitError)(nil); !errors.As(err, &failed) ||
			failed.ExitCode() != exitFailed ||
			!strings.Contains(stderr.String(), "write to stdout: broken pipe") {
			t.Errorf("%s: %v, %q", args, err, stderr.String())
		}
	}
	for _, args := range []string{
		"list", "status", "explain keys", "completion bash", "setup dev --dry-run", "get --help",
		"--version",
	} {
		var stderr strings.Builder
		cmd := h.command(t, strings.Fields(args)...)
		cmd.Stdout, cmd.Stderr = w, &stderr
		if err := cmd.Run(); err != nil || stderr.Len() > 0 {
			t.Errorf("%s: %v, %q", args, err, stderr.String())
		}
	}
	cmd := h.command(t, "get", "nobody")
	cmd.Stderr = w
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("stderr is closed: %v", err)
	}
}

// A broken connection to another process is a failure, also of a command that only shows.
func TestOtherBrokenPipesAreReported(t *testing.T) {
	var stderr strings.Builder
	a := &app{console: newConsole(io.Discard, &stderr)}
	err := fail(&fs.PathError{Op: "write", Path: "/run/user/1000/bus", Err: syscall.EPIPE})
	if code := a.exit(newListCmd(a), err); code != exitFailed || stderr.Len() == 0 {
		t.Errorf("exit code %d, stderr %q", code, stderr.String())
	}
}

// oneWrite is a writer whose second write fails, as may happen with a pipe to head.
type oneWrite struct {
	strings.Builder
	gone bool
}

func (o *oneWrite) Write(b []byte) (int, error) {
	if o.gone {
		return 0, io.ErrClosedPipe
	}
	o.gone = true
	return o.Builder.Write(b)
}

// TestHelpIsOneWrite: so that "--help | head" ends without an error.
func TestHelpIsOneWrite(t *testing.T) {
	for _, line := range []string{
		"--help", "get --help", "help get", "--version", "__complete refresh --",
	} {
		var out oneWrite
		var stderr strings.Builder
		code := run(strings.Fields(line), &out, &stderr)
		if code != exitDone || out.Len() == 0 || strings.Contains(stderr.String(), "write") {
			t.Errorf("%s: exit %d, %d bytes, stderr %q", line, code, out.Len(), stderr.String())
		}
	}
}
