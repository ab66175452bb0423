//go:build unix

package terminal

import (
	"bytes"
	"context"
	"errors"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// suspendKey is Ctrl-Z.
const suspendKey = 0x1a

// errSuspend means that the user has typed suspendKey.
var errSuspend = errors.New("stopped by job control")

// suspendLimit is how long suspend waits for the process to stop.
const suspendLimit = 100 * time.Millisecond

// ShowPage shows a page until it is done, and passes on what the user types, without echo. It
// discards what was typed before. The error is the cause of ctx, or io.EOF if the terminal was
// closed. While this process is stopped by Ctrl-Z or is in the background, the terminal is as before.
func (t *Terminal) ShowPage(ctx context.Context, p Page) error {
	signal.Ignore(unix.SIGTTIN, unix.SIGTTOU) // see ask
	defer signal.Reset(unix.SIGTTIN, unix.SIGTTOU)
	e, err := newEvents(ctx, unix.SIGQUIT, unix.SIGWINCH)
	if err != nil {
		return err
	}
	defer e.close()
	for {
		if err := t.awaitForeground(e); err != nil {
			return err
		}
		err := t.showOnce(p, e)
		if errors.Is(err, errSuspend) {
			err = suspend(e)
		}
		if !errors.Is(err, errAskAgain) {
			return err
		}
	}
}

// showOnce is ShowPage until this process is stopped or loses the foreground.
func (t *Terminal) showOnce(p Page, e *events) (err error) {
	restore, err := t.setModes(setTermiosFlush, func(m *unix.Termios) {
		m.Iflag &^= unix.IXON
		m.Oflag |= unix.OPOST | unix.ONLCR
		m.Lflag |= unix.ISIG
		m.Lflag &^= unix.ICANON | unix.ECHO | unix.IEXTEN
		m.Cc[unix.VMIN], m.Cc[unix.VTIME] = 1, 0
		m.Cc[unix.VSUSP] = noKey
	})
	if err != nil {
		return t.unlessBackground(err)
	}
	defer func() {
		_, _ = t.Write([]byte(p.Leave)) // in the background, the terminal is not this process's
		if restoreErr := restore(); err == nil {
			err = restoreErr
		}
	}()
	if _, err := t.Write([]byte(p.Enter)); err != nil {
		return t.unlessBackground(err)
	}
	pause := time.Duration(-1)
	for {
		if err := t.draw(p); err != nil {
			return t.unlessBackground(err)
		}
		paused, err := ready([]int{t.fd, e.fd()}, nil, pause)
		if err != nil {
			return err
		}
		if err := e.next(); err != nil {
			return err
		}
		b, err := t.read(1) // the rest may be for another program
		if err != nil {
			return err
		}
		pause = -1
		if len(b) > 0 {
			pause = keyPause
		}
		if bytes.Equal(b, []byte{suspendKey}) {
			return errSuspend
		}
		if (paused || len(b) > 0) && p.Typed(b) {
			return nil
		}
	}
}

// draw draws a page, unless there is more input.
func (t *Terminal) draw(p Page) error {
	if idle, err := ready([]int{t.fd}, nil, 0); err != nil || !idle {
		return err
	}
	width, height, err := term.GetSize(t.fd)
	if err != nil {
		width, height = 0, 0
	}
	_, err = t.Write(p.Draw(width, height))
	return err
}

// suspend stops the process group, as Ctrl-Z does. It returns errAskAgain when the process is
// continued, or if it was not stopped: in a $(command), shells ignore the signal, because nothing
// would continue the command. Package os/signal cannot be used: it would forget that.
func suspend(e *events) error {
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return err
	}
	if _, err := ready([]int{e.fd()}, nil, suspendLimit); err != nil {
		return err
	}
	if err := e.next(); err != nil {
		return err
	}
	return errAskAgain
}
