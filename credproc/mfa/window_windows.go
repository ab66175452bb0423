package mfa

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// dialogScript is the PowerShell code of the dialog. Title and text are in variables.
const dialogScript = `Add-Type -AssemblyName Microsoft.VisualBasic; ` +
	`[Console]::Out.Write([Microsoft.VisualBasic.Interaction]::InputBox(` +
	`$env:AWS_CREDPROC_WINDOW_TEXT, $env:AWS_CREDPROC_WINDOW_TITLE))`

func dialog(
	ctx context.Context, _ func(string) string, title, text string,
) (*exec.Cmd, error) {
	var session uint32
	err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session)
	if err != nil || session == 0 {
		return nil, errors.New("a service has no display")
	}
	system, err := windows.GetSystemDirectory() // %SystemRoot% may be unset
	if err != nil {
		return nil, err
	}
	powershell := filepath.Join(system, `WindowsPowerShell\v1.0\powershell.exe`)
	cmd := exec.CommandContext(ctx, powershell,
		"-NoLogo", "-NoProfile", "-NonInteractive", "-Command", dialogScript)
	cmd.Env = append(os.Environ(),
		"AWS_CREDPROC_WINDOW_TITLE="+title, "AWS_CREDPROC_WINDOW_TEXT="+text)
	cmd.SysProcAttr = &syscall.SysProcAttr{ // no console window
		HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW,
	}
	return cmd, nil
}

// wasClosed returns false: if the user cancels, dialogScript prints an empty answer.
func wasClosed(int, string) bool { return false }

// notification returns nil: Windows has no program for it.
func notification(context.Context, func(string) string, string, string) *exec.Cmd { return nil }
