package shell

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestQuotesReachTheShell(t *testing.T) {
	name, text := "say", "#!/bin/sh\necho \"$1, $2\"\n"
	if runtime.GOOS == "windows" {
		name, text = "say.cmd", "@echo %~1, %~2\r\n"
	}
	path := filepath.Join(t.TempDir(), "a folder", name)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		`"` + path + `" one "two three"`: "one, two three",
		`"` + path + `" "one" "two"`:     "one, two",
		`"` + path + `"`:                 ",",
	} {
		if got, err := Output(t.Context(), line, nil, os.Stderr); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
}
