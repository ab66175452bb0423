package tui

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"aws-credproc/internal/printable"
)

var testRows = []PickerRow{
	{"prod-admin", "123456789012", "AdministratorAccess", "59m"},
	{"dev", "210987654321", "Dev", ""},
	{"日本-東京-本番環境-データベース管理", "333333333333", "ReadOnly", "11h32m"},
	{"dev-eu", "", "(access key)", ""},
}

// press passes bytes to a picker, with a pause at the end.
func press(p *picker, typed string) *picker {
	var keys keyParser
	for _, b := range []byte(typed) {
		p.press(keys.next(b))
	}
	p.press(keys.pause())
	return p
}

func TestPickerKeys(t *testing.T) {
	const escapeKey = "\x1b"
	for typed, want := range map[string]int{
		"\r":                   0,
		"dev\r":                1,
		"dev\x0e\r":            3, // Ctrl-N
		"\x1b[B\x1b[B\n":       2,
		"\x1b[B\x1b[B\x1b[A\r": 1,
		"\x0e\x0e\x10\r":       1, // Ctrl-P
		"\x1b[A\r":             0, // there is no row above
		"\x1b[F\x1b[B\r":       3,
		"\x1b[F\x1b[H\r":       0,
		"\x1b[6~\r":            3,
		"devx\x7f\r":           1,
		"zzz\r":                -2, // nothing to pick
		"zzz\x15\r":            0,  // Ctrl-U
		"dev zz\x17\r":         1,  // Ctrl-W
		"dev zz \x17\r":        1,
		"\x0e\x0edev\r":        1, // typing selects the best match
		"\x03":                 -1,
		"\x04":                 -1,
		escapeKey:              -1,
		"dev" + escapeKey:      -1,
		"readonly\r":           2,
		"本番\r":                 2,
	} {
		p := newPicker("Profile", testRows)
		p.page(Screen{Width: 80, Height: 24})
		press(p, typed)
		got := p.picked
		if !p.done {
			got = -2
		}
		if got != want {
			t.Errorf("%q: %d, want %d", typed, got, want)
		}
	}
}

// lines returns the lines of a page without control sequences.
func lines(t *testing.T, page []byte) []string {
	t.Helper()
	text := strings.TrimPrefix(string(page), home)
	text, _, ok := strings.Cut(text, eraseBelow)
	if !ok {
		t.Fatalf("the page is %q", page)
	}
	for _, color := range []Color{Bold, Dim, Reverse} {
		text = strings.ReplaceAll(text, "\x1b["+string(color)+"m", "")
	}
	return strings.Split(strings.ReplaceAll(text, "\x1b[0m", ""), nextLine)
}

func TestPickerPage(t *testing.T) {
	for name, test := range map[string]struct {
		to    Screen
		typed string
		want  string
	}{
		"80 columns": {Screen{Width: 80, Height: 24}, "", `
Profile for exec:                                                        4 of 4
  PROFILE                              ACCOUNT       ROLE                LEFT
> prod-admin                           123456789012  AdministratorAcce…  59m
  dev                                  210987654321  Dev
  日本-東京-本番環境-データベース管理  333333333333  ReadOnly            11h32m
  dev-eu                                             (access key)
Type to search. Up and Down select, Enter picks, Esc cancels.`},
		"60 columns": {Screen{Width: 60, Height: 24}, "", `
Profile for exec:                                    4 of 4
  PROFILE                          ROLE              LEFT
> prod-admin                       AdministratorAc…  59m
  dev                              Dev
  日本-東京-本番環境-データベー…   ReadOnly          11h32m
  dev-eu                           (access key)
Type to search. Up and Down select, Enter picks, Esc cance…`},
		"40 columns": {Screen{Width: 40, Height: 24}, "", `
Profile for exec:                4 of 4
  PROFILE                        LEFT
> prod-admin                     59m
  dev
  日本-東京-本番環境-データベ…   11h32m
  dev-eu
Type to search. Up and Down select, En…`},
		"5 rows": {Screen{Width: 80, Height: 5}, "\x1b[F", `
Profile for exec:                                                        4 of 4
  prod-admin                           123456789012  AdministratorAcce…  59m
  dev                                  210987654321  Dev
  日本-東京-本番環境-データベース管理  333333333333  ReadOnly            11h32m
> dev-eu                                             (access key)`},
		"3 rows": {Screen{Width: 40, Height: 3}, "\x1b[B\x1b[B", `
Profile for exec:                4 of 4
  dev
> 日本-東京-本番環境-データベ…   11h32m`},
		"1 row":      {Screen{Width: 40, Height: 1}, "", "\nProfile for exec:                4 of 4"},
		"10 columns": {Screen{Width: 10, Height: 3}, "dev", "\n> dev\n> dev\n  dev-eu"},
		"no match": {Screen{Width: 80, Height: 5}, "zzz", `
Profile for exec: zzz                                                    0 of 4
  No profile matches.`},
		"long text": {Screen{Width: 40, Height: 3}, strings.Repeat("ab", 30), `
Profile for exec: babababababababababab
  No profile matches.`},
	} {
		p := press(newPicker("Profile for exec", testRows), "")
		p.page(test.to)
		press(p, test.typed)
		page := p.page(test.to)
		var got []string
		for _, line := range lines(t, page) {
			got = append(got, strings.TrimRight(line, " "))
		}
		if text := strings.Join(got, "\n"); text != strings.TrimPrefix(test.want, "\n") {
			t.Errorf("%s:\n%s\nwant:%s", name, text, test.want)
		}
	}
}

func TestPickerPageHasNoColorsOfItsOwn(t *testing.T) {
	p := newPicker("Profile", testRows)
	page := string(p.page(Screen{Width: 80, Height: 24, Colors: true}))
	for _, want := range []string{
		"\x1b[7m> prod-admin", "\x1b[1mPROFILE", "\x1b[2m4 of 4\x1b[0m", "\x1b[1;10H",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in %q", want, page)
		}
	}
	if plain := string(p.page(Screen{Width: 80, Height: 24})); strings.Contains(plain, "m4 of 4") {
		t.Errorf("without colors: %q", plain)
	}
}

// FuzzPicker: whatever is typed, the page fits the screen and what is picked is a row.
func FuzzPicker(f *testing.F) {
	f.Add([]byte("dev\x0e\x1b[B\r"), uint8(80), uint8(24))
	f.Add([]byte("日\x1b[5~\xff\x1bO\x17\x15\x7f"), uint8(9), uint8(2))
	f.Add([]byte("\x1b[6~\x1b[6~aaa bbb\x1b"), uint8(0), uint8(0))
	f.Fuzz(func(t *testing.T, typed []byte, width, height uint8) {
		to := Screen{Width: int(width), Height: int(height), Colors: true}
		p := newPicker("Profile for exec", testRows)
		var keys keyParser
		for _, b := range typed {
			p.press(keys.next(b))
			if len(keys.partial) > maxSequence {
				t.Fatalf("%q: the parser keeps %q", typed, keys.partial)
			}
			if p.done {
				break
			}
		}
		checkPage(t, p, to)
		p.press(keys.pause())
		checkPage(t, p, to)
		if p.picked < -1 || p.picked >= len(testRows) || p.picked >= 0 && !p.done {
			t.Errorf("%q: picked %d", typed, p.picked)
		}
	})
}

func checkPage(t *testing.T, p *picker, to Screen) {
	t.Helper()
	page := p.page(to)
	if to.Width == 0 {
		to.Width = usualWidth
	}
	if to.Height == 0 {
		to.Height = usualHeight
	}
	all := lines(t, page)
	if len(all) > to.Height {
		t.Fatalf("%d lines on %d", len(all), to.Height)
	}
	for _, line := range all {
		const least = 12 // what the narrowest screens show
		if Width(line) > max(to.Width, least) {
			t.Fatalf("%q is wider than %d", line, to.Width)
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(line, printable.IsUnsafe) {
			t.Fatalf("unsafe: %q", line)
		}
	}
}

func BenchmarkPickerKey(b *testing.B) {
	rows := make([]PickerRow, 2000)
	for i := range rows {
		rows[i] = PickerRow{
			fmt.Sprintf("organization-team-%04d-admin", i), fmt.Sprint(100000000000 + i), "Admin", "",
		}
	}
	p := newPicker("Profile", rows)
	for b.Loop() {
		for _, k := range "tm1 ad" {
			p.press(key(k))
			p.page(Screen{Width: 80, Height: 24})
		}
		p.press(ctrl('U'))
	}
}
