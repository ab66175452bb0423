package plan

import (
	"strings"
	"testing"
)

func TestSessionName(t *testing.T) {
	for name, want := range map[string]string{
		"jill": "jill", `CORP\jill`: "jill", "jill doe": "jill-doe", "j": "aws-credproc",
		"":    "aws-credproc",
		"é@x": "-@x", strings.Repeat("x", 70): strings.Repeat("x", 64),
	} {
		if got := validSessionName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}
