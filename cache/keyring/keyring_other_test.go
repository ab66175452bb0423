//go:build !linux

package keyring

import (
	"bytes"
	"strings"
	"testing"

	"aws-credproc/internal/keyringtest"
)

func TestSystemKeyringTakesTheLargestItem(t *testing.T) {
	keyringtest.UseReal(t)
	item := Item{Service: "aws-credproc", User: strings.Repeat("f", 64)}
	value := []byte(strings.Repeat("\"'\\$ %&^\x7f", MaxItem)[:MaxItem])
	k := new(Keyring)
	if err := k.Put(t.Context(), item, "", value); err != nil {
		t.Fatal(err)
	}
	if got, err := k.Get(t.Context(), item); err != nil || len(got) != 1 ||
		!bytes.Equal(got[0], value) {
		t.Errorf("%d items, not what was put: %v", len(got), err)
	}
}
