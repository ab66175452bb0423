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

// Terminal is the console. Only Write is safe for concurrent use.
type Terminal struct {
	in, out *os.File
	reading bool // a read of in cannot be interrupted and continues
}

// Open opens the console of this process. The error is [ErrNone].
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

// Close closes the console. It leaves the input open after a question that was not answered,
// because closing it would wait for the read.
func (t *Terminal) Close() error {
	if t.reading {
		return t.out.Close()
	}
	return errors.Join(t.in.Close(), t.out.Close())
}

// Name returns a name for locks that is the same for all consoles.
func (t *Terminal) Name() string { return "terminal" }

// Write shows text.
func (t *Terminal) Write(b []byte) (int, error) { return t.out.Write(b) }

// ask shows a question and reads a line. The error is the cause of ctx, or io.EOF at the end of
// input.
func (t *Terminal) ask(ctx context.Context, question string, hidden bool) (line string, err error) {
	restore, err := t.setModes(t.in, func(modes uint32) uint32 {
		modes |= windows.ENABLE_LINE_INPUT | windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_ECHO_INPUT
		if hidden {
			modes &^= windows.ENABLE_ECHO_INPUT
		}
		return modes
	})
	if err != nil {
		return "", err
	}
	defer func() {
		if restoreErr := restore(); err == nil {
			err = restoreErr
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
	go func() { // may continue until the process ends
		line, err := t.readLine()
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		line, err = a.line, a.err
	case <-ctx.Done():
		t.reading, err = true, context.Cause(ctx)
	}
	if hidden || err != nil { // the next output starts on a new line
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

// setModes changes the modes of the console's input or output. restore restores the old modes.
func (t *Terminal) setModes(
	f *os.File, change func(uint32) uint32,
) (restore func() error, err error) {
	console := windows.Handle(f.Fd())
	var old uint32
	if err := windows.GetConsoleMode(console, &old); err != nil {
		return nil, fmt.Errorf("get console modes: %w", err)
	}
	set := func(modes uint32) error {
		if err := windows.SetConsoleMode(console, modes); err != nil {
			return fmt.Errorf("set console modes: %w", err)
		}
		return nil
	}
	return func() error { return set(old) }, set(change(old))
}
