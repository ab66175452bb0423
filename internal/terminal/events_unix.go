//go:build unix

package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// events lets select wait for signals and for the end of a context.
type events struct {
	pipe  *os.File     // a byte per signal, its number; EOF after the context has ended
	cause func() error // the cause of the context's end
	close func()
}

// newEvents starts to wait for SIGCONT and for more signals.
func newEvents(ctx context.Context, more ...syscall.Signal) (*events, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("wait for the terminal: %w", err)
	}
	stopping, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 1+len(more))
	signal.Notify(signals, unix.SIGCONT)
	for _, sig := range more {
		signal.Notify(signals, sig)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer w.Close()
		for {
			select {
			case sig := <-signals:
				if _, err := w.Write([]byte{byte(sig.(syscall.Signal))}); err != nil {
					return
				}
			case <-stopping.Done():
				return
			}
		}
	}()
	return &events{
		pipe:  r,
		cause: func() error { return context.Cause(ctx) },
		close: func() {
			signal.Stop(signals)
			cancel()
			_ = r.Close()
			<-done
		},
	}, nil
}

func (e *events) fd() int { return int(e.pipe.Fd()) }

// next takes an event and returns errAskAgain for SIGCONT, context.Canceled for SIGQUIT, or the cause
// of the context if it has ended. It returns nil for another signal, or if there is no event.
func (e *events) next() error {
	if timeout, err := ready([]int{e.fd()}, nil, 0); timeout || err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err := e.pipe.Read(b)
	switch {
	case errors.Is(err, io.EOF):
		return e.cause()
	case err != nil:
		return fmt.Errorf("wait for the terminal: %w", err)
	}
	switch syscall.Signal(b[0]) {
	case unix.SIGCONT:
		return errAskAgain
	case unix.SIGQUIT:
		return context.Canceled
	}
	return nil
}

// ready waits until one of the files is ready. A negative limit means no limit. It uses select,
// because poll does not support terminals on macOS.
func ready(read, write []int, limit time.Duration) (timeout bool, err error) {
	for {
		r, err := fdSet(read)
		if err != nil {
			return false, err
		}
		w, err := fdSet(write)
		if err != nil {
			return false, err
		}
		var tv *unix.Timeval
		if limit >= 0 {
			v := unix.NsecToTimeval(limit.Nanoseconds())
			tv = &v
		}
		n, err := unix.Select(unix.FD_SETSIZE, r, w, nil, tv)
		if errors.Is(err, unix.EINTR) {
			continue // restarts the limit
		}
		if err != nil {
			return false, fmt.Errorf("wait for the terminal: %w", err)
		}
		return n == 0, nil
	}
}

func fdSet(fds []int) (*unix.FdSet, error) {
	var set unix.FdSet
	for _, fd := range fds {
		if fd >= unix.FD_SETSIZE {
			return nil, errors.New("wait for the terminal: too many files are open")
		}
		set.Set(fd)
	}
	return &set, nil
}
