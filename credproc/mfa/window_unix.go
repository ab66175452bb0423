//go:build unix && !darwin

package mfa

import (
	"context"
	"errors"
	"os/exec"
	"strings"
)

func dialog(
	ctx context.Context, getenv func(string) string, title, text string,
) (*exec.Cmd, error) {
	if !hasDisplay(getenv) {
		return nil, errNoDisplay
	}
	if path, err := exec.LookPath("zenity"); err == nil {
		text = strings.ReplaceAll(text, "_", "__") // a single one underlines the next letter
		return exec.CommandContext(ctx, path,
			"--entry", "--width=480", "--title="+title, "--text="+text), nil
	}
	if path, err := exec.LookPath("kdialog"); err == nil {
		return exec.CommandContext(ctx, path, "--title", title, "--inputbox", text), nil
	}
	return nil, errors.New("neither zenity nor kdialog is installed")
}

// wasClosed checks for exit code 1, which both programs use. GTK also uses it if it cannot open the
// display.
func wasClosed(exit int, stderr string) bool {
	return exit == 1 && !strings.Contains(stderr, "open display")
}

func notification(
	ctx context.Context, getenv func(string) string, title, text string,
) *exec.Cmd {
	path, err := exec.LookPath("notify-send")
	if err != nil || !hasDisplay(getenv) {
		return nil
	}
	return exec.CommandContext(ctx, path, "--app-name="+title, "--", title, text)
}

func hasDisplay(getenv func(string) string) bool {
	return getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != ""
}
