package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

func TestStatusWatchesUntilItIsInterrupted(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	if _, stderr, err := h.run(t, "get", "dev"); err != nil {
		t.Fatal(stderr)
	}
	for _, noColour := range []string{"", "1"} {
		screen, tty := ptytest.Open(t)
		defer screen.Close()
		cmd := h.command(t, "status", "--watch")
		cmd.Env = append(cmd.Env, "NO_COLOR="+noColour, "TERM=xterm")
		cmd.Stdout = tty
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		tty.Close()
		if err := screen.SetReadDeadline(time.Now().Add(hangLimit)); err != nil {
			t.Fatal(err)
		}
		var shown bytes.Buffer
		for b := make([]byte, 4096); bytes.Count(shown.Bytes(), []byte("\x1b[H\x1b[J")) < 2; {
			n, err := screen.Read(b)
			if err != nil {
				t.Fatalf("%v; the terminal shows %q", err, shown.String())
			}
			shown.Write(b[:n])
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || !strings.Contains(shown.String(), "59m") || strings.Contains(shown.String(), "\x1b[32m") != (noColour == "") {
			t.Errorf("NO_COLOR=%s: error %v, the terminal shows %q", noColour, err, shown.String())
		}
	}
	if out, stderr, err := h.run(t, "status", "--watch"); err == nil || out != "" || !strings.Contains(stderr, "on a terminal") {
		t.Errorf("without a terminal: %v, %s", err, stderr)
	}
}

// endWatch ends a command that watches, as Ctrl-C does.
func endWatch(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestStatusShowsItsWarningsOnThePage: while what they tell of is so; what comes before a page is wiped away.
func TestStatusShowsItsWarningsOnThePage(t *testing.T) {
	h := newHelper(t, startSTS(t))
	config := filepath.Join(h.dir, "config")
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("broken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := ptytest.New(t)
	cmd := h.command(t, "status", "--watch")
	cmd.Stdout, cmd.Stderr = p.TTY, p.TTY
	p.Start(cmd)
	p.Await("\x1b[H\x1b[Jwarning: ")
	p.Await("\x1b[H\x1b[Jwarning: ")
	if err := os.WriteFile(config, good, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Await("\x1b[H\x1b[Jno sessions")
	endWatch(t, cmd)
}

func TestStatusWatchesNoMoreThanTheScreenHolds(t *testing.T) {
	h := newHelper(t, startSTS(t))
	if _, stderr, err := h.run(t, "get", "dev"); err != nil {
		t.Fatal(stderr)
	}
	p := ptytest.New(t)
	if err := unix.IoctlSetWinsize(int(p.TTY.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 3, Col: 120}); err != nil {
		t.Fatal(err)
	}
	cmd := h.command(t, "status", "--watch")
	cmd.Env = append(cmd.Env, "NO_COLOR=1")
	cmd.Stdout, cmd.Stderr = p.TTY, p.TTY
	p.Start(cmd)
	p.Await("SERVES\r\n... 3 more lines\r\n\x1b[H\x1b[J")
	endWatch(t, cmd)
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
