// Package terminal talks to the person at the terminal at which this process was started, whatever its stdin, stdout and
// stderr are: the SDKs hold those of a credential_process.
//
// It promises that no process is ever stopped for it (a background job that reads the terminal is), that a question ends
// with its context, that the terminal is left as it was, and that nothing shown can do more to it than show text.
package terminal

import (
	"aws-credproc/internal/printable"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// Why nobody can be asked at the terminal; Open's errors are these.
var (
	ErrNone       = errors.New("there is no terminal")
	ErrBackground = errors.New("this process is in the background of its terminal")
)

// IsThere reports whether somebody can be asked at the terminal.
func IsThere() bool {
	t, err := Open()
	return err == nil && t.Close() == nil
}

// maxLine is the longest line that is read: what a terminal takes (termios(3)).
const maxLine = 4096

var errLongLine = errors.New("the line is too long")

// Ask shows a question and reads the line that is typed. The error is ctx's cause, or io.EOF if the person ends the input.
func (t *Terminal) Ask(ctx context.Context, question string) (string, error) {
	return t.ask(ctx, lines(question), false)
}

// AskHidden is Ask for a secret: what is typed is not shown.
func (t *Terminal) AskHidden(ctx context.Context, question string) (string, error) {
	return t.ask(ctx, lines(question), true)
}

// lines is Printable for a text of several lines.
func lines(s string) string {
	var out strings.Builder
	_, _ = Plain(&out, len(s)).Write([]byte(s)) // neither fails
	return out.String()
}

// Printable makes a text from outside fit for a terminal: one line, without control or formatting characters.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case printable.IsUnsafe(r):
			return '?'
		}
		return r
	}, s)
}

// Plain gives a writer that passes on lines of text without what could do something to a terminal, up to so many bytes.
// The rest is dropped, and so is an error of w: who writes must not fail since nobody hears it.
func Plain(w io.Writer, limit int) io.Writer { return &plain{to: w, left: limit} }

type plain struct {
	to   io.Writer
	left int
	part []byte // the start of a character whose rest is yet to come
}

func (p *plain) Write(b []byte) (int, error) {
	text := append(p.part, b...)
	var out []byte
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == '\r':
		case r == '\n' || r == '\t':
			out = append(out, byte(r))
		case printable.IsUnsafe(r):
			out = append(out, '?')
		default:
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	p.part = append([]byte(nil), text...)
	out = bytes.ToValidUTF8(out[:min(len(out), p.left)], nil)
	p.left -= len(out)
	if len(out) > 0 {
		_, _ = p.to.Write(out)
	}
	return len(b), nil
}
