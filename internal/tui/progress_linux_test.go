package tui

import (
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
	text := "outer"
	stop := p.Start(func() string { return text })
	time.Sleep(progressInterval + 100*time.Millisecond)
	if _, err := p.Write([]byte("a message\n")); err != nil {
		t.Fatal(err)
	}
	inner := p.Start(func() string { return "inner, longer than the\x1b line is" })
	time.Sleep(progressInterval + 100*time.Millisecond)
	p.mu.Lock()
	text = "outer, changed"
	p.mu.Unlock()
	inner()
	stop()
	p.Start(func() string { return "too short to be shown" })()
	tty.Close()
	shown, _ := io.ReadAll(screen) // ends with EIO when the terminal is closed
	const erase = "\r\x1b[K"
	want := "outer ..." + erase + "a message\r\nouter ..." + erase +
		"inner, longer than the? line…" + erase + "outer, changed ..." + erase
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
