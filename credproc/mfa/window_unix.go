//go:build unix && !darwin

package mfa

import (
	"context"
	"errors"
	"os/exec"
	"strings"
)

func dialog(ctx context.Context, getenv func(string) string, title, text string) (*exec.Cmd, error) {
	if !hasDisplay(getenv) {
		return nil, errors.New("there is no display")
	}
	if path, err := exec.LookPath("zenity"); err == nil {
		text = strings.ReplaceAll(text, "_", "__") // else one underlines the next letter
		return exec.CommandContext(ctx, path, "--entry", "--width=480", "--title="+title, "--text="+text), nil
	}
	if path, err := exec.LookPath("kdialog"); err == nil {
		return exec.CommandContext(ctx, path, "--title", title, "--inputbox", text), nil
	}
	return nil, errors.New("neither zenity nor kdialog is installed")
}

// wasClosed: both end with 1 for a window that is cancelled or closed, and GTK also where it has no display.
func wasClosed(exit int, stderr string) bool {
	return exit == 1 && !strings.Contains(stderr, "open display")
}

func notification(ctx context.Context, getenv func(string) string, title, text string) *exec.Cmd {
	path, err := exec.LookPath("notify-send")
	if err != nil || !hasDisplay(getenv) {
		return nil
	}
	return exec.CommandContext(ctx, path, "--app-name="+title, "--", title, text)
}

func hasDisplay(getenv func(string) string) bool {
	return getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != ""
}
