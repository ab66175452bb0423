package tui

import (
	"slices"
	"strings"

	"aws-credproc/internal/printable"
	"aws-credproc/internal/terminal"
)

const maxMessage = 8 << 10

// Message returns a message of the program on lines of their own: "PROGRAM: text" and, unless hint
// is empty, "PROGRAM: hint: ...". It strips control characters. On a terminal the lines are wrapped
// at spaces, the program's name is painted in the color c, and "hint:" and a leading "warning:"
// have colors of their own; elsewhere each is one line. It cuts a text or hint of more than
// maxMessage bytes: an error may quote a value of any length.
func (s Screen) Message(c Color, program, text, hint string) []byte {
	const warning = "warning: "
	text, hint = printable.Shorten(text, maxMessage), printable.Shorten(hint, maxMessage)
	label := program + ": "
	if after, ok := strings.CutPrefix(text, warning); ok {
		label, text, c = label+warning, after, Yellow
	}
	lines := s.message(label, terminal.Printable(text), c)
	if hint != "" {
		hint = joinCommand(terminal.Printable(hint))
		lines = append(lines, s.message(program+": hint: ", hint, Green)...)
	}
	out := strings.Join(lines, "\n") + "\n"
	return []byte(strings.ReplaceAll(out, joiner, " "))
}

func (s Screen) message(label, text string, c Color) []string {
	lines := []string{label + text}
	if s.Width > 0 {
		lines = hang(label, strings.Repeat(" ", hangingIndent), text, s.Width)
	}
	head := strings.TrimSuffix(label, " ")
	lines[0] = s.Paint(c, head) + strings.TrimPrefix(lines[0], head)
	return lines
}

// hangingIndent is the indent of a message's second and further lines.
const hangingIndent = 2

// joiner replaces a space where a line must not be broken. It is a private-use character.
const joiner = "\ue000"

// joinCommand joins the words of a command at the start of a hint, so that the command can be
// copied: up to the last word that looks like an argument, or all where little follows.
func joinCommand(hint string) string {
	words := strings.Fields(hint)
	if len(words) == 0 || !slices.Contains([]string{"aws-credproc", "aws"}, words[0]) {
		return hint
	}
	n := len(words)
	for n > 2 && !strings.ContainsAny(words[n-1], "-:/='\"") {
		n--
	}
	if len(words)-n <= 2 {
		n = len(words)
	}
	head := strings.Join(words[:n], joiner)
	return strings.Join(append([]string{head}, words[n:]...), " ")
}
