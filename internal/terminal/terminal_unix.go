//go:build unix

package terminal

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is the controlling terminal. Only Write is safe for concurrent use.
type Terminal struct{ fd int }

// Open opens the controlling terminal. The error is [ErrNone], or [ErrBackground] if reading would
// stop this process.
func Open() (*Terminal, error) {
	// os.OpenFile uses the poller, which does not support terminals on all systems. O_NONBLOCK is
	// needed because another process may read the line that select has reported.
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := unix.Open("/dev/tty", flags, 0)
	if err != nil {
		return nil, ErrNone
	}
	t := &Terminal{fd}
	if !t.inForeground() {
		return nil, errors.Join(ErrBackground, t.Close())
	}
	return t, nil
}

// Close closes the terminal.
func (t *Terminal) Close() error { return unix.Close(t.fd) }

// Name returns a name for locks that is the same for all processes at this terminal. Other
// terminals may have the same name.
func (t *Terminal) Name() string {
	session, _ := unix.Getsid(0) // cannot fail for this process
	return fmt.Sprintf("terminal-%d", session%16)
}

// inForeground reports whether this process may use the terminal.
func (t *Terminal) inForeground() bool {
	group, err := t.foregroundGroup()
	return err == nil && group == unix.Getpgrp()
}

// foregroundGroup returns the foreground process group. It fails if the terminal was closed.
func (t *Terminal) foregroundGroup() (int, error) { return unix.IoctlGetInt(t.fd, unix.TIOCGPGRP) }

// writeLimit is how long Write waits while output is stopped (Ctrl-S).
const writeLimit = time.Second

// Write shows text. In the background it returns [ErrBackground], because "stty tostop" makes a
// write stop this process.
func (t *Terminal) Write(b []byte) (int, error) {
	if !t.inForeground() {
		return 0, ErrBackground
	}
	n := 0
	for n < len(b) {
		done, err := unix.Write(t.fd, b[n:])
		if errors.Is(err, unix.EAGAIN) {
			var timeout bool
			if timeout, err = ready(nil, []int{t.fd}, writeLimit); timeout {
				err = errors.New("output is stopped")
			}
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return n, fmt.Errorf("write to the terminal: %w", err)
		}
		n += max(done, 0)
	}
	return n, nil
}

// setModes changes the terminal modes with an ioctl: [setTermios], or [setTermiosFlush] to discard
// what was typed before. restore restores the old modes if this process is in the foreground.
func (t *Terminal) setModes(
	ioctl uint, change func(*unix.Termios),
) (restore func() error, err error) {
	old, err := unix.IoctlGetTermios(t.fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("get terminal modes: %w", err)
	}
	modes := *old
	change(&modes)
	set := func(ioctl uint, modes *unix.Termios) error {
		if err := unix.IoctlSetTermios(t.fd, ioctl, modes); err != nil {
			return fmt.Errorf("set terminal modes: %w", err)
		}
		return nil
	}
	if modes == *old && ioctl == setTermios {
		return func() error { return nil }, nil
	}
	return func() error {
		if !t.inForeground() {
			return nil // the shell sets the modes
		}
		return set(setTermios, old)
	}, set(ioctl, &modes)
}
