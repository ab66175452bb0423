package mfa

import (
	"context"
	"errors"
	"os/exec"
	"strings"
)

const osascript = "/usr/bin/osascript"

func dialog(
	ctx context.Context, getenv func(string) string, title, text string,
) (*exec.Cmd, error) {
	if !hasDisplay(getenv) {
		return nil, errors.New("a session over SSH has no display")
	}
	return exec.CommandContext(ctx, osascript,
		"-e", `on run argv`,
		"-e", `tell me to activate`,
		"-e", `text returned of (display dialog (item 2 of argv) default answer "" `+
			`with title (item 1 of argv))`,
		"-e", `end run`,
		title, text), nil
}

// wasClosed looks for AppleScript's error -128, "User canceled".
func wasClosed(_ int, stderr string) bool { return strings.Contains(stderr, "(-128)") }

func notification(
	ctx context.Context, getenv func(string) string, title, text string,
) *exec.Cmd {
	if !hasDisplay(getenv) {
		return nil
	}
	return exec.CommandContext(ctx, osascript,
		"-e", `on run argv`,
		"-e", `display notification (item 2 of argv) with title (item 1 of argv)`,
		"-e", `end run`,
		title, text)
}

// hasDisplay reports whether a window can be shown to the user. It reports false in an SSH session,
// because another user may be at the screen.
func hasDisplay(getenv func(string) string) bool { return getenv("SSH_CONNECTION") == "" }
