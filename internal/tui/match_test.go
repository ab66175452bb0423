package tui

import (
	"strings"
	"testing"
)

// TestBestMatchesFirst: each name matches better than the next one.
func TestBestMatchesFirst(t *testing.T) {
	for typed, names := range map[string][]string{
		"dev":   {"dev", "dev-eu", "corp-dev", "d-x-e-x-v", "nodev"},
		"pa":    {"pa", "papa", "x-pa", "xpa"},
		"proad": {"proadmin", "prod-admin", "prodadmin"},
		"DEV":   {"dev", "Dev-eu", "corpDev", "xdev"},
		"日":     {"日", "日本", "x-日", "x日"},
	} {
		last := -2
		for _, name := range names {
			d, ok := nameDistance([]rune(typed), []rune(name))
			if !ok || d <= last {
				t.Errorf("%q in %q: %d, %v; want more than %d", typed, name, d, ok, last)
			}
			last = d
		}
	}
}

func TestMatchTakesTheBestParts(t *testing.T) {
	for _, test := range []struct {
		typed, name string
		want        int
	}{
		{"prod", "p-r-o-d-prod", 1},
		{"pd", "prod", 3},
		{"pa", "prod-admin", 1},
		{"aa", "xa-a", 4},
		{"vd", "dev", -2}, // another order
		{"devx", "dev", -2},
		{"x", strings.Repeat("a", maxMatched) + "x", -2},
	} {
		d, ok := nameDistance([]rune(test.typed), []rune(test.name))
		if ok != (test.want > -2) || ok && d != test.want {
			t.Errorf("%q in %q: %d, %v; want %d", test.typed, test.name, d, ok, test.want)
		}
	}
}

func TestWordsMatchTheAccountAndTheRole(t *testing.T) {
	row := PickerRow{Profile: "prod-web", Account: "123456789012", Role: "ReadOnly", Left: "59m"}
	for typed, want := range map[string]int{
		"":             0,
		"readonly":     2,
		"9012 only":    4,
		"prod 1234":    2,
		"web prod":     1,
		"prod dev":     -1,
		"59m":          -1,
		"pw readonly ": 3,
	} {
		d, ok := row.distance(strings.Fields(typed))
		if ok != (want >= 0) || ok && d != want {
			t.Errorf("%q: %d, %v; want %d", typed, d, ok, want)
		}
	}
}
