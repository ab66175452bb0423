package tui

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func tableRows() [][]string {
	return [][]string{
		{"PROFILE", "ROLE", "LEFT", "USED BY"},
		{"dev", "Developer", "59m", ""},
		{"a-profile-with-a-long-name", "\x1b[31mrole", "1m", "one two-words three"},
		{"static", "", "", ""},
	}
}

func TestTableFitsTheScreen(t *testing.T) {
	for name, test := range map[string]struct {
		width int
		want  string
	}{
		"not a terminal": {0, `
PROFILE                     ROLE       LEFT  USED BY
dev                         Developer  59m
a-profile-with-a-long-name  ?[31mrole  1m    one two-words three
static
`},
		"wide": {120, `
PROFILE                     ROLE       LEFT  USED BY
dev                         Developer  59m
a-profile-with-a-long-name  ?[31mrole  1m    one two-words three
static
`},
		"a little narrow: the list is wrapped, not the name": {58, `
PROFILE                     ROLE       LEFT  USED BY
dev                         Developer  59m
a-profile-with-a-long-name  ?[31mrole  1m    one two-words
                                             three
static
`},
		"narrow": {46, `
PROFILE         ROLE       LEFT  USED BY
dev             Developer  59m
a-profile-      ?[31mrole  1m    one two-words
with-a-long-                     three
name
static
`},
		"narrower than the smallest widths": {10, `
PROFILE       ROLE       LEFT  USED BY
dev           Developer  59m
a-profile-    ?[31mrole  1m    one
with-a-long-                   two-words
name                           three
static
`},
	} {
		t.Run(name, func(t *testing.T) {
			got := "\n" + string(Table{Rows: tableRows(), Shrink: []int{0, 3}}.Render(test.width))
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestTableIsNotWiderThanTheScreen(t *testing.T) {
	for width := 40; width < 80; width++ {
		table := string(Table{Rows: tableRows(), Shrink: []int{0, 3}}.Render(width))
		for line := range strings.Lines(table) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d characters on a screen of %d: %s", n, width, line)
			}
		}
	}
}

func TestTableCellsAreWrappedWhereNamesHaveBreaks(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "",
		"12345678":            "12345678",
		"123456789":           "12345678|9",
		"one two three":       "one two|three",
		"12345678 9":          "12345678|9",
		"dev-role_name/x":     "dev-|role_|name/x",
		"AWSReservedSSO_Admi": "AWSReser|vedSSO_|Admi",
		"ééééééééé":           "éééééééé|é",
		"dev -> dev-role":     "dev|-> dev-|role",
		"a-b-cdef -> x":       "a-b-cdef|-> x",
	} {
		if got := strings.Join(wrapCell(text, 8), "|"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestTableCellsArePaintedPieceByPiece(t *testing.T) {
	table := Table{Rows: [][]string{{"A", "B"}, {"one two three four", "x"}}, Shrink: []int{0}}
	table.Paint = func(row, column int, piece string) string {
		if row == 1 && column == 0 {
			return "<" + piece + ">"
		}
		return piece
	}
	want := "A             B\n<one two>       x\n<three four>\n"
	if got := string(table.Render(15)); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestTableCountsColumns(t *testing.T) {
	rows := [][]string{
		{"PROFILE", "LEFT"}, {"本番-データベース管理者", "59m"}, {"e\u0301tat", "1m"},
	}
	for width, want := range map[int]string{
		0: `
PROFILE                  LEFT
本番-データベース管理者  59m
e` + "\u0301" + `tat                     1m
`,
		22: `
PROFILE           LEFT
本番-             59m
データベース管理
者
e` + "\u0301" + `tat              1m
`,
	} {
		got := "\n" + string(Table{Rows: rows, Shrink: []int{0}}.Render(width))
		if got != want {
			t.Errorf("%d columns:%s\nwant:%s", width, got, want)
		}
	}
}
