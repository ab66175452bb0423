package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// confirm shows changes and asks at the terminal whether to write them. It returns an error unless
// the answer is yes.
func confirm(a *app, cmd *cobra.Command, names []string, changes []profiles.Change) error {
	text := func() []byte { return diffText(changes, a.screen()) }
	return confirmText(a, cmd, names, text, "Write these changes? [y/N] ")
}

// confirmText shows a text and asks a question at the terminal. It returns an error unless the
// answer is yes.
func confirmText(
	a *app, cmd *cobra.Command, names []string, text func() []byte, question string,
) error {
	tty, err := a.terminal()
	if err != nil {
		return &diag.Error{
			Profile: strings.Join(names, " "), Where: cmd.Name(),
			Err:  fmt.Errorf("cannot ask for confirmation: %w", err),
			Hint: commandLine(cmd, names), Flags: diag.NeedsUser,
		}
	}
	defer tty.Close()
	if err := a.print(text()); err != nil {
		return err
	}
	defer a.pauseWatchdog()()
	yes, err := tui.Confirm(cmd.Context(), tty, question)
	if err == nil && !yes {
		a.say("Cancelled. Nothing was changed.")
		return errPrinted
	}
	return err
}

// errChanged means that the changes are not those that the user has confirmed.
var errChanged = &diag.Error{
	Problem: "the files have changed since the diff was shown; nothing was written",
	Hint:    "run the command again",
}

// diffText returns changes as diffs, without control characters, and colored for a terminal.
func diffText(changes []profiles.Change, to tui.Screen) []byte {
	var out []byte
	for _, c := range changes {
		for line := range strings.Lines(c.Diff()) {
			line = printable(strings.TrimRight(line, "\r\n"))
			out = append(out, paintDiff(line, to)+"\n"...)
		}
	}
	return out
}

func paintDiff(line string, to tui.Screen) string {
	switch {
	case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
		return to.Paint(tui.Bold, line)
	case strings.HasPrefix(line, "-"):
		return to.Paint(tui.Red, line)
	case strings.HasPrefix(line, "+"):
		return to.Paint(tui.Green, line)
	case strings.HasPrefix(line, "@@"):
		return to.Paint(tui.Cyan, line)
	}
	return line
}

// commandLine returns the command with --yes, in a form to be pasted.
func commandLine(cmd *cobra.Command, names []string) string {
	words := []string{"aws-credproc", cmd.Name(), "--yes"}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		switch {
		case f.Name == "prompt":
		case f.NoOptDefVal != "":
			words = append(words, "--"+f.Name)
		default:
			words = append(words, "--"+f.Name, f.Value.String())
		}
	})
	isHyphen := func(name string) bool { return strings.HasPrefix(name, "-") }
	if slices.ContainsFunc(names, isHyphen) {
		words = append(words, "--")
	}
	words = append(words, names...)
	for i, w := range words {
		if strings.ContainsAny(w, " \t\n\"'$`\\*?&|;<>()[]{}#~!%") {
			words[i] = posixQuote(w)
		}
	}
	return strings.Join(words, " ")
}
