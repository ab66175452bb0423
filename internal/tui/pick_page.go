package tui

import (
	"cmp"
	"fmt"
	"strings"
)

// Control sequences for a picker's page. Without automatic wrapping, a line that is wider than
// expected does not move the lines below it.
const (
	noWrap      = "\x1b[?7l"
	wrap        = "\x1b[?7h"
	home        = "\x1b[H"
	nextLine    = "\x1b[K\n" // and erase the rest of this one
	eraseBelow  = "\x1b[K\x1b[J"
	columnOfTop = "\x1b[1;%dH" // moves the cursor to a column of the first line
)

// The size of a screen whose size is unknown.
const (
	usualWidth  = 80
	usualHeight = 24
)

// minFramed is the height from which a page has titles and a line about the keys.
const minFramed = 8

var pickerTitles = PickerRow{"PROFILE", "ACCOUNT", "ROLE", "LEFT"}

const keysHelp = "Type to search. Up and Down select, Enter picks, Esc cancels."

// page returns the text that shows the picker on a screen: the line that the user types in, with the
// cursor, and the list below it.
func (p *picker) page(to Screen) []byte {
	width, height := cmp.Or(to.Width, usualWidth)-1, cmp.Or(to.Height, usualHeight)
	input, cursor := p.input(width, to)
	lines := []string{input}
	widths := p.widths(width - len(marker))
	p.shown = max(height-1, 1)
	if height >= minFramed {
		p.shown = height - 3
		lines = append(lines, blank+to.Paint(Bold, pickerTitles.line(widths)))
	}
	p.top = max(min(p.top, p.at), p.at-p.shown+1)
	for i := p.top; i < min(p.top+p.shown, len(p.found)); i++ {
		line := p.rows[p.found[i]].line(widths)
		switch {
		case i != p.at:
			line = blank + line
		case to.Colors:
			line = marker + line
			line = to.Paint(Reverse, line+strings.Repeat(" ", max(width-Width(line), 0)))
		default:
			line = marker + line
		}
		lines = append(lines, line)
	}
	if len(p.found) == 0 {
		lines = append(lines, blank+Truncate("No profile matches.", width-len(blank)))
	}
	if height >= minFramed {
		lines = append(lines, to.Paint(Dim, Truncate(keysHelp, width)))
	}
	lines = lines[:min(len(lines), height)]
	return fmt.Appendf(nil, home+"%s"+eraseBelow+columnOfTop, strings.Join(lines, nextLine), cursor)
}

// marker begins the selected line.
const (
	marker = "> "
	blank  = "  "
)

// input returns the line that the user types in, and the column of the cursor, from 1.
func (p *picker) input(width int, to Screen) (line string, cursor int) {
	const minRoom = 10
	title := p.title + ": "
	if width < Width(title)+minRoom {
		title = marker
	}
	count := fmt.Sprintf("%d of %d", len(p.found), len(p.rows))
	typed := lastColumns(string(p.typed), width-Width(title))
	line, cursor = title+typed, Width(title)+Width(typed)+1
	if gap := width - Width(line) - len(count); gap > 1 {
		line += strings.Repeat(" ", gap) + to.Paint(Dim, count)
	}
	return line, cursor
}

// cells returns the columns of a row.
func (r PickerRow) cells() [4]string { return [4]string{r.Profile, r.Account, r.Role, r.Left} }

// fullWidths returns the widths of the columns, 0 for a column without text.
func fullWidths(rows []PickerRow) (widths [4]int) {
	for _, row := range rows {
		for i, cell := range row.cells() {
			widths[i] = max(widths[i], Width(cell))
		}
	}
	for i, title := range pickerTitles.cells() {
		if widths[i] > 0 {
			widths[i] = max(widths[i], len(title))
		}
	}
	return widths
}

// widths returns the widths of the columns on a screen, 0 for a column that is left out: the role
// and the name are shortened first, then the account, the role and the time are left out.
func (p *picker) widths(screen int) [4]int {
	const profile, account, role, left = 0, 1, 2, 3
	widths := p.full
	excess := func() int {
		sum := -columnGap
		for _, w := range widths {
			if w > 0 {
				sum += w + columnGap
			}
		}
		return sum - screen
	}
	for _, column := range [][2]int{{role, 16}, {profile, 24}} {
		i, least := column[0], column[1]
		widths[i] = max(widths[i]-max(excess(), 0), min(widths[i], least))
	}
	for _, i := range []int{account, role, left} {
		if excess() > 0 {
			widths[i] = 0
		}
	}
	widths[profile] = max(min(p.full[profile], widths[profile]-excess()), 1)
	return widths
}

// line returns a row as a line. Cells that are too long are cut.
func (r PickerRow) line(widths [4]int) string {
	var line strings.Builder
	for i, cell := range r.cells() {
		if widths[i] == 0 {
			continue
		}
		cell = Truncate(cell, widths[i])
		line.WriteString(cell + strings.Repeat(" ", widths[i]-Width(cell)+columnGap))
	}
	return strings.TrimRight(line.String(), " ")
}
