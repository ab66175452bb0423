package terminal

import (
	"context"
	"io"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/term"
)

// sizeInterval is how often ShowPage looks for another size of the console.
const sizeInterval = time.Second

// ShowPage shows a page until it is done, and passes on what the user types, without echo. It
// discards what was typed before. The error is the cause of ctx, or io.EOF at the end of input.
func (t *Terminal) ShowPage(ctx context.Context, p Page) (err error) {
	restoreIn, err := t.setModes(t.in, func(modes uint32) uint32 {
		modes |= windows.ENABLE_PROCESSED_INPUT | windows.ENABLE_VIRTUAL_TERMINAL_INPUT
		return modes &^ (windows.ENABLE_LINE_INPUT | windows.ENABLE_ECHO_INPUT)
	})
	if err != nil {
		return err
	}
	defer func() { _ = restoreIn() }() // nothing more can be done
	restoreOut, err := t.setModes(t.out, func(modes uint32) uint32 {
		return modes | windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	})
	if err != nil {
		return err
	}
	defer func() { _ = restoreOut() }()
	if err := windows.FlushConsoleInputBuffer(windows.Handle(t.in.Fd())); err != nil {
		return err
	}
	if _, err := io.WriteString(t.out, p.Enter); err != nil {
		return err
	}
	defer func() { _, _ = io.WriteString(t.out, p.Leave) }()
	return t.showPage(ctx, p)
}

func (t *Terminal) showPage(ctx context.Context, p Page) error {
	type input struct {
		b   []byte
		err error
	}
	typed := make(chan input, 1)
	wait := sizeInterval
	for {
		width, height, err := term.GetSize(int(t.out.Fd()))
		if err != nil {
			width, height = 0, 0
		}
		if _, err := t.Write(p.Draw(width, height)); err != nil {
			return err
		}
		if !t.reading {
			t.reading = true
			go func() { // may continue until the process ends
				b := make([]byte, 1)
				n, err := t.in.Read(b)
				typed <- input{b[:n], err}
			}()
		}
		var i input
		select {
		case i = <-typed:
			t.reading, wait = false, keyPause
		case <-time.After(wait):
			wait = sizeInterval
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if i.err != nil {
			return i.err
		}
		if p.Typed(i.b) {
			return nil
		}
	}
}
