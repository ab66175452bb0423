package tui

import (
	"strings"

	"aws-credproc/internal/terminal"
)

// Table is rows of cells. The first row holds the columns' titles.
type Table struct {
	Rows [][]string
	// Shrink are the columns that may become narrower if the table does not fit. Their cells are then
	// wrapped.
	Shrink []int
	// Paint returns a piece of a cell in the cell's color; nil means no colors.
	Paint func(row, column int, piece string) string
}

// PaintTitles is a Table's Paint that paints the titles.
func (s Screen) PaintTitles(row, _ int, piece string) string {
	if row == 0 {
		return s.Paint(Bold, piece)
	}
	return piece
}

// minWidth is the width down to which a column shrinks.
const minWidth = 12

const columnGap = 2

// Render returns the table as text of at most width columns; 0 means no limit. It strips control
// characters from the cells. No text is lost: cells that are too long take several lines.
func (t Table) Render(width int) []byte {
	widths := t.widths(width)
	var out []byte
	for n, row := range t.Rows {
		pieces := make([][]string, len(row))
		height := 1
		for i, cell := range row {
			pieces[i] = wrapCell(terminal.Printable(cell), widths[i])
			height = max(height, len(pieces[i]))
		}
		for line := range height {
			out = append(out, t.line(n, line, pieces, widths)...)
		}
	}
	return out
}

// line returns one of the lines that a row takes.
func (t Table) line(row, line int, pieces [][]string, widths []int) string {
	var out strings.Builder
	blanks := 0 // written before the next piece, so that no line ends in blanks
	for i, cell := range pieces {
		piece := ""
		if line < len(cell) {
			piece = cell[line]
		}
		columns := Width(piece)
		if piece != "" {
			out.WriteString(strings.Repeat(" ", blanks))
			blanks = 0
			if t.Paint != nil {
				piece = t.Paint(row, i, piece)
			}
			out.WriteString(piece)
		}
		blanks += widths[i] - columns + columnGap
	}
	return out.String() + "\n"
}

// widths returns the width of each column.
func (t Table) widths(limit int) (widths []int) {
	for _, row := range t.Rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(terminal.Printable(cell)))
		}
	}
	total := -columnGap
	for _, w := range widths {
		total += w + columnGap
	}
	for ; limit > 0 && total > limit; total-- {
		column := t.cheapest(widths)
		if column < 0 {
			break
		}
		widths[column]--
	}
	return widths
}

// cheapest returns the column that costs least to narrow by 1, or -1 if none can be narrowed. If
// several cost the same, it returns the widest.
func (t Table) cheapest(widths []int) int {
	column, least := -1, 0
	for _, i := range t.Shrink {
		if widths[i] <= minWidth {
			continue
		}
		widths[i]--
		cost := t.cost(widths)
		widths[i]++
		if column < 0 || cost < least || cost == least && widths[i] > widths[column] {
			column, least = i, cost
		}
	}
	return column
}

// cost returns the number of lines of the table, plus the number of words that are broken, at these
// widths. In a long table it counts the first rows only.
func (t Table) cost(widths []int) (cost int) {
	const maxRows = 200
	for _, row := range t.Rows[:min(len(t.Rows), maxRows)] {
		height := 1
		for _, i := range t.Shrink {
			if i >= len(row) || len(row[i]) <= widths[i] {
				continue
			}
			height = max(height, len(wrapCell(row[i], widths[i])))
			for _, word := range strings.Fields(row[i]) {
				if len(word) > widths[i] {
					cost++
				}
			}
		}
		cost += height
	}
	return cost
}

// wrapCell splits text into pieces of at most width columns: after a space if there is one, else
// after one of the punctuation marks in names and ARNs, else anywhere. It does not split "->", or
// after it.
func wrapCell(text string, width int) (pieces []string) {
	runes := []rune(text)
	for {
		fit := fitting(runes, width)
		if fit == len(runes) {
			return append(pieces, string(runes))
		}
		cut := lastBreak(runes[:fit+1], func(i int) bool {
			return runes[i] == ' ' && !strings.HasSuffix(string(runes[:i]), "->")
		})
		if cut == 0 {
			cut = lastBreak(runes[:fit], func(i int) bool {
				return strings.ContainsRune("-_/.:@", runes[i]) && runes[i+1] != '>'
			})
		}
		if cut == 0 {
			cut = fit
		}
		pieces = append(pieces, strings.TrimRight(string(runes[:cut]), " "))
		runes = runes[cut:]
	}
}

// lastBreak returns the index after the last rune that ends a piece, 0 if there is none.
func lastBreak(runes []rune, ends func(i int) bool) int {
	for i := len(runes) - 1; i > 0; i-- {
		if ends(i) {
			return i + 1
		}
	}
	return 0
}
