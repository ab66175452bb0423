package tui

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"aws-credproc/internal/printable"
	"aws-credproc/internal/terminal"
)

// ErrNotPicked is returned by [Pick] if the user picks nothing.
var ErrNotPicked = errors.New("cancelled: no profile was picked")

// PickerRow is a profile that can be picked. Its fields have no control characters.
type PickerRow struct{ Profile, Account, Role, Left string }

// Pick shows rows on the terminal, of which the user picks one. It returns the row's index, or
// [ErrNotPicked].
func Pick(
	ctx context.Context, tty *terminal.Terminal, title string, rows []PickerRow, colors bool,
) (int, error) {
	p := newPicker(title, rows)
	var keys keyParser
	err := tty.ShowPage(ctx, terminal.Page{
		Enter: mainToAlt + noWrap, Leave: wrap + altToMain,
		Draw: func(width, height int) []byte {
			return p.page(Screen{Width: width, Height: height, Colors: colors})
		},
		Typed: func(b []byte) bool {
			if len(b) == 0 {
				p.press(keys.pause())
			}
			for _, c := range b {
				p.press(keys.next(c))
			}
			return p.done
		},
	})
	if err == nil && p.picked >= 0 {
		return p.picked, nil
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, context.Canceled) {
		err = ErrNotPicked
	}
	return 0, err
}

// picker is a list to pick a row from. The user types parts of the row until it is the selected one.
type picker struct {
	title string
	rows  []PickerRow
	full  [4]int // the widths of the columns, if nothing is cut
	typed []rune
	found []int // the rows that match what is typed, the best one first
	at    int   // the index of the selected one in found
	top   int   // the index of the first one on the screen
	shown int   // how many are on the screen

	done   bool
	picked int // the row, -1 if there is none
}

func newPicker(title string, rows []PickerRow) *picker {
	p := &picker{title: title, rows: rows, full: fullWidths(rows), picked: -1}
	p.find()
	return p
}

// maxTyped is how many characters can be typed.
const maxTyped = 100

// press handles a key.
func (p *picker) press(k key) {
	switch k {
	case '\r', '\n':
		if p.at < len(p.found) {
			p.done, p.picked = true, p.found[p.at]
		}
	case keyEscape, ctrl('C'), ctrl('D'), ctrl('G'):
		p.done = true
	case keyUp, ctrl('P'), ctrl('K'):
		p.move(-1)
	case keyDown, ctrl('N'):
		p.move(+1)
	case keyPageUp:
		p.move(-p.shown)
	case keyPageDown:
		p.move(+p.shown)
	case keyHome:
		p.move(-len(p.found))
	case keyEnd:
		p.move(+len(p.found))
	case backspace, ctrl('H'):
		p.typeText(p.typed[:max(len(p.typed)-1, 0)])
	case ctrl('W'):
		before := strings.TrimRight(string(p.typed), " ")
		p.typeText([]rune(before[:strings.LastIndexByte(before, ' ')+1]))
	case ctrl('U'):
		p.typeText(nil)
	default:
		if k >= 0 && !printable.IsUnsafe(rune(k)) && len(p.typed) < maxTyped {
			p.typeText(append(p.typed, rune(k)))
		}
	}
}

func (p *picker) move(by int) { p.at = max(min(p.at+by, len(p.found)-1), 0) }

func (p *picker) typeText(text []rune) {
	p.typed = text
	p.find()
}

// find selects the rows that match what is typed. Rows that match equally well keep their order.
func (p *picker) find() {
	words := strings.Fields(string(p.typed))
	distances := make([]int, len(p.rows))
	p.found = p.found[:0]
	for i, row := range p.rows {
		d, ok := row.distance(words)
		if ok {
			distances[i] = d
			p.found = append(p.found, i)
		}
	}
	slices.SortStableFunc(p.found, func(a, b int) int { return cmp.Compare(distances[a], distances[b]) })
	p.at, p.top = 0, 0
}
