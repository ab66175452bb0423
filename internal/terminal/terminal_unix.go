//go:build unix

package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is the controlling terminal. It is not safe for concurrent use, but for Write.
type Terminal struct{ fd int }

// Open opens the controlling terminal: ErrNone where there is none, ErrBackground where this process would be stopped if
// it read from it.
func Open() (*Terminal, error) {
	// Not os.OpenFile: the poller cannot wait for a terminal everywhere. O_NONBLOCK is of this descriptor alone: another
	// process may read the line that this one was told is there.
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, ErrNone
	}
	t := &Terminal{fd}
	if !t.inForeground() {
		return nil, errors.Join(ErrBackground, t.Close())
	}
	return t, nil
}

func (t *Terminal) inForeground() bool {
	group, err := t.group()
	return err == nil && group == unix.Getpgrp()
}

// group gives the process group in the foreground; the error says that the terminal is gone.
func (t *Terminal) group() (int, error) { return unix.IoctlGetInt(t.fd, unix.TIOCGPGRP) }

func (t *Terminal) Close() error { return unix.Close(t.fd) }

// Name is the same for all who share this terminal, for a lock of theirs. It is one of few: others may have it too.
func (t *Terminal) Name() string {
	session, _ := unix.Getsid(0) // of this very process, which cannot fail
	return fmt.Sprintf("terminal-%d", session%16)
}

// writePatience is how long a terminal that somebody has stopped (Ctrl-S) is waited for.
const writePatience = time.Second

// Write shows text; from the background it is ErrBackground, as a terminal may be set so that it stops who writes there.
func (t *Terminal) Write(b []byte) (int, error) {
	if !t.inForeground() {
		return 0, ErrBackground
	}
	n := 0
	for n < len(b) {
		done, err := unix.Write(t.fd, b[n:])
		if err == unix.EAGAIN {
			var timeout bool
			if timeout, err = ready(nil, []int{t.fd}, writePatience); timeout {
				err = errors.New("it takes no output")
			}
		}
		if err != nil && err != unix.EINTR {
			return n, fmt.Errorf("write to the terminal: %w", err)
		}
		n += max(done, 0)
	}
	return n, nil
}

// ask shows a question and reads a line, which is shown as it is typed unless it is hidden. The error is ctx's cause, or
// io.EOF if nothing will be typed any more.
//
// A person may stop this process and let it go on in the background meanwhile. It then waits until it is in the
// foreground again, and puts the question once more.
func (t *Terminal) ask(ctx context.Context, question string, hidden bool) (line string, err error) {
	// Else to read, or to change the modes, from the background would stop the whole process group, the parent too. So to
	// read is EIO, and no look at where this process is need be in time.
	signal.Ignore(unix.SIGTTIN, unix.SIGTTOU)
	defer signal.Reset(unix.SIGTTIN, unix.SIGTTOU)
	events, stop, err := newEvents(ctx)
	if err != nil {
		return "", err
	}
	defer stop()
	defer func() {
		if err != nil && t.inForeground() {
			_, _ = t.Write([]byte("\n")) // whatever comes next begins a line
		}
	}()
	for {
		if err := t.awaitForeground(ctx, events); err != nil {
			return "", err
		}
		line, again, err := t.askOnce(ctx, question, hidden, events)
		if !again {
			return line, err
		}
	}
}

// askOnce is ask as long as the process is neither stopped nor in the background; again says that it was.
func (t *Terminal) askOnce(ctx context.Context, question string, hidden bool, events *os.File) (line string, again bool, err error) {
	restore, err := t.setModes(hidden)
	if err != nil {
		return "", !t.inForeground(), err
	}
	defer func() {
		if e := restore(); e != nil && err == nil {
			err = e
		}
	}()
	if _, err := t.Write([]byte(question)); err != nil {
		return "", !t.inForeground(), err
	}
	var typed []byte
	for {
		if _, err := ready([]int{t.fd, int(events.Fd())}, nil, -1); err != nil {
			return "", false, err
		}
		if stopped, err := happened(ctx, events); stopped || err != nil {
			return "", stopped, err
		}
		b := make([]byte, maxLine)
		n, err := unix.Read(t.fd, b)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			continue
		case err == unix.EIO && !t.inForeground():
			return "", true, nil
		case err != nil:
			return "", false, fmt.Errorf("read from the terminal: %w", err)
		case n == 0:
			return "", false, io.EOF
		}
		typed = append(typed, b[:n]...)
		if first, _, found := bytes.Cut(typed, []byte("\n")); found {
			if hidden { // the line's end was hidden too
				_, _ = t.Write([]byte("\n"))
			}
			return string(first), false, nil
		}
		if len(typed) >= maxLine {
			return "", false, errLongLine
		}
	}
}

// setModes makes the terminal give whole lines and signals, whatever modes a program above us has set, and gives what
// puts the old modes back. In the background it leaves them to the shell.
func (t *Terminal) setModes(hidden bool) (restore func() error, err error) {
	old, err := unix.IoctlGetTermios(t.fd, getTermios)
	if err != nil {
		return nil, fmt.Errorf("the terminal's modes: %w", err)
	}
	modes := *old
	modes.Iflag |= unix.ICRNL
	modes.Oflag |= unix.OPOST | unix.ONLCR
	modes.Lflag |= unix.ICANON | unix.ISIG | unix.ECHO
	if hidden {
		modes.Lflag &^= unix.ECHO
	}
	if modes == *old {
		return func() error { return nil }, nil
	}
	if err := unix.IoctlSetTermios(t.fd, setTermios, &modes); err != nil {
		return nil, fmt.Errorf("the terminal's modes: %w", err)
	}
	return func() error {
		if !t.inForeground() {
			return nil
		}
		if err := unix.IoctlSetTermios(t.fd, setTermios, old); err != nil {
			return fmt.Errorf("the terminal's modes: %w", err)
		}
		return nil
	}, nil
}

// backgroundLook is how often a process in the background looks whether it still is: nothing tells it.
const backgroundLook = 200 * time.Millisecond

func (t *Terminal) awaitForeground(ctx context.Context, events *os.File) error {
	for !t.inForeground() {
		if _, err := t.group(); err != nil {
			return io.EOF
		}
		timeout, err := ready([]int{int(events.Fd())}, nil, backgroundLook)
		if err != nil {
			return err
		}
		if timeout {
			continue
		}
		if _, err := happened(ctx, events); err != nil {
			return err
		}
	}
	return nil
}

// newEvents gives a file that holds a byte for each time that this process went on after it was stopped, and ends when
// ctx does.
func newEvents(ctx context.Context) (events *os.File, stop func(), err error) {
	events, in, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("wait at the terminal: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, unix.SIGCONT)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer in.Close()
		for {
			select {
			case <-continued:
				if _, err := in.Write([]byte{0}); err != nil {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, func() {
		signal.Stop(continued)
		cancel()
		_ = events.Close() // of a pipe that is read no more
		<-done
	}, nil
}

// happened takes an event if there is one: stopped says that this process was, the error is the cause of ctx's end.
func happened(ctx context.Context, events *os.File) (stopped bool, err error) {
	if timeout, err := ready([]int{int(events.Fd())}, nil, 0); timeout || err != nil {
		return false, err
	}
	if _, err := events.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
		return false, context.Cause(ctx)
	} else if err != nil {
		return false, fmt.Errorf("wait at the terminal: %w", err)
	}
	return true, nil
}

// ready waits until one of these files can be read or written, for ever if the limit is negative. It is select, not
// poll, which knows no terminals on macOS.
func ready(read, write []int, limit time.Duration) (timeout bool, err error) {
	for {
		var r, w unix.FdSet
		highest := 0
		for set, fds := range map[*unix.FdSet][]int{&r: read, &w: write} {
			for _, fd := range fds {
				if fd >= unix.FD_SETSIZE {
					return false, errors.New("wait at the terminal: too many files are open")
				}
				set.Set(fd)
				highest = max(highest, fd)
			}
		}
		var tv *unix.Timeval
		if limit >= 0 {
			v := unix.NsecToTimeval(limit.Nanoseconds())
			tv = &v
		}
		n, err := unix.Select(highest+1, &r, &w, nil, tv)
		if err == unix.EINTR {
			continue // from the start, which only makes it longer
		}
		if err != nil {
			return false, fmt.Errorf("wait at the terminal: %w", err)
		}
		return n == 0, nil
	}
}
