package cli

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// startDetached starts a process that outlives this one and holds nothing of its caller's: no console, no handles, and not
// the job of a caller that ends all in it when it ends, unless that job lets nothing out.
// The working directory stays, since paths in a config may be relative.
// https://learn.microsoft.com/en-us/windows/win32/procthread/job-objects
func startDetached(cmd *exec.Cmd) error {
	const detached = windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP
	again := exec.Cmd{Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir, Err: cmd.Err} // a Cmd starts once
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: detached | windows.CREATE_BREAKAWAY_FROM_JOB}
	err := cmd.Start() // it inherits its three standard streams only, all of them NUL
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		cmd = &again
		cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: detached}
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	return cmd.Process.Release()
}
