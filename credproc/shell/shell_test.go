package shell

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestInterruptIsDistinguishedFromFailure(t *testing.T) {
	interrupted := []string{"exit 130", "kill -INT $$"}
	if runtime.GOOS == "windows" {
		interrupted = []string{"exit 130", "exit -1073741510"} // STATUS_CONTROL_C_EXIT
	}
	for _, line := range interrupted {
		if _, err := Output(t.Context(), line, nil, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", line, err)
		}
	}
	_, err := Output(t.Context(), "exit 2", nil, nil)
	if err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("exit 2: %v", err)
	}
}

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
