package cli

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// table is rows of cells, the first of which are the columns' titles.
type table struct {
	rows [][]string
	// widths that a terminal has not are taken from these columns, in this order, down to leastWidth.
	shrink []int
	// paint gives a cell in its colour, for a terminal; nil leaves all plain. The cell is laid out already.
	paint func(row, column int, cell string) string
}

// leastWidth is what stays of a column on a narrow terminal.
const leastWidth = 8

// render lays the table out for a screen so many characters wide; 0 is as wide as it takes. What the cells hold is made
// fit for a terminal.
func (t table) render(screen int) []byte {
	const gap = 2
	var widths []int
	total := -gap
	for _, row := range t.rows {
		for i, cell := range row {
			row[i] = printable(cell)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for _, w := range widths {
		total += w + gap
	}
	for _, column := range t.shrink {
		if screen > 0 && total > screen {
			less := min(total-screen, max(widths[column]-leastWidth, 0))
			widths[column] -= less
			total -= less
		}
	}
	var out []byte
	for n, row := range t.rows {
		last := len(row) - 1
		for last > 0 && row[last] == "" {
			last--
		}
		for i, cell := range row[:last+1] {
			cell = fitted(cell, widths[i])
			padding := widths[i] - utf8.RuneCountInString(cell) + gap
			if t.paint != nil {
				cell = t.paint(n, i, cell)
			}
			out = append(out, cell...)
			if i < last {
				out = append(out, strings.Repeat(" ", padding)...)
			}
		}
		out = append(out, '\n')
	}
	return out
}

// fitted cuts a text to a width. Of an ARN the end is what tells it from others.
func fitted(s string, width int) string {
	runes := []rune(s)
	switch {
	case len(runes) <= width:
		return s
	case strings.HasPrefix(s, "arn:"):
		return "…" + string(runes[len(runes)-width+1:])
	}
	return string(runes[:width-1]) + "…"
}

// screen is what a command's result goes to.
type screen struct {
	isTerminal bool
	width      int // in characters; 0 where it is not known
	height     int // in lines; likewise
	colours    bool
}

// screen tells what is known of where stdout goes. NO_COLOR (https://no-color.org) and a terminal that has none leave
// all plain.
func (a *app) screen() screen {
	f, ok := a.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return screen{}
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width, height = 0, 0
	}
	return screen{isTerminal: true, width: width, height: height, colours: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

// cut leaves of a page what fits the screen, from its first line on: one that is shown again and again, and is taller,
// would scroll its head away each time. The cursor stands below the last line.
func (s screen) cut(page []byte) []byte {
	lines := slices.Collect(bytes.Lines(page))
	if s.height < 3 || len(lines) < s.height {
		return page
	}
	shown := s.height - 2
	return fmt.Appendf(bytes.Join(lines[:shown], nil), "... %d more lines\n", len(lines)-shown)
}

// The colours of a terminal that stand for something, by SGR parameter (ECMA-48). They are of its own palette, so that
// they can be read on light and dark alike.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s screen) paint(colour, text string) string {
	if !s.colours || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
