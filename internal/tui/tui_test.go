package tui

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestATableFitsItsScreen(t *testing.T) {
	rows := func() [][]string {
		return [][]string{
			{"PROFILE", "ROLE", "LEFT"},
			{"dev", "arn:aws:iam::123456789012:role/Developer", "59m"},
			{"a-profile-with-a-long-name", "\x1b[31mrole", "1m"},
			{"static", "", ""},
		}
	}
	for name, test := range map[string]struct {
		width int
		want  string
	}{
		"no terminal": {0, `
PROFILE                     ROLE                                      LEFT
dev                         arn:aws:iam::123456789012:role/Developer  59m
a-profile-with-a-long-name  ?[31mrole                                 1m
static
`},
		"wide": {120, `
PROFILE                     ROLE                                      LEFT
dev                         arn:aws:iam::123456789012:role/Developer  59m
a-profile-with-a-long-name  ?[31mrole                                 1m
static
`},
		"as narrow as it goes": {10, `
PROFILE   ROLE      LEFT
dev       …veloper  59m
a-profi…  ?[31mro…  1m
static
`},
	} {
		t.Run(name, func(t *testing.T) {
			got := "\n" + string(Table{Rows: rows(), Shrink: []int{1, 0}}.Render(test.width))
			if got != test.want {
				t.Errorf("got %s\nwant %s", got, test.want)
			}
		})
	}
	for width := 30; width < 80; width++ {
		for line := range strings.Lines(string(Table{Rows: rows(), Shrink: []int{1, 0}}.Render(width))) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d characters on a screen of %d: %s", n, width, line)
			}
		}
	}
}

func TestTimeLeft(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{
		now: "expired", now.Add(8 * time.Second): "8s", now.Add(11*time.Hour + 32*time.Minute): "11h32m", now.AddDate(1, 0, 0): "8760h00m",
		now.AddDate(1, 0, 1): "over a year", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC): "over a year",
	} {
		if got := Left(at, now); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}

func TestAPageIsCutToTheScreen(t *testing.T) {
	page := []byte("1\n2\n3\n4\n")
	for height, want := range map[int]string{0: "1\n2\n3\n4\n", 5: "1\n2\n3\n4\n", 4: "1\n2\n... 2 more lines\n", 3: "1\n... 3 more lines\n"} {
		if got := string((Screen{Height: height}).CutPage(page)); got != want {
			t.Errorf("height %d: %q, want %q", height, got, want)
		}
	}
}

func TestMessageOnATerminalIsWrappedAndColoured(t *testing.T) {
	const text = "dev: AssumeRole arn:aws:iam::123456789012:role/Dev: AccessDenied for arn:aws:iam::123456789012:user/jill"
	const hint = "aws-credproc explain --policies dev-role prints the two policies that must allow it"
	plain := "aws-credproc: " + text + "\naws-credproc: hint: " + hint + "\n"
	if got := string(Screen{}.Message(Red, "aws-credproc", text, hint)); got != plain {
		t.Errorf("without a terminal: %s", got)
	}
	const wrapped = `aws-credproc: dev: AssumeRole arn:aws:iam::123456789012:role/Dev: AccessDenied
  for arn:aws:iam::123456789012:user/jill
aws-credproc: hint: aws-credproc explain --policies dev-role prints the two
  policies that must allow it
`
	s := Screen{IsTerminal: true, Width: 80}
	if got := string(s.Message(Red, "aws-credproc", text, hint)); got != wrapped {
		t.Errorf("wrapped:\n%s", got)
	}
	s.Colours = true
	const coloured = "\x1b[33maws-credproc: warning:\x1b[0m x?y\n\x1b[32maws-credproc: hint:\x1b[0m z\n"
	if got := string(s.Message(Red, "aws-credproc", "warning: x\x1by", "z")); got != coloured {
		t.Errorf("coloured: %q", got)
	}
}

func TestMessageKeepsACommandOnOneLine(t *testing.T) {
	const hint = "aws-credproc setup --yes --role-arn arn:aws:iam::123456789012:role/Dev --source-profile base dev"
	got := string(Screen{Width: 60}.Message(Red, "aws-credproc", "dev: failed", hint))
	if !strings.Contains(got, hint) {
		t.Errorf("the command is broken:\n%s", got)
	}
}
