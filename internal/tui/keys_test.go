package tui

import (
	"slices"
	"testing"
)

func TestKeys(t *testing.T) {
	for typed, want := range map[string][]key{
		"aé日😀":                        {'a', 'é', '日', '😀'},
		"\r\n\t\x7f\x03":              {'\r', '\n', '\t', backspace, ctrl('C')},
		"\x1b[A\x1bOB":                {keyUp, keyDown},
		"\x1b[1;5A\x1b[5~":            {keyUp, keyPageUp}, // with Ctrl
		"\x1b[6~\x1b[H\x1b[4~":        {keyPageDown, keyHome, keyEnd},
		"\x1b[1~\x1bOF":               {keyHome, keyEnd},
		"\x1b[3~\x1b[15~x":            {'x'}, // Delete and F5
		"\x1b~\x1bA":                  {},    // Alt
		"\x1bx\x1b[200~y":             {'y'}, // Alt-X, and the beginning of a paste
		"\x1b[\x1b[A":                 {keyUp},
		"\x1b[\r":                     {},
		"\xe6a\xff\xe6\x1b[Az":        {'a', keyUp, 'z'}, // invalid UTF-8
		"\x1b[0123456789012345678901": {'4', '5', '6', '7', '8', '9', '0', '1'},
	} {
		var p keyParser
		got := []key{}
		for _, b := range []byte(typed) {
			if k := p.next(b); k != keyNone {
				got = append(got, k)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", typed, got, want)
		}
		if k := p.pause(); k != keyNone {
			t.Errorf("%q: a pause is %v", typed, k)
		}
	}
}

func TestEscapeIsFollowedByAPause(t *testing.T) {
	var p keyParser
	if k := p.next(escape); k != keyNone {
		t.Errorf("before the pause: %v", k)
	}
	if k := p.pause(); k != keyEscape {
		t.Errorf("the pause is %v, want %v", k, keyEscape)
	}
	if k := p.next('A'); k != 'A' {
		t.Errorf("then: %v", k)
	}
	p.next(escape)
	p.next('[')
	if k := p.pause(); k != keyNone {
		t.Errorf("a pause in a sequence is %v", k)
	}
}
