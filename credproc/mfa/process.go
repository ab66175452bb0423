package mfa

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aws-credproc/credproc/shell"
	"aws-credproc/internal/terminal"
)

// touchDelay is how long an mfa_process may be silent before a person is told that it may wait for them.
const touchDelay = 2 * time.Second

// runs reports whether the code comes from a command. It may well ask a person by its own means.
func (a *Asker) runs(d Device) bool { return d.Process != "" && a.Mode != None }

// run gets the code from the profile's mfa_process. Its errors hold nothing of the command line, which may have a seed in
// it, nor of what the command printed.
func (a *Asker) run(ctx context.Context, d Device, previous error) (Code, error) {
	if previous != nil { // the same code again would be of no use
		if err := awaitStep(ctx, a.Now, stepOf(a.Now())+1, func(wait time.Duration) { a.tellWait(d, wait) }); err != nil {
			return Code{}, fmt.Errorf("%w; %w", previous, err)
		}
	}
	a.Tracef("MFA code of %s: from mfa_process", d.Serial)
	stderr := a.Stderr
	if a.Mode != GUI {
		if tty, err := terminal.Open(); err == nil {
			defer tty.Close()
			stderr = tty
		}
	}
	hint := time.AfterFunc(touchDelay, func() {
		const text = "waiting for mfa_process: a key may want to be touched"
		a.tell(d, text, func(string) { a.notify(d, text) })
	})
	defer hint.Stop()
	out, err := shell.Output(ctx, d.Process, strings.Fields(d.Way), heard(stderr, hint))
	switch {
	case errors.Is(err, context.Canceled):
		return Code{}, errInterrupted
	case err != nil:
		return Code{}, fmt.Errorf("its mfa_process %w", err)
	}
	code, ok := parseCode(out)
	if !ok {
		return Code{}, errors.New("its mfa_process printed something else than an MFA code of 6 digits")
	}
	return code, nil
}

// heard gives a writer to w. What is written to a terminal is heard, so that no hint is needed.
func heard(w io.Writer, hint *time.Timer) io.Writer {
	if _, ok := w.(*terminal.Terminal); ok {
		return speaker{w, hint}
	}
	return w
}

type speaker struct {
	io.Writer
	hint *time.Timer
}

func (s speaker) Write(b []byte) (int, error) {
	s.hint.Stop()
	return s.Writer.Write(b)
}
