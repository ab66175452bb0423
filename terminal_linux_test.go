package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-credproc/credproc/ststest"
)

// openTerminal opens a pseudo-terminal: what a program writes to tty is read from screen.
func openTerminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: no pseudo-terminal here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

func TestRefreshTellsThatItWaitsOnATerminalOnly(t *testing.T) {
	s, err := newTestSTS()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Fault(ststest.Fault{Kind: ststest.Slow, Delay: 1500 * time.Millisecond, Times: ststest.Always})
	h := newHelper(t, s)
	screen, tty := openTerminal(t)
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
