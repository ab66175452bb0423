package cli

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/terminal"
)

// printable makes a text from outside fit for a terminal.
func printable(s string) string { return terminal.Printable(s) }

// terminal opens the terminal, if a person may be asked there.
func (a *app) terminal() (*terminal.Terminal, error) {
	switch a.prompt {
	case mfa.Auto, mfa.TTY:
		return terminal.Open()
	default:
		return nil, fmt.Errorf("the prompt is %s", a.prompt)
	}
}

// progress tells a person at a terminal what is being waited for, once it takes longer than a second. stop takes it
// away again.
func (a *app) progress(what string) (stop func()) {
	f, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	var mu sync.Mutex
	shown, stopped := false, false
	timer := time.AfterFunc(time.Second, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		shown = true
		_, _ = fmt.Fprintf(f, "%s ...", printable(what)) // it is a courtesy; the result does not depend on it
	})
	stop = sync.OnceFunc(func() {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		if shown {
			_, _ = fmt.Fprint(f, "\r\x1b[K")
		}
		stopped = true
	})
	a.stopProgress = stop
	return stop
}

// quietly takes the line of progress away before a person is asked for a code.
type quietly struct {
	*mfa.Asker
	app *app
}

func (q quietly) Code(ctx context.Context, d mfa.Device, previous error) (mfa.Code, error) {
	if q.app.stopProgress != nil {
		q.app.stopProgress()
	}
	return q.Asker.Code(ctx, d, previous)
}

// left says how long it is until t: "59m", "11h32m", "8s", "over a year".
func left(t, now time.Time) string {
	if !t.After(now) {
		return "expired"
	}
	return span(t.Sub(now))
}

// span says how long something takes: "0s", "59m", "11h32m".
func span(d time.Duration) string {
	switch {
	case d > 365*24*time.Hour:
		return "over a year" // or far more: the difference of two times stops at 292
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
