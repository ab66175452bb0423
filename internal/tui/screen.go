// Package tui lays out what the commands print: tables, wrapped text, colors, and the line that
// shows what a command waits for.
package tui

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/term"
)

// Screen describes where output goes. Its zero value is not a terminal.
type Screen struct {
	IsTerminal bool
	Width      int // in columns; 0 if unknown
	Height     int // in lines; 0 if unknown
	Colors     bool
	Cursor     bool // the cursor can be moved, and lines can be erased
}

// ScreenOf describes w. NO_COLOR (https://no-color.org) switches colors off, and
// TERM=dumb switches off colors and cursor movements.
func ScreenOf(w io.Writer) Screen {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Screen{}
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width, height = 0, 0
	}
	dumb := os.Getenv("TERM") == "dumb"
	return Screen{
		IsTerminal: true, Width: width, Height: height,
		Colors: !dumb && os.Getenv("NO_COLOR") == "", Cursor: !dumb,
	}
}

// CutPage returns the first lines of a page, as many as fit on the screen, and a line with the
// number of lines that were cut. It is for pages that are drawn repeatedly: the first lines of a
// longer page would scroll off the screen. The last line of the screen is left empty for the
// cursor.
func (s Screen) CutPage(page []byte) []byte {
	lines := slices.Collect(bytes.Lines(page))
	if s.Height < 3 || len(lines) < s.Height {
		return page
	}
	shown := s.Height - 2
	return fmt.Appendf(bytes.Join(lines[:shown], nil), "... %d more lines\n", len(lines)-shown)
}

// Color is a color or attribute of a terminal: an SGR parameter (ECMA-48). The colors are those
// of the terminal's own palette, so that they are legible on light and dark backgrounds.
type Color string

// The colors in use.
const (
	Bold    Color = "1"
	Dim     Color = "2"
	Reverse Color = "7"
	Red     Color = "31"
	Green   Color = "32"
	Yellow  Color = "33"
	Cyan    Color = "36"
)

// Paint returns text in a color, or unchanged where the screen has no colors.
func (s Screen) Paint(c Color, text string) string {
	if !s.Colors || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
