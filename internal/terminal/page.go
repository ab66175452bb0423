package terminal

import "time"

// Page is what [Terminal.ShowPage] shows.
type Page struct {
	// Enter and Leave are written before the page is drawn for the first time, and after the last.
	Enter, Leave string
	// Draw returns the page for a screen of this size. A size of 0 is unknown.
	Draw func(width, height int) []byte
	// Typed is called with each byte of input, or with none if a byte is followed by a pause. It
	// reports whether the page is done.
	Typed func(b []byte) (done bool)
}

// keyPause is the pause after the Escape key. The bytes of other keys that send the same byte first
// follow without one.
const keyPause = 100 * time.Millisecond
