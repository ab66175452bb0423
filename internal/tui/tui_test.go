package tui

import (
	"strings"
	"testing"
	"time"
)

func TestTimeLeft(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]string{
		now:                                              "expired",
		now.Add(8 * time.Second):                         "8s",
		now.Add(59700 * time.Millisecond):                "60s",
		now.Add(4 * time.Minute):                         "4m",
		now.Add(59*time.Minute + time.Second):            "59m",
		now.Add(time.Hour - time.Second):                 "60m", // a fresh session
		now.Add(time.Hour):                               "60m",
		now.Add(61 * time.Minute):                        "1h01m",
		now.Add(2*time.Hour - time.Second):               "2h00m",
		now.Add(11*time.Hour + 32*time.Minute):           "11h32m",
		now.AddDate(1, 0, 0):                             "8760h00m",
		now.AddDate(1, 0, 1):                             "over a year",
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC): "over a year",
	} {
		if got := TimeLeft(at, now); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}

func TestCutPage(t *testing.T) {
	page := []byte("1\n2\n3\n4\n")
	for height, want := range map[int]string{
		0: "1\n2\n3\n4\n",
		5: "1\n2\n3\n4\n",
		4: "1\n2\n... 2 more lines\n",
		3: "1\n... 3 more lines\n",
	} {
		if got := string((Screen{Height: height}).CutPage(page)); got != want {
			t.Errorf("height %d: %q, want %q", height, got, want)
		}
	}
}

func TestMessageOnATerminalIsWrappedAndColored(t *testing.T) {
	const text = "dev: AssumeRole arn:aws:iam::123456789012:role/Dev: " +
		"AccessDenied for arn:aws:iam::123456789012:user/jill"
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
	s.Colors = true
	const colored = "\x1b[33maws-credproc: warning:\x1b[0m x?y\n\x1b[32maws-credproc: hint:\x1b[0m z\n"
	if got := string(s.Message(Red, "aws-credproc", "warning: x\x1by", "z")); got != colored {
		t.Errorf("colored: %q", got)
	}
}

func TestMessageKeepsACommandOnOneLine(t *testing.T) {
	const hint = "aws-credproc setup --yes --role-arn arn:aws:iam::123456789012:role/Dev " +
		"--source-profile base dev"
	got := string(Screen{Width: 60}.Message(Red, "aws-credproc", "dev: failed", hint))
	if !strings.Contains(got, hint) {
		t.Errorf("the command is broken:\n%s", got)
	}
}

func TestMessageIsShortWhateverAnErrorQuotes(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	got := string(Screen{}.Message(Red, "tool", long, long))
	if n := len(got); n > 3*maxMessage || !strings.HasSuffix(got, "x...\n") {
		t.Errorf("%d bytes", n)
	}
}
