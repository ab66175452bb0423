//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/internal/ststest"
)

// TestWatchdogEndsTheProgram: the SDK reads the CA bundle, here a pipe, without a timeout.
func TestWatchdogEndsTheProgram(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	pipe := filepath.Join(h.dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	h.setting(t, "[profile sso]\nsso_region = us-east-1\nsso_start_url = https://x.example\n"+
		"sso_account_id = 111111111111\nsso_role_name = R")
	h.env = append(h.env, "AWS_CA_BUNDLE="+pipe)

	cmd := h.command(t, "--timeout", "1s", "get", "sso")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "timed out after 1s") {
		t.Errorf("--timeout 1s: %v, %s", err, out)
	}
	for _, command := range []string{"refresh", "get"} {
		cmd = h.command(t, command, "sso")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the program to read the pipe", func() bool {
			w, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			if err != nil {
				return false
			}
			t.Cleanup(func() { w.Close() }) // until then the program reads
			return true
		})
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), "interrupted") {
			t.Errorf("%s at a signal: %v, %s", command, err, stderr.String())
		}
	}
}

func TestInterruptedDoctorPrintsNoFindings(t *testing.T) {
	t.Parallel()
	s := startSTS(t)
	s.Fault(ststest.Fault{Kind: ststest.Swallow, Times: ststest.Always})
	cmd := newHelper(t, s).command(t, "doctor", "--online")
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a request to STS", func() bool { return len(s.Requests()) > 0 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if err == nil || stdout.Len() > 0 || stderr.String() != "aws-credproc: doctor: interrupted\n" {
		t.Errorf("error %v, stdout %s, stderr %s", err, stdout.String(), stderr.String())
	}
}
