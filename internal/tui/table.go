package tui

import (
	"strings"
	"unicode/utf8"

	"aws-credproc/internal/terminal"
)

// Table is rows of cells. The first row holds the columns' titles.
type Table struct {
	Rows [][]string
	// Shrink are the columns that become narrower, the widest first, where the terminal is too narrow.
	// Their cells are then wrapped.
	Shrink []int
	// Paint returns a piece of a cell in the cell's colour; nil means no colours.
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
const minWidth = 8

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
	blanks := 0 // not yet written, so that no line ends in blanks
	for i, cell := range pieces {
		piece := ""
		if line < len(cell) {
			piece = cell[line]
		}
		length := utf8.RuneCountInString(piece)
		if piece != "" {
			out.WriteString(strings.Repeat(" ", blanks))
			blanks = 0
			if t.Paint != nil {
				piece = t.Paint(row, i, piece)
			}
			out.WriteString(piece)
		}
		blanks += widths[i] - length + columnGap
	}
	return out.String() + "\n"
}

// widths returns the width of each column. Words are broken only if that is not avoidable.
func (t Table) widths(limit int) []int {
	var widths, words []int // the longest cell and the longest word of each column
	for _, row := range t.Rows {
		for i, cell := range row {
			if i == len(widths) {
				widths, words = append(widths, 0), append(words, minWidth)
			}
			cell = terminal.Printable(cell)
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			for _, word := range strings.Fields(cell) {
				words[i] = max(words[i], utf8.RuneCountInString(word))
			}
		}
	}
	if limit > 0 {
		t.shrink(widths, limit, func(column int) int { return words[column] })
		t.shrink(widths, limit, func(int) int { return minWidth })
	}
	return widths
}

// shrink makes the widest columns narrower until all fit into limit, but none narrower than least.
func (t Table) shrink(widths []int, limit int, least func(column int) int) {
	total := -columnGap
	for _, w := range widths {
		total += w + columnGap
	}
	for ; total > limit; total-- {
		widest := -1
		for _, i := range t.Shrink {
			if widths[i] > least(i) && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

// wrapCell splits text into pieces of at most width characters: after a space if there is one, else
// after a punctuation mark of names and ARNs, else anywhere.
func wrapCell(text string, width int) (pieces []string) {
	runes := []rune(text)
	for len(runes) > width {
		cut := lastIndex(runes[:width+1], " ") + 1
		if cut == 0 {
			cut = lastIndex(runes[:width], "-_/.:@") + 1
		}
		if cut == 0 {
			cut = width
		}
		pieces = append(pieces, strings.TrimRight(string(runes[:cut]), " "))
		runes = runes[cut:]
	}
	return append(pieces, string(runes))
}

// lastIndex returns the index of the last rune that is one of chars, -1 if there is none.
func lastIndex(runes []rune, chars string) int {
	for i := len(runes) - 1; i >= 0; i-- {
		if strings.ContainsRune(chars, runes[i]) {
			return i
		}
	}
	return -1
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
