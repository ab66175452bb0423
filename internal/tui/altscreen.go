package tui

import (
	"io"
	"os"
	"sync"
)

// AltScreen shows pages on the alternate screen of a terminal, which has no scrollback. What the
// terminal showed before is there again after Leave. A signal that suspends or ends the process
// leaves it too, except for those that the caller handles.
type AltScreen struct {
	to      io.Writer
	mu      sync.Mutex
	entered bool
	left    bool // for good
	signals chan os.Signal
}

// Control sequences of xterm, which all terminals in use know, Windows Terminal included.
const (
	mainToAlt = "\x1b[?1049h"
	altToMain = "\x1b[?1049l"
	enterAlt  = mainToAlt + "\x1b[?25l" // and hide the cursor
	leaveAlt  = "\x1b[?25h" + altToMain
	clearAll  = "\x1b[H\x1b[J" // from the first line on
)

// EnterAltScreen switches the terminal w to its alternate screen.
func EnterAltScreen(w io.Writer) *AltScreen {
	s := &AltScreen{to: w, signals: make(chan os.Signal, 1)}
	s.set(true)
	s.watchSignals()
	return s
}

// Show replaces the page. It does nothing after Leave.
func (s *AltScreen) Show(page []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.entered {
		return nil
	}
	_, err := s.to.Write(append([]byte(clearAll), page...))
	return err
}

// Leave switches back to the main screen permanently.
func (s *AltScreen) Leave() {
	s.ignoreSignals()
	s.set(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = true
}

// set switches to the alternate screen or back. Errors are ignored: those of Show are returned.
func (s *AltScreen) set(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entered == on || s.left {
		return
	}
	s.entered = on
	sequence := leaveAlt
	if on {
		sequence = enterAlt
	}
	_, _ = io.WriteString(s.to, sequence)
}
