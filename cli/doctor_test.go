package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aws-credproc/cli/doctor"
	"aws-credproc/internal/ststest"
	"aws-credproc/internal/tui"
)

// TestFindingsFitTheTerminal: words are not cut, and what is to be copied is not broken.
func TestFindingsFitTheTerminal(t *testing.T) {
	const command = "  a-command that is longer --than=the --terminal=is --wide"
	r := doctor.Report{
		Facts: []doctor.Fact{{Name: "store", Text: "keyring (it is there and open), which is a long story"}},
		Findings: []doctor.Finding{{
			Check: "cycle", Severity: doctor.Error, Profile: "d\x1b[2Jev", Where: "/a/path/that/is/longer/than/the/terminal/is/wide:12",
			What: strings.Repeat("what is wrong ", 9), Why: strings.Repeat("why that matters ", 9), Fix: "run what follows, which is long:\n" + command,
		}},
	}
	const width = 48
	out := string(diagnosis(r, tui.Screen{IsTerminal: true, Width: width}))
	for l := range strings.Lines(out) {
		whole := strings.Contains(l, command) || strings.Contains(l, ":12\n")
		if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > width && !whole {
			t.Errorf("%d wide: %s", n, l)
		}
	}
	if strings.Contains(out, "\x1b") || !strings.Contains(out, "d?[2Jev: what") || !strings.Contains(out, command+"\n") || !strings.Contains(out, "/wide:12\n") {
		t.Errorf("it shows\n%s", out)
	}
	if coloured := diagnosis(r, tui.Screen{Colours: true}); !strings.Contains(string(coloured), "\x1b["+string(tui.Red)+"m1 error\x1b[0m\n") {
		t.Errorf("in colours it shows\n%s", coloured)
	}
	if empty := string(diagnosis(doctor.Report{}, tui.Screen{})); empty != "\nnothing is wrong\n" {
		t.Errorf("of nothing it shows %q", empty)
	}
}

func TestDoctorSaysForHowLongItWaited(t *testing.T) {
	t.Parallel()
	s := startSTS(t)
	s.Fault(ststest.Fault{Kind: ststest.Swallow, Times: ststest.Always})
	out, stderr, err := newHelper(t, s).run(t, "doctor", "--online", "--timeout", "1s")
	if err == nil || !strings.Contains(out, "is not reached: no answer within 1s\n") {
		t.Errorf("error %v, stdout %s, stderr %s", err, out, stderr)
	}
}

// TestASessionThatIsOverByOurClockIsCalledSo: a machine that was set hours ahead gets sessions of the past.
func TestASessionThatIsOverByOurClockIsCalledSo(t *testing.T) {
	t.Parallel()
	s := startSTS(t)
	s.SetMaxSkew(3 * time.Hour)
	s.SetNow(func() time.Time { return time.Now().Add(-2 * time.Hour) })
	h := newHelper(t, s)
	for _, args := range [][]string{{"refresh", "dev"}, {"doctor", "--online"}, {"export", "dev"}} {
		out, stderr, _ := h.run(t, args...)
		if shown := out + stderr; !strings.Contains(shown, "over already by this machine's clock") || strings.Contains(shown, "in expired") {
			t.Errorf("%v: %s", args, shown)
		}
	}
}
