package tui

import (
	"fmt"
	"io"
	"sync"
	"time"

	"aws-credproc/internal/terminal"
)

// progressInterval is how long a command waits before it shows what it waits for, and how often the
// text is updated.
const progressInterval = time.Second

// progressPause is how long the line stays away after other output or the end of a wait, so that it
// does not flicker.
const progressPause = 300 * time.Millisecond

// Progress is a line at a terminal that shows what a command waits for. All other output to the
// terminal must go through [Progress.Write], which removes the line first.
type Progress struct {
	to     io.Writer
	screen Screen

	mu    sync.Mutex
	waits []*wait // the current waits, the last of which is shown
	timer *time.Timer
	pause time.Time // shows nothing until then
	shown string    // the text on the terminal, "" if there is none
}

type wait struct {
	text  func() string
	begin time.Time
}

// NewProgress returns a progress line on w. It shows nothing if w is not a terminal.
func NewProgress(w io.Writer) *Progress {
	return &Progress{to: w, screen: ScreenOf(w)}
}

// Start shows text, after a second, until stop is called. It is called again each second, for a
// text that changes. A wait within another one replaces its text.
func (p *Progress) Start(text func() string) (stop func()) {
	if !p.screen.Cursor {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w := &wait{text, time.Now()}
	if n := len(p.waits); n > 0 {
		w.begin = p.waits[n-1].begin
	}
	p.waits = append(p.waits, w)
	p.update()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, other := range p.waits {
			if other == w {
				p.waits = append(p.waits[:i:i], p.waits[i+1:]...)
				break
			}
		}
		p.hide()
		p.update()
	}
}

// Stop ends all waits and removes the line.
func (p *Progress) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = nil
	p.update()
}

// Write removes the line, writes b, and shows the line again.
func (p *Progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hide()
	n, err := p.to.Write(b)
	p.update()
	return n, err
}

// hide removes the line for a while.
func (p *Progress) hide() {
	p.show("")
	p.pause = time.Now().Add(progressPause)
}

// update shows the text of the innermost wait if it is due, and plans the next update.
func (p *Progress) update() {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	if len(p.waits) == 0 {
		p.show("")
		return
	}
	w := p.waits[len(p.waits)-1]
	next := max(time.Until(w.begin.Add(progressInterval)), time.Until(p.pause))
	if next <= 0 {
		p.show(terminal.Printable(w.text()) + " ...")
		next = progressInterval
	} else {
		p.show("")
	}
	p.timer = time.AfterFunc(next, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.update()
	})
}

// show puts text on the line, cut to the terminal's width. Errors are ignored: the result of a
// command does not depend on the line.
func (p *Progress) show(text string) {
	if p.screen.Width > 1 && text != "" {
		text = Truncate(text, p.screen.Width-1)
	}
	if text == p.shown {
		return
	}
	if p.shown != "" {
		_, _ = fmt.Fprint(p.to, "\r\x1b[K")
	}
	_, _ = fmt.Fprint(p.to, text)
	p.shown = text
}
