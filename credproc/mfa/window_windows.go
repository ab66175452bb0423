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

// askScript is the whole code that PowerShell runs: title and text come as variables.
const askScript = `Add-Type -AssemblyName Microsoft.VisualBasic; ` +
	`[Console]::Out.Write([Microsoft.VisualBasic.Interaction]::InputBox($env:AWS_CREDPROC_WINDOW_TEXT, $env:AWS_CREDPROC_WINDOW_TITLE))`

func dialog(ctx context.Context, _ func(string) string, title, text string) (*exec.Cmd, error) {
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil || session == 0 {
		return nil, errors.New("a service has no display")
	}
	system, err := windows.GetSystemDirectory() // not by %SystemRoot%, without which the path would be a relative one
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(system, `WindowsPowerShell\v1.0\powershell.exe`), "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", askScript)
	cmd.Env = append(os.Environ(), "AWS_CREDPROC_WINDOW_TITLE="+title, "AWS_CREDPROC_WINDOW_TEXT="+text)
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW} // of PowerShell itself
	return cmd, nil
}

// wasClosed: a window that is cancelled gives an empty answer.
func wasClosed(int, string) bool { return false }

// notification: there is no program for it.
func notification(context.Context, func(string) string, string, string) *exec.Cmd { return nil }
