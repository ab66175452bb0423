// Package terminal asks questions and shows text at the terminal of this process, even if stdin,
// stdout and stderr are redirected, as those of a credential_process are.
//
// The process is never stopped by job control for reading or writing in the background. A question
// ends with its context, and the terminal's modes are restored. Text is shown without control
// characters.
package terminal

import (
	"context"
	"errors"
)

// Errors of [Open].
var (
	ErrNone       = errors.New("there is no terminal")
	ErrBackground = errors.New("this process is in the background of its terminal")
)

// IsAvailable reports whether the user can be asked at the terminal.
func IsAvailable() bool {
	t, err := Open()
	return err == nil && t.Close() == nil
}

// maxLine is the longest line that is read, that of a terminal (termios(3)).
const maxLine = 4096

var errLongLine = errors.New("the line is too long")

// Ask shows a question and returns the line that the user types. The error is the cause of ctx, or
// io.EOF at the end of input.
func (t *Terminal) Ask(ctx context.Context, question string) (string, error) {
	return t.ask(ctx, printableLines(question), false)
}

// AskHidden is [Terminal.Ask] without echo.
func (t *Terminal) AskHidden(ctx context.Context, question string) (string, error) {
	return t.ask(ctx, printableLines(question), true)
}
