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

// touchDelay is how long mfa_process may be silent before the user is told that it may wait for
// them.
const touchDelay = 2 * time.Second

// usesProcess reports whether the code comes from mfa_process, which may ask the user itself.
func (p *Provider) usesProcess(d Device) bool { return d.Process != "" && p.Mode != None }

// runProcess gets the code from mfa_process. Errors contain neither the command line, which may
// hold a seed, nor the output.
func (p *Provider) runProcess(ctx context.Context, d Device, previous error) (Code, error) {
	if previous != nil { // in this time step the command would print the same code
		next := stepOf(p.Now()) + 1
		err := awaitStep(ctx, p.Now, next, func(wait time.Duration) { p.reportWait(d, wait) })
		if err != nil {
			return Code{}, fmt.Errorf("%w; %w", previous, err)
		}
	}
	p.Tracef("MFA code of %s: from mfa_process", d.Serial)
	notice := time.AfterFunc(touchDelay, func() {
		const text = "waiting for mfa_process: a security key may need to be touched"
		p.showNotice(d, text, func(string) { p.notify(d, text) })
	})
	defer notice.Stop()
	stderr := p.Stderr
	if p.Mode != GUI {
		if tty, err := terminal.Open(); err == nil {
			defer tty.Close()
			stderr = stoppingWriter{tty, notice}
		}
	}
	out, err := shell.Output(ctx, d.Process, strings.Fields(d.Chain), stderr)
	switch {
	case errors.Is(err, context.Canceled):
		return Code{}, errInterrupted
	case err != nil:
		return Code{}, fmt.Errorf("its mfa_process %w", err)
	}
	code, ok := parseCode(out)
	if !ok {
		return Code{}, errors.New("its mfa_process did not print an MFA code of 6 digits")
	}
	return code, nil
}

// stoppingWriter stops a timer at the first write.
type stoppingWriter struct {
	io.Writer
	timer *time.Timer
}

func (w stoppingWriter) Write(b []byte) (int, error) {
	w.timer.Stop()
	return w.Writer.Write(b)
}
