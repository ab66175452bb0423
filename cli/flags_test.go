package cli

import (
	"strings"
	"testing"
)

func TestErrorOfFlagDoesNotQuoteLibrary(t *testing.T) {
	for _, args := range [][]string{
		{"--help=maybe"}, {"status", "--all=maybe"}, {"exec", "--help=maybe"},
		{"list", "--json=maybe"},
	} {
		root := newRootCmd(testApp())
		root.SetArgs(args)
		err := root.Execute()
		if err == nil || strings.Contains(err.Error(), "strconv") ||
			!strings.Contains(err.Error(), "not true or false") {
			t.Errorf("%q: %v", args, err)
		}
	}
}
