package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aws-credproc/cli/doctor"
	"aws-credproc/internal/ststest"
	"aws-credproc/internal/tui"
)

func TestDoctorOutputFitsTheTerminal(t *testing.T) {
	const command = "  a-command that is longer --than=the --terminal=is --wide"
	const place = "/a/path/that/is/longer/than/the/terminal/is/wide:12"
	r := doctor.Report{
		Facts: []doctor.Fact{
			{Name: "store", Text: "kernel (no keyring: the session bus has none to offer)"},
		},
		Findings: []doctor.Finding{{
			Check: "cycle", Severity: doctor.Error, Profile: "d\x1b[2Jev", Where: place,
			What: strings.Repeat("what is wrong ", 9), Why: strings.Repeat("why that matters ", 9),
			Fix: "run what follows, which is long:\n" + command,
		}, {
			Check: "clock", Severity: doctor.Error, What: "wrong", Why: "bad", Fix: "run:\n" + command,
		}},
	}
	const width = 48
	out := string(reportText(r, tui.Screen{IsTerminal: true, Width: width}))
	for l := range strings.Lines(out) {
		whole := strings.Contains(l, command[2:]) || strings.Contains(l, place)
		if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > width && !whole {
			t.Errorf("%d wide: %s", n, l)
		}
	}
	for _, want := range []string{"error[cycle]: d?[2Jev: what", command + "\n", place + "\n",
		"fix: " + command[2:] + "\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Contains(out, "\x1b") {
		t.Errorf("control characters in\n%q", out)
	}
}

func TestDoctorColorsSeverities(t *testing.T) {
	r := doctor.Report{Findings: []doctor.Finding{
		{Check: "cycle", Severity: doctor.Error, What: "a cycle"},
		{Check: "clock", Severity: doctor.Warning, What: "a clock"},
	}}
	out := string(reportText(r, tui.Screen{Colors: true}))
	for _, want := range []string{
		"\x1b[31merror[cycle]:\x1b[0m\x1b[1m a cycle\x1b[0m\n",
		"\x1b[33mwarning[clock]:\x1b[0m\x1b[1m a clock\x1b[0m\n",
		"\n\x1b[31m1 error\x1b[0m, \x1b[33m1 warning\x1b[0m\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%q", want, out)
		}
	}
	if out := string(reportText(r, tui.Screen{})); strings.Contains(out, "\x1b") {
		t.Errorf("colors in\n%q", out)
	}
	if out := string(reportText(doctor.Report{}, tui.Screen{})); out != "\nNo problems found.\n" {
		t.Errorf("without findings: %q", out)
	}
}

// TestDoctorGroupsProfiles checks the layout of findings that several profiles share.
func TestDoctorGroupsProfiles(t *testing.T) {
	var r doctor.Report
	for i := range 12 {
		profile := fmt.Sprintf("p%d", i)
		r.Findings = append(r.Findings, doctor.Finding{
			Check: "long-term-keys", Severity: doctor.Warning, Profile: profile,
			Where: fmt.Sprintf("/credentials:%d", i), What: "access key", Why: "it leaks",
			Fix: "run:\n  aws-credproc import " + profile,
		})
	}
	out := string(reportText(doctor.Report{Findings: r.Findings[:2]}, tui.Screen{Width: 80}))
	want := `
warning[long-term-keys]: 2 profiles: access key
  in:  p0  /credentials:0
       p1  /credentials:1
  why: it leaks
  fix: aws-credproc import p0
       aws-credproc import p1

1 warning
`
	if out != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
	out = string(reportText(r, tui.Screen{Width: 80}))
	for _, want := range []string{"p9   /credentials:9\n       and 2 more; --json lists all\n",
		"import p9\n       ...\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestDoctorReportsHowLongItWaited(t *testing.T) {
	t.Parallel()
	s := startSTS(t)
	s.Fault(ststest.Fault{Kind: ststest.Swallow, Times: ststest.Always})
	out, stderr, err := newHelper(t, s).run(t, "doctor", "--online", "--timeout", "1s")
	if err == nil || !strings.Contains(out, ": no response within 1s\n") {
		t.Errorf("error %v, stdout %s, stderr %s", err, out, stderr)
	}
}

// TestSessionExpiredByThisClockIsReported runs commands on a machine whose clock is hours ahead, so
// that new sessions have expired.
func TestSessionExpiredByThisClockIsReported(t *testing.T) {
	t.Parallel()
	s := startSTS(t)
	s.SetMaxSkew(3 * time.Hour)
	s.SetNow(func() time.Time { return time.Now().Add(-2 * time.Hour) })
	h := newHelper(t, s)
	for _, args := range [][]string{{"refresh", "dev"}, {"doctor", "--online"}, {"export", "dev"}} {
		out, stderr, _ := h.run(t, args...)
		shown := out + stderr
		if !strings.Contains(shown, "by this machine's clock") || strings.Contains(shown, "in expired") {
			t.Errorf("%v: %s", args, shown)
		}
	}
}
