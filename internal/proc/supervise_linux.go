package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"aws-credproc/internal/files"

	"golang.org/x/sys/unix"
)

// orphaned is the signal that a supervisor gets when the process that started it has ended.
const orphaned = unix.SIGPWR

// RunSupervised is [Command.Run] for a command that depends on this process. A supervisor, which is
// this program with the arguments subcommand, starts the command (see [Supervise]). It holds f, so
// that the port of a listener stays taken until the last descendant of the command has ended.
func (c Command) RunSupervised(f *os.File, subcommand string) (exitCode int, err error) {
	self, err := files.Executable()
	if err != nil {
		return 0, fmt.Errorf("exec: cannot find the path of aws-credproc: %w", err)
	}
	fd, err := inheritable(f)
	if err != nil {
		return 0, err
	}
	// The kernel sends the signal when the thread that has started the process ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	supervisor := c
	supervisor.Path = self
	supervisor.Args = append([]string{
		os.Args[0], subcommand, "--", strconv.Itoa(os.Getpid()), strconv.Itoa(fd), c.Path,
	}, c.Args...)
	return supervisor.run(&syscall.SysProcAttr{Pdeathsig: orphaned}, func() { _ = unix.Close(fd) })
}

// Supervise runs a command as a child process and returns its exit code, once all its descendants
// have ended. args are those of RunSupervised. If the command ends before its descendants, Supervise
// calls lingering with the number of its direct children that are left; SIGINT or SIGTERM then end
// them. All descendants are killed if the process that called RunSupervised ends.
func Supervise(args []string, lingering func(processes int)) (exitCode int, err error) {
	if len(args) < 4 {
		return 0, errors.New("not started by exec")
	}
	parent, parentErr := strconv.Atoi(args[0])
	fd, fdErr := strconv.Atoi(args[1])
	if parentErr != nil || fdErr != nil || fd < 3 {
		return 0, errors.New("not started by exec")
	}
	syscall.CloseOnExec(fd)
	s := &supervisor{parent: parent, lingering: lingering, orphan: make(chan os.Signal, 1)}
	if err := s.adopt(); err != nil {
		return 0, err
	}
	// The kernel kills the command when the thread that has started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.signals = notifyForwarded()
	c := Command{Path: args[2], Args: args[3:], Env: os.Environ(), Stdin: os.Stdin}
	s.cmd = c.process(&syscall.SysProcAttr{Pdeathsig: unix.SIGKILL})
	if err := s.cmd.Start(); err != nil {
		return 0, newStartError(c.Args[0], err)
	}
	s.running = true
	allowTerminalOutput()
	s.wait()
	return s.exitCode, nil
}

const (
	lingerDelay  = time.Second // many processes end shortly after their parent
	killInterval = 20 * time.Millisecond
)

// supervisor is the state of Supervise.
type supervisor struct {
	parent    int // the process ID of the caller of RunSupervised
	lingering func(processes int)
	signals   chan os.Signal // that are passed on
	orphan    chan os.Signal // that the parent has ended

	cmd      *exec.Cmd
	running  bool // the command has not ended
	exitCode int
}

// adopt makes the descendants of this process its children when their own parents end, and makes
// the kernel send a signal when the parent of this process ends.
func (s *supervisor) adopt() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("exec: cannot adopt the descendants of the command: %w", err)
	}
	signal.Notify(s.orphan, orphaned)
	if os.Getppid() != s.parent {
		return errors.New("exec: the process that has the credentials endpoint has ended")
	}
	return nil
}

// wait returns when no descendants are left.
func (s *supervisor) wait() {
	ended, reaped := make(chan struct{}), make(chan struct{})
	go awaitChildren(ended, reaped)
	var linger, again <-chan time.Time
	for {
		select {
		case _, isLeft := <-ended:
			if !isLeft {
				return
			}
			if s.reap() {
				linger = time.After(lingerDelay)
			}
			reaped <- struct{}{}
		case <-linger:
			linger = nil
			s.lingering(len(children()))
		case received := <-s.signals:
			s.pass(received)
		case <-s.orphan:
			if os.Getppid() != s.parent {
				again = time.After(0)
			}
		case <-again: // a killed process's children become children of this one
			killChildren(syscall.SIGKILL)
			again = time.After(killInterval)
		}
	}
}

// reap reaps all children that have ended, and reports whether the command is one of them.
func (s *supervisor) reap() (commandEnded bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil || pid <= 0:
			return commandEnded
		case pid == s.cmd.Process.Pid && s.running:
			s.running, commandEnded = false, true
			s.exitCode = status.ExitStatus()
			if status.Signaled() {
				s.exitCode = 128 + int(status.Signal())
			}
		}
	}
}

// pass passes a signal on to the command, or ends what it has left behind. A hangup ends nothing:
// the command has left a process behind that ignores it (nohup).
func (s *supervisor) pass(received os.Signal) {
	switch {
	case s.running:
		forward(s.cmd.Process, received)
	case received == syscall.SIGINT || received == syscall.SIGTERM || received == syscall.SIGQUIT:
		killChildren(syscall.SIGTERM)
	}
}

// awaitChildren sends to ended when a child has ended, each time after it has received from reaped.
// It closes ended when there are no children.
func awaitChildren(ended chan<- struct{}, reaped <-chan struct{}) {
	defer close(ended)
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil: // ECHILD
			return
		}
		ended <- struct{}{}
		<-reaped
	}
}

func killChildren(s syscall.Signal) {
	for _, pid := range children() {
		_ = syscall.Kill(pid, s) // fails if it runs as another user
	}
}

// children returns the children of this process that have not ended. Their IDs are not reused until
// they are reaped.
func children() (pids []int) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	self := []byte(strconv.Itoa(os.Getpid()))
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may contain any character. State and parent follow.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || !bytes.Equal(fields[1], self) || fields[0][0] == 'Z' {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
