package terminal

import (
	"strings"
	"testing"
)

func TestWriterHandlesSplitCharacters(t *testing.T) {
	var out strings.Builder
	w := NewWriter(&out, 100)
	for _, b := range []byte("é😀\u202e\xff!") {
		if n, err := w.Write([]byte{b}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if out.String() != "é😀??!" {
		t.Errorf("%q", out.String())
	}
}
