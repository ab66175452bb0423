package mfa

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"aws-credproc/internal/terminal"
)

// Each platform has
//
//	dialog(ctx, getenv, title, text)        the program that asks in a window and prints the answer
//	wasClosed(exit, stderr)                 whether the user closed or cancelled that window
//	notification(ctx, getenv, title, text)  the program that shows a notification, or nil
//
// No shell is involved. title and text are plain (see plain) and never code, because anyone may
// choose profile names and ARNs.

const windowTitle = "aws-credproc"

// maxAnswer is the longest answer that is read.
const maxAnswer = 1 << 10

// askInWindow asks in a window.
func (p *Provider) askInWindow(ctx context.Context, d Device, note string) (string, error) {
	cmd, err := dialog(ctx, p.Getenv, windowTitle, plain(note+d.question()))
	if err != nil {
		return "", cannotAsk(err, ErrNoSeed)
	}
	program := filepath.Base(cmd.Path)
	p.Tracef("MFA code of %s: asking in a window of %s", d.Serial, program)
	var stdout, stderr limitedBuffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	exit := (*exec.ExitError)(nil)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.As(err, &exit) && wasClosed(exit.ExitCode(), stderr.String()):
		return "", io.EOF
	case err != nil:
		return "", cannotAsk(fmt.Errorf("%s could not open a window: %w", program, err), ErrNoSeed)
	}
	return stdout.String(), nil
}

// limitedBuffer keeps the first maxAnswer bytes.
type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), maxAnswer-b.Len())])
	return len(p), nil
}

// notify shows a desktop notification, if there is a desktop. It does not wait.
func (p *Provider) notify(d Device, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	cmd := notification(ctx, p.Getenv, windowTitle, plain(text+"\n"+d.label()))
	if cmd == nil {
		cancel()
		p.Tracef("%s (no notification: there is no desktop)", text)
		return
	}
	go func() {
		defer cancel()
		if err := cmd.Run(); err != nil {
			p.Tracef("%s (no notification: %s: %v)", text, filepath.Base(cmd.Path), err)
		}
	}()
}

// maxWidth is the longest line in a window, in characters. An ARN may have 2048 and does not wrap.
const maxWidth = 120

// plain returns text without control characters and without what Pango, Qt or zenity take for
// markup or an escape.
func plain(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		line = strings.Map(func(r rune) rune {
			if strings.ContainsRune(`<>&\`, r) {
				return '?'
			}
			return r
		}, terminal.Printable(strings.TrimSuffix(line, "\n")))
		if runes := []rune(line); len(runes) > maxWidth {
			line = string(runes[:maxWidth]) + " ..."
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
