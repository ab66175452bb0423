package terminal

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/terminal/ptytest"
)

// childVar names what the test binary does instead of running the tests: "Ask", "AskHidden",
// "Write" or "SwitchForeground".
const childVar = "AWS_CREDPROC_TERMINAL_TEST_CHILD"

func TestMain(m *testing.M) {
	switch what := os.Getenv(childVar); what {
	case "":
		os.Exit(m.Run())
	case "SwitchForeground":
		os.Exit(switchForeground())
	default:
		os.Exit(child(what))
	}
}

// child asks with the time limit in its argument, and prints the answer.
func child(what string) int {
	limit, err := time.ParseDuration(os.Args[1])
	if err != nil {
		panic(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tty, err := Open()
	if err != nil {
		fmt.Println("open:", err)
		return 0
	}
	ask := tty.Ask
	switch what {
	case "AskHidden":
		ask = tty.AskHidden
	case "Write":
		writeTwice(ctx, tty, os.Args[2])
		return 0
	}
	answer, err := ask(ctx, "for \x1b[31m"+what+"?\n> ")
	fmt.Printf("answer %q, %v", answer, err)
	if err := tty.Close(); err != nil {
		fmt.Print(err)
	}
	return 0
}

// writeTwice writes to the terminal, and again when the file exists.
func writeTwice(ctx context.Context, tty *Terminal, path string) {
	if _, err := tty.Write([]byte("first write\n")); err != nil {
		fmt.Println(err)
	}
	for ctx.Err() == nil {
		if _, err := os.Stat(path); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	_, err := tty.Write([]byte("second write"))
	fmt.Println("written:", err)
}

// switchForeground starts a child that asks in its own process group. For each line of stdin it
// switches the foreground between itself and the child. Unlike a shell it stops no process. It
// returns the child's exit status, or 1 if the child was stopped.
func switchForeground() int {
	signal.Ignore(unix.SIGTTOU)
	cmd := exec.Command(os.Args[0], "1m")
	cmd.Env = append(os.Environ(), childVar+"=Ask")
	cmd.Stdout = os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 3}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	next, other := unix.Getpgrp(), cmd.Process.Pid
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := unix.IoctlSetPointerInt(3, unix.TIOCSPGRP, next); err != nil {
			panic(err)
		}
		next, other = other, next
		fmt.Println("switched")
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil {
		panic(err)
	}
	if status.Stopped() {
		fmt.Println("the child was stopped by", status.StopSignal())
		_ = cmd.Process.Kill()
		return 1
	}
	return status.ExitStatus()
}

// noRaceSleep keeps the race detector from delaying the end of each child by a second.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

func childCommand(t *testing.T, what, limit string) (cmd *exec.Cmd, stdout *bytes.Buffer) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0], limit)
	cmd.Env = append(os.Environ(), childVar+"="+what, noRaceSleep)
	stdout = &bytes.Buffer{}
	cmd.Stdin, cmd.Stdout = strings.NewReader("from stdin\n"), stdout
	return cmd, stdout
}

func TestAsk(t *testing.T) {
	const interrupted = `answer "", interrupt signal received`
	long := strings.Repeat(strings.Repeat("x", 1000)+"\x04", 5)
	raw := func(m *unix.Termios) { // the modes of a full-screen program
		m.Iflag &^= unix.ICRNL
		m.Oflag &^= unix.OPOST
		m.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	}
	for name, test := range map[string]struct {
		what, typed, want string
		modes             func(*unix.Termios)
	}{
		"line":         {what: "Ask", typed: "123 456\nmore\n", want: `answer "123 456", <nil>`},
		"end of input": {what: "Ask", typed: "\x04", want: `answer "", EOF`},
		"half a line":  {what: "Ask", typed: "12\x0434\n", want: `answer "1234", <nil>`},
		"empty":        {what: "Ask", typed: "\n", want: `answer "", <nil>`},
		"interrupt":    {what: "Ask", typed: "12\x03", want: interrupted},
		"raw":          {what: "Ask", typed: "123456\r", modes: raw, want: `answer "123456", <nil>`},
		"hidden":       {what: "AskHidden", typed: "hush\n", want: `answer "hush", <nil>`},
		"hidden raw": {
			what: "AskHidden", typed: "hush\r", modes: raw, want: `answer "hush", <nil>`,
		},
		"hidden interrupt": {what: "AskHidden", typed: "hush\x03", want: interrupted},
		"too long":         {what: "Ask", typed: long, want: `answer "", the line is too long`},
	} {
		t.Run(name, func(t *testing.T) {
			pty := ptytest.New(t)
			if test.modes != nil {
				pty.SetModes(test.modes)
			}
			before := pty.Modes()
			cmd, stdout := childCommand(t, test.what, "1m")
			pty.Start(cmd)
			pty.Await("for ?[31m" + test.what + "?\r\n> ")
			pty.Type(test.typed)
			if err := cmd.Wait(); err != nil || stdout.String() != test.want {
				t.Errorf("%v; %s; want %s; screen %q", err, stdout, test.want, pty.Shown())
			}
			if after := pty.Modes(); after != before {
				t.Errorf("terminal modes were %+v and are %+v", before, after)
			}
			if strings.Contains(pty.Shown(), "hush") {
				t.Errorf("hidden input on the screen: %q", pty.Shown())
			}
		})
	}
}

func TestAskTimeoutRestoresTheModes(t *testing.T) {
	const want = `answer "", context deadline exceeded`
	for _, what := range []string{"Ask", "AskHidden"} {
		pty := ptytest.New(t)
		before := pty.Modes()
		cmd, stdout := childCommand(t, what, "300ms")
		pty.Start(cmd)
		pty.Await("> ")
		if err := cmd.Wait(); err != nil || stdout.String() != want {
			t.Errorf("%v; %s", err, stdout)
		}
		if after := pty.Modes(); after != before {
			t.Errorf("terminal modes were %+v and are %+v", before, after)
		}
	}
}

func TestOpenWithoutATerminal(t *testing.T) {
	cmd, stdout := childCommand(t, "Ask", "1m")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err != nil || stdout.String() != "open: there is no terminal\n" {
		t.Errorf("%v; %s", err, stdout)
	}
}

// startShell starts a shell with job control. Its variable child is the command of a child.
func startShell(t *testing.T, pty *ptytest.Terminal, what, args string) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("SKIPPED: no bash here")
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile", "-i")
	cmd.Env = append(os.Environ(), childVar+"="+what, noRaceSleep, "PS1=$ ", "HISTFILE=",
		"child="+os.Args[0]+" "+args)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.TTY, pty.TTY, pty.TTY
	pty.Start(cmd)
	pty.Await("$ ")
}

func TestOpenFailsInTheBackground(t *testing.T) {
	pty := ptytest.New(t)
	startShell(t, pty, "Ask", "1m")
	pty.Type("$child & wait %1; echo ended $?\n")
	pty.Await("open: this process is in the background of its terminal")
	pty.Await("\nended 0")
}

// TestAskWaitsInTheBackground also checks that the input for the shell is not read.
func TestAskWaitsInTheBackground(t *testing.T) {
	pty := ptytest.New(t)
	startShell(t, pty, "Ask", "1m")
	pty.Type("$child\n")
	pty.Await("> ")
	pty.Type("\x1a")
	pty.Await("Stopped")
	pty.Type("bg\n")
	pty.Await("$ ")
	pty.Type("echo for the shel''l\n") // the echo differs from the awaited output
	pty.Await("for the shell")
	pty.Type("jobs\n")
	pty.Await("Running")
	pty.Type("fg\n")
	pty.Await("> ")
	pty.Type("123456\n")
	pty.Await(`answer "123456", <nil>`)
}

// TestAskIsNotStoppedWhenTheForegroundChanges changes the foreground without a signal to the child.
func TestAskIsNotStoppedWhenTheForegroundChanges(t *testing.T) {
	pty := ptytest.New(t)
	cmd, _ := childCommand(t, "SwitchForeground", "")
	cmd.Stdin, cmd.Stdout = nil, nil
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	pty.Start(cmd)
	pty.Await("> ")
	output := bufio.NewScanner(stdout)
	switchGroups := func() {
		_, err := stdin.Write([]byte("\n"))
		if err != nil || !output.Scan() || output.Text() != "switched" {
			t.Fatal(err, output.Text())
		}
	}
	switchGroups()
	pty.Type("for others\n")
	time.Sleep(300 * time.Millisecond) // a child that reads would be stopped now
	switchGroups()
	pty.Await("> ") // the line was not read and is still there
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if !output.Scan() || output.Text() != `answer "for others", <nil>` {
		t.Error(output.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestAskAsksAgainAfterStop(t *testing.T) {
	pty := ptytest.New(t)
	startShell(t, pty, "Ask", "1m")
	pty.Type("$child\n")
	pty.Await("> ")
	pty.Type("\x1a")
	pty.Await("Stopped")
	pty.Type("fg\n")
	pty.Await("> ")
	pty.Type("123456\n")
	pty.Await(`answer "123456", <nil>`)
}

func TestAskTimesOutInTheBackground(t *testing.T) {
	pty := ptytest.New(t)
	startShell(t, pty, "Ask", "3s")
	pty.Type("$child\n")
	pty.Await("> ")
	pty.Type("\x1a")
	pty.Await("Stopped")
	pty.Type("bg; wait; echo en''ded\n")
	pty.Await(`answer "", context deadline exceeded`)
	pty.Await("ended")
}

// TestConcurrentQuestions checks that one process gets the line and the other times out.
func TestConcurrentQuestions(t *testing.T) {
	pty := ptytest.New(t)
	child, stdout := childCommand(t, "Ask", "3s")
	const script = `"$0" "$1" & "$0" "$1"; wait`
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script, child.Path, "3s")
	cmd.Env, cmd.Stdout = child.Env, stdout
	pty.Start(cmd)
	pty.Await("> ")
	pty.Await("> ")
	pty.Type("123456\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	out := stdout.String()
	if strings.Count(out, `answer "123456"`) != 1 || strings.Count(out, "deadline exceeded") != 1 {
		t.Errorf("%s", out)
	}
}

func TestWriteTimesOutWhileOutputIsStopped(t *testing.T) {
	pty := ptytest.New(t)
	flow := func(action int) { // Ctrl-S and Ctrl-Q, but synchronous
		if err := unix.IoctlSetInt(int(pty.TTY.Fd()), unix.TCXONC, action); err != nil {
			t.Fatal(err)
		}
	}
	flow(unix.TCOOFF)
	cmd, stdout := childCommand(t, "Ask", "1m")
	pty.Start(cmd)
	if err := cmd.Wait(); err != nil || !strings.Contains(stdout.String(), "output is stopped") {
		t.Errorf("%v; %s", err, stdout)
	}
	flow(unix.TCOON)
}

// TestWriteFailsInTheBackground sets tostop, with which a write in the background stops a process.
func TestWriteFailsInTheBackground(t *testing.T) {
	pty := ptytest.New(t)
	path := filepath.Join(t.TempDir(), "continue")
	startShell(t, pty, "Write", "1m "+path)
	pty.Type("out=$(mktemp); stty tostop; $child >$out\n")
	pty.Await("first write")
	pty.Type("\x1a")
	pty.Await("Stopped")
	pty.Type("bg; touch " + path + "; wait; cat $out; rm $out\n")
	pty.Await("written: " + ErrBackground.Error())
	if strings.Contains(pty.Shown(), "second write") {
		t.Errorf("screen %q", pty.Shown())
	}
}

func TestAskReturnsEOFAfterHangup(t *testing.T) {
	pty := ptytest.New(t)
	child, stdout := childCommand(t, "Ask", "1m")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" HUP; exec "$0" 1m`, child.Path)
	cmd.Env, cmd.Stdout = child.Env, stdout
	pty.Start(cmd)
	pty.Await("> ")
	pty.HangUp()
	if err := cmd.Wait(); err != nil || stdout.String() != `answer "", EOF` {
		t.Errorf("%v; %s", err, stdout)
	}
}
