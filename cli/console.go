package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/guard"
	"aws-credproc/internal/terminal"
	"aws-credproc/internal/tui"
)

// console writes a command's result to stdout and its messages to stderr.
type console struct {
	stdout, stderr io.Writer
	waiting        *tui.Progress // on stderr
	start          time.Time
	verbose        bool
	warnings       []string // the warnings printed so far
	// warnf replaces warn while exec runs a command; nil otherwise.
	warnf    func(format string, args ...any)
	deferred *deferredWriter // nil unless deferStderr holds messages back
}

func newConsole(stdout, stderr io.Writer) *console {
	return &console{
		stdout: stdout, stderr: stderr, waiting: tui.NewProgress(stderr), start: time.Now(),
	}
}

// say writes a message to stderr: a line, and a second one for its hint.
func (c *console) say(format string, args ...any) { c.write(tui.Bold, fmt.Sprintf(format, args...)) }

// report writes an error and its hint to stderr.
func (c *console) report(err error) { c.write(tui.Red, diag.Text(err)) }

func (c *console) write(color tui.Color, message string) {
	text, hint := diag.CutHint(message)
	text = strings.ReplaceAll(text, "\n", "; ") // joined errors have a line each
	// An error of stderr is ignored: the exit code still reports a failure.
	_, _ = c.waiting.Write(tui.ScreenOf(c.stderr).Message(color, "aws-credproc", text, hint))
}

// warn writes a warning to stderr. It leaves out one that was printed before.
func (c *console) warn(format string, args ...any) {
	if c.warnf != nil {
		c.warnf(format, args...)
		return
	}
	text := fmt.Sprintf("warning: "+format, args...)
	if !slices.Contains(c.warnings, text) {
		c.warnings = append(c.warnings, text)
		c.say("%s", text)
	}
}

// trace writes a line of --verbose to stderr.
func (c *console) trace(format string, args ...any) {
	if c.verbose {
		ms := float64(time.Since(c.start).Microseconds()) / 1000
		c.say("%6.1f ms  %s", ms, fmt.Sprintf(format, args...))
	}
}

// print writes a command's result to stdout in one piece.
func (c *console) print(b []byte) error {
	c.waiting.Stop()
	if _, err := c.stdout.Write(b); err != nil {
		return stdoutError(err)
	}
	return nil
}

// errStdoutClosed means that the reader of stdout has gone, as in "list | head".
var errStdoutClosed = errors.New("write to stdout: broken pipe")

// stdoutError returns the error of a failed write to stdout, without the name that os adds.
func stdoutError(err error) error {
	if guard.IsClosedPipe(err) {
		return errStdoutClosed
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("write to stdout: %w", err)
}

func (c *console) printf(format string, args ...any) error {
	return c.print(fmt.Appendf(nil, format, args...))
}

// printJSON prints a value as indented JSON in ASCII.
func (c *console) printJSON(v any) error {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return c.print(plan.ASCII([]byte(b.String())))
}

// screen describes where stdout goes.
func (c *console) screen() tui.Screen { return tui.ScreenOf(c.stdout) }

// progress shows at a terminal what the command waits for, if that takes longer than a second.
func (c *console) progress(what string) (stop func()) {
	return c.waiting.Start(func() string { return what })
}

// printable returns text without control characters.
func printable(s string) string { return terminal.Printable(s) }
