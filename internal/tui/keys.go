package tui

import (
	"bytes"
	"unicode/utf8"
)

// key is a key of the keyboard: a character, as typed, or one of the keys below.
type key rune

const (
	keyNone key = -1 - iota // not a key, or not yet
	keyUp
	keyDown
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
	keyEscape
)

// ctrl returns the key that Ctrl and a letter send.
func ctrl(letter rune) key { return key(letter & 0x1f) }

const (
	escape    = 0x1b
	backspace = key(0x7f)
	// maxSequence is longer than the sequence of any key.
	maxSequence = 16
)

// keyParser finds keys in the bytes that a terminal sends. Its zero value is ready.
type keyParser struct{ partial []byte }

// next takes a byte and returns the key that it completes.
func (p *keyParser) next(b byte) key {
	p.partial = append(p.partial, b)
	if p.partial[0] == escape {
		return p.sequence()
	}
	if !utf8.FullRune(p.partial) {
		return keyNone
	}
	r, _ := utf8.DecodeRune(p.partial)
	invalid := r == utf8.RuneError && len(p.partial) > 1
	p.partial = nil
	switch {
	case invalid: // b may be the next key
		return p.next(b)
	case r == utf8.RuneError:
		return keyNone
	}
	return key(r)
}

// pause returns the key that a pause completes: Escape, which begins the sequences of other keys.
func (p *keyParser) pause() key {
	isEscape := len(p.partial) == 1 && p.partial[0] == escape
	p.partial = nil
	if isEscape {
		return keyEscape
	}
	return keyNone
}

// sequence returns the key of a control sequence of xterm if it is complete.
func (p *keyParser) sequence() key {
	s := p.partial
	last := s[len(s)-1]
	switch {
	case len(s) == 1, len(s) == 2 && (last == '[' || last == 'O'):
		return keyNone
	case last == escape: // the sequence was cut
		p.partial = s[len(s)-1:]
		return keyNone
	case len(s) > 2 && last >= ' ' && last < '@' && len(s) < maxSequence:
		return keyNone
	}
	p.partial = nil
	if len(s) == 2 { // Alt and a key
		return keyNone
	}
	switch last {
	case 'A':
		return keyUp
	case 'B':
		return keyDown
	case 'H':
		return keyHome
	case 'F':
		return keyEnd
	case '~':
		number, _, _ := bytes.Cut(s[2:len(s)-1], []byte(";"))
		return numberedKey(string(number))
	}
	return keyNone
}

// numberedKey returns the key of a sequence such as ESC [ 5 ~.
func numberedKey(number string) key {
	switch number {
	case "1", "7":
		return keyHome
	case "4", "8":
		return keyEnd
	case "5":
		return keyPageUp
	case "6":
		return keyPageDown
	}
	return keyNone
}
