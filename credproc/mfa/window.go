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

// The parts of each platform are
//
//	dialog(ctx, getenv, title, text)        the program that asks in a window and prints the answer, or why there is none
//	wasClosed(exit, stderr)                 whether that program ended so since the person did not want to answer
//	notification(ctx, getenv, title, text)  the program that shows a notification; nil if there is none
//
// None is a shell, and the text is never code: profile names and ARNs are anybody's. title and text are plain.

// windowTitle is that of every window and notification.
const windowTitle = "aws-credproc"

// maxAnswer is more than a code with spaces takes.
const maxAnswer = 1 << 10

// inWindow asks in a window.
func (a *Asker) inWindow(ctx context.Context, d Device, note string) (string, error) {
	cmd, err := dialog(ctx, a.Getenv, windowTitle, plain(note+d.who()+"\nCode of MFA device "+d.Serial+":"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNobody, err)
	}
	a.Tracef("MFA code of %s: asked for in a window of %s", d.Serial, filepath.Base(cmd.Path))
	var stdout, stderr bounded
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
		return "", fmt.Errorf("%w: %s could show no window: %w", ErrNobody, filepath.Base(cmd.Path), err)
	}
	return stdout.String(), nil
}

// bounded keeps the first bytes that are written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), maxAnswer-b.Len())])
	return len(p), nil
}

// notify shows a text as a desktop notification, if there is a desktop. Nobody waits for it.
func (a *Asker) notify(d Device, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	cmd := notification(ctx, a.Getenv, windowTitle, plain(text+"\n"+d.who()))
	if cmd == nil {
		cancel()
		a.Tracef("%s, and there is no desktop to say so", text)
		return
	}
	go func() {
		defer cancel()
		if err := cmd.Run(); err != nil {
			a.Tracef("%s, and %s could not say so: %v", text, filepath.Base(cmd.Path), err)
		}
	}()
}

// maxWidth is how long a line in a window may be, in characters. An ARN may have 2048, and no place to wrap it.
const maxWidth = 120

// plain makes a text fit for a window: lines, without control characters and without what is markup or an escape to
// Pango, Qt or zenity.
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
