package terminal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// Terminal is the console: what is typed, and what is shown. It is not safe for concurrent use, but for Write.
type Terminal struct {
	in, out *os.File
	left    bool // in is left to a read that goes on
}

// Open opens the console of this process: ErrNone where it has none.
func Open() (*Terminal, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, ErrNone
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.Join(ErrNone, in.Close())
	}
	return &Terminal{in: in, out: out}, nil
}

// Name is the same for all who share this console, for a lock of theirs. Others have it too.
func (t *Terminal) Name() string { return "terminal" }

// Close does not wait for a line that is asked for no more: to close a console that is read ends when the person types.
func (t *Terminal) Close() error {
	if t.left {
		return t.out.Close()
	}
	return errors.Join(t.in.Close(), t.out.Close())
}

// Write shows text.
func (t *Terminal) Write(b []byte) (int, error) { return t.out.Write(b) }

// ask shows a question and reads a line, which is shown as it is typed unless it is hidden. The error is ctx's cause, or
// io.EOF if nothing will be typed any more.
func (t *Terminal) ask(ctx context.Context, question string, hidden bool) (line string, err error) {
	restore, err := t.setModes(hidden)
	if err != nil {
		return "", err
	}
	defer func() {
		if e := restore(); e != nil && err == nil {
			err = e
		}
	}()
	if _, err := t.Write([]byte(question)); err != nil {
		return "", fmt.Errorf("write to the console: %w", err)
	}
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() { // it cannot be interrupted, and ends with the process
		line, err := t.readLine()
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		line, err = a.line, a.err
	case <-ctx.Done():
		t.left, err = true, context.Cause(ctx)
	}
	if hidden || err != nil { // whatever comes next begins a line
		_, _ = t.Write([]byte("\n"))
	}
	return line, err
}

func (t *Terminal) readLine() (string, error) {
	var typed []byte
	for len(typed) < maxLine {
		b := make([]byte, maxLine)
		n, err := t.in.Read(b)
		typed = append(typed, b[:n]...)
		if line, _, found := bytes.Cut(typed, []byte("\n")); found {
			return string(bytes.TrimSuffix(line, []byte("\r"))), nil
		}
		if errors.Is(err, io.EOF) {
			return "", io.EOF
		}
		if err != nil {
			return "", fmt.Errorf("read from the console: %w", err)
		}
	}
	return "", errLongLine
}

// setModes makes the console give whole lines and signals, and gives what puts the old modes back.
func (t *Terminal) setModes(hidden bool) (restore func() error, err error) {
	console := windows.Handle(t.in.Fd())
	var old uint32
	if err := windows.GetConsoleMode(console, &old); err != nil {
		return nil, fmt.Errorf("the console's modes: %w", err)
	}
	modes := old | windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_ECHO_INPUT
	if hidden {
		modes &^= windows.ENABLE_ECHO_INPUT
	}
	set := func(modes uint32) error {
		if err := windows.SetConsoleMode(console, modes); err != nil {
			return fmt.Errorf("the console's modes: %w", err)
		}
		return nil
	}
	return func() error { return set(old) }, set(modes)
}
