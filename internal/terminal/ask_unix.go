//go:build unix

package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// errAskAgain means that this process was stopped or lost the foreground during a question.
var errAskAgain = errors.New("interrupted by job control")

// ask shows a question and reads a line. The error is the cause of ctx, or io.EOF at the end of
// input. The user may stop this process and continue it in the background. ask then waits for the
// foreground and asks again.
func (t *Terminal) ask(ctx context.Context, question string, hidden bool) (line string, err error) {
	// By default, reading or changing modes in the background stops the whole process group,
	// including the parent. With these signals ignored, the calls fail with EIO instead.
	signal.Ignore(unix.SIGTTIN, unix.SIGTTOU)
	defer signal.Reset(unix.SIGTTIN, unix.SIGTTOU)
	e, err := newEvents(ctx)
	if err != nil {
		return "", err
	}
	defer e.close()
	defer func() {
		if err != nil && t.inForeground() {
			_, _ = t.Write([]byte("\n")) // the next output starts on a new line
		}
	}()
	for {
		if err := t.awaitForeground(e); err != nil {
			return "", err
		}
		line, err := t.askOnce(question, hidden, e)
		if !errors.Is(err, errAskAgain) {
			return line, err
		}
	}
}

// askOnce shows the question and reads a line. It enables line input, signals and, unless hidden,
// echo, because another program may have disabled them. It returns errAskAgain if this process was
// stopped or lost the foreground.
func (t *Terminal) askOnce(question string, hidden bool, e *events) (line string, err error) {
	restore, err := t.setModes(setTermios, func(m *unix.Termios) {
		m.Iflag |= unix.ICRNL
		m.Oflag |= unix.OPOST | unix.ONLCR
		m.Lflag |= unix.ICANON | unix.ISIG | unix.ECHO
		if hidden {
			m.Lflag &^= unix.ECHO
		}
	})
	if err != nil {
		return "", t.unlessBackground(err)
	}
	defer func() {
		if restoreErr := restore(); err == nil {
			err = restoreErr
		}
	}()
	if _, err := t.Write([]byte(question)); err != nil {
		return "", t.unlessBackground(err)
	}
	line, err = t.readLine(e)
	if hidden && err == nil {
		_, _ = t.Write([]byte("\n")) // the newline was not echoed
	}
	return line, err
}

// unlessBackground returns err, or errAskAgain if this process has lost the foreground.
func (t *Terminal) unlessBackground(err error) error {
	if !t.inForeground() {
		return errAskAgain
	}
	return err
}

// readLine reads a line.
func (t *Terminal) readLine(e *events) (string, error) {
	var typed []byte
	for len(typed) < maxLine {
		if _, err := ready([]int{t.fd, e.fd()}, nil, -1); err != nil {
			return "", err
		}
		if err := e.next(); err != nil {
			return "", err
		}
		b, err := t.read(maxLine)
		if err != nil {
			return "", err
		}
		typed = append(typed, b...)
		if line, _, found := bytes.Cut(typed, []byte("\n")); found {
			return string(line), nil
		}
	}
	return "", errLongLine
}

// read returns the input that is there, if any, up to limit bytes.
func (t *Terminal) read(limit int) ([]byte, error) {
	b := make([]byte, limit)
	n, err := unix.Read(t.fd, b)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil, nil
	case err == unix.EIO:
		return nil, t.unlessBackground(fmt.Errorf("read from the terminal: %w", err))
	case err != nil:
		return nil, fmt.Errorf("read from the terminal: %w", err)
	case n == 0:
		return nil, io.EOF
	}
	return b[:n], nil
}

// pollInterval is how often awaitForeground checks. There is no notification.
const pollInterval = 200 * time.Millisecond

// awaitForeground waits until this process is in the foreground. It returns io.EOF if the terminal
// is closed.
func (t *Terminal) awaitForeground(e *events) error {
	for !t.inForeground() {
		if _, err := t.foregroundGroup(); err != nil {
			return io.EOF
		}
		if _, err := ready([]int{e.fd()}, nil, pollInterval); err != nil {
			return err
		}
		if err := e.next(); err != nil && !errors.Is(err, errAskAgain) {
			return err
		}
	}
	return nil
}
