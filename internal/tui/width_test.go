package tui

import "testing"

func TestTruncateCountsColumns(t *testing.T) {
	for _, test := range []struct {
		text    string
		columns int
		want    string
	}{
		{"dev", 3, "dev"},
		{"develop", 3, "de…"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"e\u0301e\u0301", 2, "e\u0301e\u0301"},
		{"arn:aws:iam::123456789012:role/Dev", 9, "…role/Dev"},
		{"x日本", 1, "…"},
	} {
		got := Truncate(test.text, test.columns)
		if got != test.want || Width(got) > test.columns {
			t.Errorf("%q to %d: %q, want %q", test.text, test.columns, got, test.want)
		}
	}
	if got := lastColumns("日本語", 5); got != "本語" {
		t.Errorf("the end: %q", got)
	}
}
