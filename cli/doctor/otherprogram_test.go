package doctor

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestContainsBuildInfo has the text at the ends of reads, and one in each build.
func TestContainsBuildInfo(t *testing.T) {
	text := []byte("path\taws-credproc\n")
	for name, test := range map[string]struct {
		before int
		text   []byte
		want   bool
	}{
		"at the start":          {0, text, true},
		"across two reads":      {1<<20 - 5, text, true},
		"across later reads":    {2<<20 - 20, text, true},
		"at the end of a read":  {1<<20 - len(text), text, true},
		"another program":       {100, []byte("path\taws-credproc2\n"), false},
		"script of the program": {0, []byte("#!/bin/sh\nexec aws-credproc"), false},
	} {
		path := filepath.Join(t.TempDir(), "program")
		content := append(bytes.Repeat([]byte("x"), test.before), test.text...)
		content = append(content, bytes.Repeat([]byte("y"), 100)...)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := containsBuildInfo(path); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
