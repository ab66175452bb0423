package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/terminal/ptytest"
)

// Control sequences of status --watch.
const (
	enterWatch = "\x1b[?1049h\x1b[?25l"
	leaveWatch = "\x1b[?25h\x1b[?1049l"
	watchTop   = "\x1b[H\x1b[J"
)

// startWatch starts status --watch on a terminal, 120 columns wide.
func startWatch(t *testing.T, h helper, rows uint16, env ...string) (*ptytest.Terminal, *exec.Cmd) {
	t.Helper()
	p := ptytest.New(t)
	size := &unix.Winsize{Row: rows, Col: 120}
	if err := unix.IoctlSetWinsize(int(p.TTY.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
	cmd := h.command(t, "status", "--watch")
	cmd.Env = append(append(cmd.Env, "NO_COLOR=1", "TERM=xterm"), env...)
	cmd.Stdout, cmd.Stderr = p.TTY, p.TTY
	p.Start(cmd)
	p.Await(enterWatch + watchTop)
	return p, cmd
}

// endWatch ends the command with Ctrl-C.
func endWatch(t *testing.T, p *ptytest.Terminal, cmd *exec.Cmd) {
	t.Helper()
	p.Type("\x03")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	p.Await(leaveWatch)
}

// newHelperWithSession returns a helper with a cached session of dev.
func newHelperWithSession(t *testing.T) helper {
	t.Helper()
	h := newHelper(t, startSTS(t))
	if _, stderr, err := h.run(t, "get", "dev"); err != nil {
		t.Fatal(stderr)
	}
	return h
}

func TestWatchEndsAtCtrlC(t *testing.T) {
	h := newHelperWithSession(t)
	for noColor, want := range map[string]string{"": "\x1b[32m60m\x1b[0m", "1": "  60m"} {
		p, cmd := startWatch(t, h, 40, "NO_COLOR="+noColor)
		p.Await(want)
		p.Await(watchTop) // the next second
		p.Await(want)
		endWatch(t, p, cmd)
	}
}

func TestWatchRequiresATerminal(t *testing.T) {
	h := newHelper(t, startSTS(t))
	out, stderr, err := h.run(t, "status", "--watch")
	if err == nil || out != "" || !strings.Contains(stderr, "--watch requires a terminal") {
		t.Errorf("%v: stdout %q, stderr %s", err, out, stderr)
	}
}

func TestWatchRequiresATerminalThatMovesTheCursor(t *testing.T) {
	h := newHelper(t, startSTS(t))
	p := ptytest.New(t)
	cmd := h.command(t, "status", "--watch")
	cmd.Env = append(cmd.Env, "TERM=dumb")
	cmd.Stdout, cmd.Stderr = p.TTY, p.TTY
	p.Start(cmd)
	p.Await("--watch requires a terminal (and TERM other than dumb)")
	if err := cmd.Wait(); err == nil {
		t.Error("it succeeded")
	}
}

func TestWatchLeavesTheAlternateScreenAtSignals(t *testing.T) {
	h := newHelperWithSession(t)
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		p, cmd := startWatch(t, h, 40)
		p.Await("60m")
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		p.Await(leaveWatch)
		_ = cmd.Wait() // SIGQUIT has Go's exit code and trace
	}
}

func TestWatchLeavesTheAlternateScreenWhileItIsStopped(t *testing.T) {
	p, cmd := startWatch(t, newHelperWithSession(t), 40)
	p.Await("60m")
	if err := cmd.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	p.Await(leaveWatch)
	waitFor(t, "the process to stop", func() bool {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		return err == nil && pid == cmd.Process.Pid && status.Stopped()
	})
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.Await(enterWatch)
	p.Await("60m")
	endWatch(t, p, cmd)
}

func TestWatchShowsWarningsOnThePage(t *testing.T) {
	h := newHelper(t, startSTS(t))
	config := filepath.Join(h.dir, "config")
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("broken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, cmd := startWatch(t, h, 40)
	p.Await("warning: ")
	p.Await(watchTop + "warning: ")
	if err := os.WriteFile(config, good, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Await(watchTop + "No sessions")
	endWatch(t, p, cmd)
}

func TestWatchPageFitsTheScreen(t *testing.T) {
	p, cmd := startWatch(t, newHelperWithSession(t), 3)
	p.Await("USED BY\r\n... 3 more lines\r\n" + watchTop)
	endWatch(t, p, cmd)
}
