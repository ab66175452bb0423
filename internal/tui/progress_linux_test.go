package tui

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/terminal/ptytest"
)

func TestProgressLine(t *testing.T) {
	screen, tty := ptytest.Open(t)
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 30}); err != nil {
		t.Fatal(err)
	}
	p := NewProgress(tty)
	const interval = progressInterval + 100*time.Millisecond
	const pause = progressPause + 100*time.Millisecond
	outer := p.Start(func() string { return "outer" })
	time.Sleep(interval)
	if _, err := p.Write([]byte("a message\n")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(pause)
	n := 0
	inner := p.Start(func() string {
		n++
		return fmt.Sprint(n, " is longer than the\x1b line is")
	})
	time.Sleep(interval)
	inner()
	time.Sleep(pause)
	outer()
	p.Start(func() string { return "too short to be shown" })()
	tty.Close()
	shown, _ := io.ReadAll(screen) // ends with EIO when the terminal is closed
	const erase = "\r\x1b[K"
	want := "outer ..." + erase + "a message\r\nouter ..." + erase +
		"1 is longer than the? line i…" + erase + "2 is longer than the? line i…" + erase +
		"outer ..." + erase
	if got := string(shown); got != want {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
}

func TestProgressIsForTerminalsOnly(t *testing.T) {
	var out strings.Builder
	p := NewProgress(&out)
	stop := p.Start(func() string { return "waiting" })
	time.Sleep(progressInterval + 100*time.Millisecond)
	stop()
	if out.Len() > 0 {
		t.Errorf("written: %q", out.String())
	}
}
