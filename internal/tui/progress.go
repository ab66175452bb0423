package tui

import (
	"fmt"
	"io"
	"sync"
	"time"

	"aws-credproc/internal/terminal"
)

// progressDelay is how long a command waits before it shows what it waits for.
const progressDelay = time.Second

// Progress is a line at a terminal that shows what a command waits for. Other output must go through
// [Progress.Write], which removes the line first. The zero value shows nothing.
type Progress struct {
	mu    sync.Mutex
	to    io.Writer
	on    bool // to is a terminal
	text  string
	timer *time.Timer
	shown bool
}

// NewProgress returns a progress line on w, which shows nothing if w is not a terminal.
func NewProgress(w io.Writer) *Progress {
	return &Progress{to: w, on: ScreenOf(w).IsTerminal}
}

// Start shows what, once a second has passed, until stop is called or another text replaces it.
func (p *Progress) Start(what string) (stop func()) {
	if !p.on {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.text = terminal.Printable(what)
	var timer *time.Timer
	timer = time.AfterFunc(progressDelay, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.timer == timer {
			p.show()
		}
	})
	p.timer = timer
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.timer == timer {
			p.clear()
		}
	}
}

// Stop removes the line.
func (p *Progress) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// Write removes the line, writes b, and shows the line again if it was shown.
func (p *Progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.shown {
		return p.to.Write(b)
	}
	p.erase()
	n, err := p.to.Write(b)
	p.show()
	return n, err
}

func (p *Progress) clear() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.erase()
}

// The progress line is a courtesy: errors of writing it are ignored.

func (p *Progress) show() {
	p.shown = true
	_, _ = fmt.Fprintf(p.to, "%s ...", p.text)
}

func (p *Progress) erase() {
	if p.shown {
		p.shown = false
		_, _ = fmt.Fprint(p.to, "\r\x1b[K")
	}
}
