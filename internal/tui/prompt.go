package tui

import (
	"context"
	"errors"
	"io"
	"strings"

	"aws-credproc/internal/terminal"
)

// ErrInterrupted is returned when ctx ends before a question is answered.
var ErrInterrupted = errors.New("interrupted; nothing was changed")

// Confirm asks a question at the terminal and reports whether the answer is y or yes.
func Confirm(ctx context.Context, tty *terminal.Terminal, question string) (bool, error) {
	answer, err := tty.Ask(ctx, question)
	switch {
	case ctx.Err() != nil:
		return false, ErrInterrupted
	case err != nil && !errors.Is(err, io.EOF):
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
