// Package ptytest provides pseudo-terminals for tests on Linux.
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

// hangLimit is how long Await waits before it fails the test.
const hangLimit = 30 * time.Second

// Open opens a pseudo-terminal. Output to tty is read from screen, and input is written to screen.
func Open(t testing.TB) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: no pseudo-terminal: %v", err)
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

// control calls do with a file descriptor. File.Fd would set blocking mode, in which Close does not
// interrupt reads.
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

// Terminal is a pseudo-terminal whose output is recorded.
type Terminal struct {
	t      testing.TB
	screen *os.File
	TTY    *os.File // for stdin, stdout and stderr of commands

	mu      sync.Mutex
	changed *sync.Cond
	shown   strings.Builder
	seen    int // length of the text that Await has matched
	ended   bool
}

// New opens a pseudo-terminal and closes it at the end of the test.
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
			p.ended = err != nil // EIO after the last process has closed it
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

// Start starts a command as the leader of a new session with p as its controlling terminal. The
// command is killed at the end of the test.
func (p *Terminal) Start(cmd *exec.Cmd) {
	p.t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid: true, Setctty: true, Ctty: 3 + len(cmd.ExtraFiles),
	}
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

// Await waits for text in the output after the previous match of Await.
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
			p.t.Fatalf("screen %q; want %q after the first %d bytes", all, text, p.seen)
		}
		p.changed.Wait()
	}
}

// Shown returns all output so far.
func (p *Terminal) Shown() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

// Type types text. "\n" is Enter, "\x03" Ctrl-C, "\x04" Ctrl-D and "\x1a" Ctrl-Z.
func (p *Terminal) Type(text string) {
	p.t.Helper()
	if _, err := p.screen.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// HangUp closes the terminal.
func (p *Terminal) HangUp() {
	p.t.Helper()
	if err := errors.Join(p.TTY.Close(), p.screen.Close()); err != nil {
		p.t.Error(err)
	}
}

// Modes returns the terminal modes.
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

// SetModes changes the terminal modes.
func (p *Terminal) SetModes(change func(*unix.Termios)) {
	p.t.Helper()
	modes := p.Modes()
	change(&modes)
	control(p.t, p.screen, func(fd int) error { return unix.IoctlSetTermios(fd, unix.TCSETS, &modes) })
}
