//go:build unix

package cli

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestAnOutputThatNobodyReadsIsAnError: it ends neither in silence nor by a signal.
func TestAnOutputThatNobodyReadsIsAnError(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.setting(t, "[profile keys]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, args := range []string{"get keys", "list", "get --help", "--version"} {
		var stderr strings.Builder
		cmd := h.command(t, strings.Fields(args)...)
		cmd.Stdout, cmd.Stderr = w, &stderr
		err := cmd.Run()
		if failed := (*exec.ExitError)(nil); !errors.As(err, &failed) || failed.ExitCode() != exitFailed || !strings.Contains(stderr.String(), "write to stdout") {
			t.Errorf("%s: %v, %q", args, err, stderr.String())
		}
	}
	cmd := h.command(t, "get", "nobody")
	cmd.Stderr = w
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != exitFailed {
		t.Errorf("with no standard error: %v", err)
	}
}

// onePiece is an output of which who reads goes away after the first piece, as head may.
type onePiece struct {
	strings.Builder
	gone bool
}

func (o *onePiece) Write(b []byte) (int, error) {
	if o.gone {
		return 0, io.ErrClosedPipe
	}
	o.gone = true
	return o.Builder.Write(b)
}

// TestWhoReadsTheFirstLinesOfHelpIsToldNoError: what fits in a pipe has been written when they go.
func TestWhoReadsTheFirstLinesOfHelpIsToldNoError(t *testing.T) {
	for _, line := range []string{"--help", "get --help", "help get", "--version", "__complete refresh --"} {
		var out onePiece
		var stderr strings.Builder
		if code := run(strings.Fields(line), &out, &stderr); code != exitDone || out.Len() == 0 || strings.Contains(stderr.String(), "write") {
			t.Errorf("%s: exit %d, %d bytes, stderr %q", line, code, out.Len(), stderr.String())
		}
	}
}
