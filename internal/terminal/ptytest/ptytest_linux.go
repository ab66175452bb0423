// Package ptytest gives tests a pseudo-terminal, on Linux.
package ptytest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hangLimit ends only what would never end.
const hangLimit = 30 * time.Second

// Open opens a pseudo-terminal: what a program writes to tty is read from screen, and what is written to screen is typed.
func Open(t testing.TB) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: no pseudo-terminal here: %v", err)
	}
	var n int
	control(t, screen, func(fd int) (err error) {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

// control calls do with a file's descriptor. File.Fd would make its reads such that Close does not end them.
func control(t testing.TB, f *os.File, do func(fd int) error) {
	t.Helper()
	c, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var done error
	if err := c.Control(func(fd uintptr) { done = do(int(fd)) }); err != nil || done != nil {
		t.Fatal(err, done)
	}
}

// Terminal is a pseudo-terminal whose screen is read all the time.
type Terminal struct {
	t      testing.TB
	screen *os.File
	TTY    *os.File // for what is to be started on it by other means than Start

	mu      sync.Mutex
	changed *sync.Cond
	shown   strings.Builder
	seen    int
	ended   bool
}

// New opens a pseudo-terminal, closed when the test ends.
func New(t testing.TB) *Terminal {
	t.Helper()
	p := &Terminal{t: t}
	p.screen, p.TTY = Open(t)
	p.changed = sync.NewCond(&p.mu)
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 4096)
		for {
			n, err := p.screen.Read(b)
			p.mu.Lock()
			p.shown.Write(b[:n])
			p.ended = err != nil // EIO when the last that has it open is gone
			p.mu.Unlock()
			p.changed.Broadcast()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = p.TTY.Close() // a test may have closed it
		<-read
		if err := p.screen.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return p
}

// Start starts a command as the first of a session whose controlling terminal this is. It is killed when the test ends.
func (p *Terminal) Start(cmd *exec.Cmd) {
	p.t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3 + len(cmd.ExtraFiles)}
	cmd.ExtraFiles = append(cmd.ExtraFiles, p.TTY)
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
}

// Await waits until the screen shows a text that Await has not seen yet.
func (p *Terminal) Await(text string) {
	p.t.Helper()
	late := false
	timer := time.AfterFunc(hangLimit, func() {
		p.mu.Lock()
		late = true
		p.mu.Unlock()
		p.changed.Broadcast()
	})
	defer timer.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		all := p.shown.String()
		if at := strings.Index(all[p.seen:], text); at >= 0 {
			p.seen += at + len(text)
			return
		}
		if late || p.ended {
			p.t.Fatalf("the terminal shows %q, and not %q after the first %d bytes", all, text, p.seen)
		}
		p.changed.Wait()
	}
}

// Shown gives everything that was shown so far.
func (p *Terminal) Shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

// Type types a text: "\n" is the return key, "\x03" Ctrl-C, "\x04" Ctrl-D, "\x1a" Ctrl-Z.
func (p *Terminal) Type(text string) {
	p.t.Helper()
	if _, err := p.screen.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// HangUp closes the terminal as its window does. Nothing is shown or typed after that.
func (p *Terminal) HangUp() {
	p.t.Helper()
	if err := errors.Join(p.TTY.Close(), p.screen.Close()); err != nil {
		p.t.Error(err)
	}
}

// Modes gives the terminal's modes.
func (p *Terminal) Modes() (modes unix.Termios) {
	p.t.Helper()
	control(p.t, p.screen, func(fd int) error {
		m, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			modes = *m
		}
		return err
	})
	return modes
}

// SetModes changes them.
func (p *Terminal) SetModes(change func(*unix.Termios)) {
	p.t.Helper()
	modes := p.Modes()
	change(&modes)
	control(p.t, p.screen, func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETS, &modes) })
}
