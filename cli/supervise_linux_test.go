package cli

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/internal/proc"
)

// lingering is a command of exec --serve that ends and leaves a process behind.
type lingering struct {
	*servedCommand
	pid    int    // of the process that is left
	stderr string // a file
}

// awaitMessage waits for the message that the command has ended.
func (l lingering) awaitMessage(t *testing.T) {
	t.Helper()
	const want = "aws-credproc: the command has ended; the credentials endpoint stays open for " +
		"1 process that it has left running\n"
	waitFor(t, "the message", func() bool {
		text, err := os.ReadFile(l.stderr)
		if err != nil || len(text) > len(want) {
			t.Fatalf("%v; stderr %s", err, text)
		}
		return string(text) == want
	})
}

// startLingering starts exec --serve with a command that starts a process in a session of its own,
// without inherited files. The command ends at once unless it has to stay.
func startLingering(t *testing.T, stays bool) lingering {
	t.Helper()
	h := newHelper(t, startSTS(t))
	out := filepath.Join(h.dir, "out")
	script := `setsid sh -c 'trap "" HUP; echo "` + endpoint + ` $$" >"$0.new"; mv "$0.new" "$0"
exec sleep 600' "$0" >/dev/null 2>&1 </dev/null &
until [ -e "$0" ]; do sleep 0.01; done; `
	if stays {
		script += "echo $$ >\"$0.command\"; exec sleep 600"
	}
	l := lingering{servedCommand: &servedCommand{}, stderr: filepath.Join(h.dir, "stderr")}
	stderr, err := os.Create(l.stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	l.cmd = h.command(t, "exec", "dev", "--serve", "--", "sh", "-c", script, out)
	l.cmd.Stderr = stderr
	l.cmd.Env = append(l.cmd.Env, "TMPDIR="+h.dir)
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if l.pid > 0 {
			_ = syscall.Kill(l.pid, syscall.SIGKILL)
		}
	})
	file := out
	if stays {
		file += ".command"
	}
	waitFor(t, "the command", func() bool { b, err := os.ReadFile(file); return err == nil && len(b) > 1 })
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &l.url, &l.token, &l.pid); err != nil {
		t.Fatal(err)
	}
	return l
}

// isBound reports whether the endpoint's port is taken.
func (l lingering) isBound(t *testing.T) bool {
	t.Helper()
	u, err := url.Parse(l.url)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", u.Host)
	if err != nil {
		return true
	}
	listener.Close()
	return false
}

// isAlive reports whether a process exists and has not ended.
func isAlive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !bytes.Contains(stat, []byte(") Z ")) && proc.IsRunning(pid)
}

// TestServeRespondsToWhatTheCommandLeaves: until the last descendant of the command has ended.
func TestServeRespondsToWhatTheCommandLeaves(t *testing.T) {
	l := startLingering(t, false)
	ended := make(chan error, 1)
	go func() { ended <- l.cmd.Wait() }()
	l.awaitMessage(t)
	if g := l.ask(t); g.status != 200 {
		t.Errorf("%+v", g)
	}
	select {
	case err := <-ended:
		t.Fatalf("ended before its descendant: %v", err)
	default:
	}
	if err := syscall.Kill(l.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if l.isBound(t) {
		t.Error("the port is still taken")
	}
}

// TestSignalsEndWhatTheCommandLeaves: but a hangup does not.
func TestSignalsEndWhatTheCommandLeaves(t *testing.T) {
	l := startLingering(t, false)
	l.awaitMessage(t)
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if g := l.ask(t); g.status != 200 {
			t.Errorf("%+v", g)
		}
		if err := l.cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.cmd.Wait(); err != nil || isAlive(l.pid) {
		t.Errorf("%v; alive: %v", err, isAlive(l.pid))
	}
}

// TestNothingOutlivesServe: if exec --serve is killed, so are all descendants of the command, and
// the port stays taken until then.
func TestNothingOutlivesServe(t *testing.T) {
	for _, stays := range []bool{true, false} {
		t.Run(fmt.Sprintf("command runs %v", stays), func(t *testing.T) {
			l := startLingering(t, stays)
			if err := l.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the end of the descendant", func() bool {
				if !l.isBound(t) && isAlive(l.pid) {
					t.Fatal("the port is free while a descendant runs")
				}
				return !isAlive(l.pid)
			})
			_ = l.cmd.Wait() // was killed
			waitFor(t, "the port", func() bool { return !l.isBound(t) })
		})
	}
}

// TestCommandEndsWithItsSupervisor: if the process between exec --serve and the command is killed.
func TestCommandEndsWithItsSupervisor(t *testing.T) {
	l := startLingering(t, true)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(l.cmd.Path), "out.command"))
	if err != nil {
		t.Fatal(err)
	}
	command, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(command) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	supervisor, err := strconv.Atoi(strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))[2])
	if err != nil || supervisor == l.cmd.Process.Pid {
		t.Fatalf("supervisor %d: %v", supervisor, err)
	}
	if err := syscall.Kill(supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the command", func() bool { return !isAlive(command) })
	_ = l.cmd.Wait()
	if code := l.cmd.ProcessState.ExitCode(); code != 128+int(syscall.SIGKILL) {
		t.Errorf("exit code %d", code)
	}
}
