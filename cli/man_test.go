package cli

import "testing"

// TestRoff: no line of a help text is a roff request, and no character is lost.
func TestRoff(t *testing.T) {
	for line, want := range map[string]string{
		"plain":            "plain",
		".SH no heading":   `\&.SH no heading`,
		"'br no break":     `\(aqbr no break`,
		`C:\new --flag`:    `C:\enew \-\-flag`,
		"a ~ ^ ` ' \" end": `a \(ti \(ha \(ga \(aq \(dq end`,
	} {
		if got := roff(line); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	const want = "One\n.PP\n.RS 4\n.EX\n\\&.two\n.EE\n.RE\n.PP\nthree\n"
	if got := manText("One\n\n  .two\n\nthree"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
