package terminal

import (
	"strings"
	"testing"
)

func TestPlainPutsCharactersTogether(t *testing.T) {
	var out strings.Builder
	p := Plain(&out, 100)
	for _, b := range []byte("é😀\u202e\xff!") {
		if n, err := p.Write([]byte{b}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if out.String() != "é😀??!" {
		t.Errorf("%q", out.String())
	}
}
