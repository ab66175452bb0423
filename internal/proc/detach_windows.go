package proc

import (
	"errors"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// StartDetached starts a process that outlives this one and holds none of its resources: no
// console, no inherited handles, and not the job of a caller that kills the job's processes when it
// ends, unless that job forbids breaking away. The working directory is kept, since paths in a
// config file may be relative.
//
// https://learn.microsoft.com/en-us/windows/win32/procthread/job-objects
func StartDetached(cmd *exec.Cmd) error {
	const detached = windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP
	// A Cmd starts once only.
	retry := exec.Cmd{Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir, Err: cmd.Err}
	const breakaway = detached | windows.CREATE_BREAKAWAY_FROM_JOB
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: breakaway}
	err := cmd.Start() // inherits its three standard streams only, all of them NUL
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		cmd = &retry
		cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: detached}
		err = cmd.Start()
	}
	if err != nil {
		return err
	}
	return cmd.Process.Release()
}
