package mfa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/terminal"
)

// prompt shows a note and the question for a code, and returns the answer.
type prompt func(ctx context.Context, note string) (string, error)

// errNoDisplay means that the user has no graphical session.
var errNoDisplay = errors.New("there is no display")

// prompt returns the prompt to use. The error is the reason why there is none.
func (p *Provider) prompt(d Device) (prompt, error) {
	if p.Mode == None {
		return nil, errors.New("prompts are disabled (--prompt none)")
	}
	var noTerminal error
	if p.Mode != GUI {
		tty, err := terminal.Open()
		if err == nil {
			return func(ctx context.Context, note string) (string, error) {
				return p.askAtTerminal(ctx, d, note)
			}, tty.Close()
		}
		noTerminal = err
	}
	if p.Mode == TTY {
		return nil, noTerminal
	}
	_, err := dialog(context.Background(), p.Getenv, "", "") // only checks
	switch {
	case err == nil:
		return func(ctx context.Context, note string) (string, error) {
			return p.askInWindow(ctx, d, note)
		}, nil
	case noTerminal == nil:
		return nil, err
	case errors.Is(noTerminal, terminal.ErrNone) && errors.Is(err, errNoDisplay):
		return nil, ErrCannotAsk
	}
	return nil, fmt.Errorf("%w, and %w", noTerminal, err)
}

// maxAttempts is how often the user is asked until the answer is a code.
const maxAttempts = 3

// askForCode asks until the answer is a code.
func askForCode(ctx context.Context, note string, ask prompt) (Code, error) {
	for range maxAttempts {
		answer, err := ask(ctx, note)
		switch cause := context.Cause(ctx); {
		case errors.Is(cause, context.DeadlineExceeded):
			return Code{}, diag.Reword("no MFA code was entered within the time allowed", cause)
		case cause != nil:
			return Code{}, errInterrupted
		case errors.Is(err, io.EOF):
			return Code{}, ErrCancelled
		case err != nil:
			return Code{}, err
		case strings.TrimSpace(answer) == "":
			return Code{}, ErrCancelled
		}
		if code, ok := parseCode(answer); ok {
			return code, nil
		}
		note = "Not an MFA code: expected 6 digits.\n"
	}
	return Code{}, fmt.Errorf("no MFA code of 6 digits was entered in %d attempts", maxAttempts)
}

// askAtTerminal asks at the terminal.
func (p *Provider) askAtTerminal(ctx context.Context, d Device, note string) (string, error) {
	tty, err := terminal.Open()
	if err != nil {
		return "", cannotAsk(err, ErrNoSeed)
	}
	defer tty.Close()
	// With two questions at a time, it would be undefined which process gets the answer. Without a
	// state directory there is no lock.
	unlock, err := statedir.Lock(ctx, p.Dir, tty.Name())
	defer unlock()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	} else if err != nil {
		p.Tracef("cannot wait for other questions at this terminal: %v", err)
	}
	p.Tracef("MFA code of %s: asking at the terminal", d.Serial)
	return tty.Ask(ctx, note+d.question()+" ")
}

// showNotice shows text at the terminal, or calls otherwise if that is not possible.
func (p *Provider) showNotice(d Device, text string, otherwise func(text string)) {
	if p.Mode == Auto || p.Mode == TTY {
		if tty, err := terminal.Open(); err == nil {
			defer tty.Close()
			line := terminal.Printable(d.label()+": "+text) + "\n"
			if _, err := tty.Write([]byte(line)); err == nil {
				return
			}
		}
	}
	otherwise(text)
}

// reportWait tells the user that the next code is awaited.
func (p *Provider) reportWait(d Device, wait time.Duration) {
	text := fmt.Sprintf("the current MFA code is already used; waiting %s for the next one", wait)
	p.showNotice(d, text, func(text string) { p.Warnf("%s: %s", d.Profile, text) })
}
