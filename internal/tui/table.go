package tui

import (
	"strings"
	"unicode/utf8"

	"aws-credproc/internal/terminal"
)

// Table is rows of cells. The first row holds the columns' titles.
type Table struct {
	Rows [][]string
	// Shrink are the columns that become narrower, in this order, where the terminal is too narrow.
	Shrink []int
	// Paint returns a laid-out cell in its colour; nil means no colours.
	Paint func(row, column int, cell string) string
}

// minWidth is the width down to which a column shrinks.
const minWidth = 8

const columnGap = 2

// Render returns the table as text of at most width columns; 0 means no limit. It strips control
// characters from the cells.
func (t Table) Render(width int) []byte {
	widths := t.widths(width)
	var out []byte
	for n, row := range t.Rows {
		last := len(row) - 1
		for last > 0 && row[last] == "" {
			last--
		}
		for i, cell := range row[:last+1] {
			cell = Truncate(terminal.Printable(cell), widths[i])
			padding := widths[i] - utf8.RuneCountInString(cell) + columnGap
			if t.Paint != nil {
				cell = t.Paint(n, i, cell)
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

// widths returns the width of each column.
func (t Table) widths(limit int) (widths []int) {
	for _, row := range t.Rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(terminal.Printable(cell)))
		}
	}
	total := -columnGap
	for _, w := range widths {
		total += w + columnGap
	}
	for _, column := range t.Shrink {
		if limit > 0 && total > limit {
			less := min(total-limit, max(widths[column]-minWidth, 0))
			widths[column] -= less
			total -= less
		}
	}
	return widths
}

// Truncate returns s cut to width characters. An ARN keeps its end, which is what differs.
func Truncate(s string, width int) string {
	runes := []rune(s)
	switch {
	case len(runes) <= width:
		return s
	case strings.HasPrefix(s, "arn:"):
		return "…" + string(runes[len(runes)-width+1:])
	}
	return string(runes[:width-1]) + "…"
}
