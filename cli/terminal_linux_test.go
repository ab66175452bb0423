package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"
)

func TestRefreshTellsThatItWaitsOnATerminalOnly(t *testing.T) {
	s, err := newTestSTS()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Fault(ststest.Fault{Kind: ststest.Slow, Delay: 1500 * time.Millisecond, Times: ststest.Always})
	h := newHelper(t, s)
	screen, tty := ptytest.Open(t)
	defer screen.Close()

	cmd := h.command(t, "refresh", "dev")
	cmd.Stdout, cmd.Stderr = tty, tty
	var shown bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = shown.ReadFrom(screen) // ends with EIO when the last writer is gone
	}()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	<-read
	waiting, rest, found := strings.Cut(shown.String(), "\r\x1b[K")
	if waiting != "dev: waiting for STS ..." || !found || !strings.HasPrefix(rest, "dev: refreshed, good for ") {
		t.Errorf("the terminal shows %q", shown.String())
	}

	cmd = h.command(t, "refresh", "dev")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("without a terminal: %v, stderr %q", err, stderr.String())
	}
}

// TestWhoInterruptsThePromptIsAskedAgain: at once, by whatever is started next.
func TestWhoInterruptsThePromptIsAskedAgain(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.setting(t, "mfa_serial = arn:aws:iam::"+testAccount+":mfa/jill")
	for range 2 {
		p := ptytest.New(t)
		cmd := h.command(t, "get", "dev")
		cmd.Env = append(cmd.Env, "DISPLAY=", "WAYLAND_DISPLAY=")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		p.Start(cmd)
		p.Await("Code of MFA device")
		p.Type("\x03")
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(stderr.String(), "and not given") {
			t.Errorf("%v: %s", err, stderr.String())
		}
	}
}
