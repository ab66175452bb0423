package terminal

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"aws-credproc/internal/printable"
)

// Printable returns s as one line without control or formatting characters.
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

// printableLines is [Printable] for several lines.
func printableLines(s string) string {
	var out strings.Builder
	_, _ = NewWriter(&out, len(s)).Write([]byte(s)) // cannot fail
	return out.String()
}

// NewWriter returns a writer that writes text to w without control or formatting characters, except
// newlines and tabs. It drops output beyond limit bytes, and ignores the errors of w.
func NewWriter(w io.Writer, limit int) io.Writer { return &writer{w: w, left: limit} }

type writer struct {
	w       io.Writer
	left    int
	partial []byte // an incomplete character
}

func (w *writer) Write(b []byte) (int, error) {
	text := append(w.partial, b...)
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
	w.partial = slices.Clone(text)
	out = bytes.ToValidUTF8(out[:min(len(out), w.left)], nil)
	w.left -= len(out)
	if len(out) > 0 {
		_, _ = w.w.Write(out)
	}
	return len(b), nil
}
