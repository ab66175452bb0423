package tui

import (
	"fmt"
	"strings"
	"time"

	"aws-credproc/internal/terminal"
)

// Hanging returns text after a label, wrapped at spaces to width columns, 0 for no limit. Further
// lines are indented to the end of the label. It strips control characters from text, not from
// label.
func Hanging(label, text string, width int) []string {
	text = terminal.Printable(text)
	if width == 0 {
		return []string{label + text}
	}
	return hang(label, strings.Repeat(" ", Width(label)), text, width)
}

// hang wraps text at spaces to width columns. The first line begins with label, the others with
// indent.
func hang(label, indent, text string, width int) (lines []string) {
	const minRoom = 20 // a word that is longer than the line overflows it
	line, empty := label, true
	for _, word := range strings.Fields(text) {
		limit := max(width, Width(indent)+minRoom)
		if !empty && Width(line)+1+Width(word) > limit {
			lines = append(lines, line)
			line, empty = indent, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	return append(lines, line)
}

// Plural returns word, with an s unless n is 1.
func Plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// TimeLeft returns the time from now until t: "60m", "11h32m", "8s", "over a year", or "expired".
func TimeLeft(t, now time.Time) string {
	if !t.After(now) {
		return "expired"
	}
	return Span(t.Sub(now))
}

// Span returns a duration as text, rounded to the second or minute: "0s", "60m", "11h32m".
func Span(d time.Duration) string {
	minutes := int(d.Round(time.Minute).Minutes())
	switch {
	case d > 365*24*time.Hour:
		return "over a year" // the difference of two times is at most 292 years
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
	case minutes <= 60:
		return fmt.Sprintf("%dm", minutes)
	}
	return fmt.Sprintf("%dh%02dm", minutes/60, minutes%60)
}
