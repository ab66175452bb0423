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

// childVar makes the test binary ask a question in place of running the tests: "Ask" or "AskHidden".
const childVar = "AWS_CREDPROC_TERMINAL_TEST_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childVar); how == "Lead" {
		os.Exit(lead())
	} else if how != "" {
		os.Exit(child(how))
	}
	os.Exit(m.Run())
}

// child asks for as long as its argument says, and prints the answer.
func child(how string) int {
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
	if how == "AskHidden" {
		ask = tty.AskHidden
	}
	if how == "Write" {
		if _, err := tty.Write([]byte("shown at first\n")); err != nil {
			fmt.Println(err)
		}
		// And then again, once it is told to.
		for ctx.Err() == nil {
			if _, err := os.Stat(os.Args[2]); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		_, err := tty.Write([]byte("shown from the background"))
		fmt.Println("written:", err)
		return 0
	}
	answer, err := ask(ctx, "for \x1b[31m"+how+"?\n> ")
	fmt.Printf("answer %q, %v", answer, err)
	if err := tty.Close(); err != nil {
		fmt.Print(err)
	}
	return 0
}

// lead starts a child that asks in a group of its own, and puts that into the foreground and itself by turns, each time
// that it is told to. Unlike a shell it stops nobody. It ends as the child does, but for one that is stopped.
func lead() int {
	signal.Ignore(unix.SIGTTOU)
	cmd := exec.Command(os.Args[0], "1m")
	cmd.Env = append(os.Environ(), childVar+"=Ask")
	cmd.Stdout, cmd.SysProcAttr = os.Stdout, &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: 3}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	turns := []int{unix.Getpgrp(), cmd.Process.Pid}
	told := bufio.NewScanner(os.Stdin)
	for told.Scan() {
		if err := unix.IoctlSetPointerInt(3, unix.TIOCSPGRP, turns[0]); err != nil {
			panic(err)
		}
		turns[0], turns[1] = turns[1], turns[0]
		fmt.Println("turned")
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil {
		panic(err)
	}
	if status.Stopped() {
		fmt.Println("the child is stopped by", status.StopSignal())
		_ = cmd.Process.Kill()
		return 1
	}
	return status.ExitStatus()
}

func childCommand(t *testing.T, how, limit string) (cmd *exec.Cmd, stdout *bytes.Buffer) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), os.Args[0], limit)
	cmd.Env = append(os.Environ(), childVar+"="+how, "GORACE=atexit_sleep_ms=0") // else each sleeps a second at its end
	stdout = &bytes.Buffer{}
	cmd.Stdin, cmd.Stdout = strings.NewReader("from stdin\n"), stdout
	return cmd, stdout
}

func TestAsk(t *testing.T) {
	raw := func(m *unix.Termios) { // as a program of a whole screen sets it
		m.Iflag &^= unix.ICRNL
		m.Oflag &^= unix.OPOST
		m.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	}
	for name, test := range map[string]struct {
		how, typed, want string
		modes            func(*unix.Termios)
	}{
		"line":                 {how: "Ask", typed: "123 456\nmore\n", want: `answer "123 456", <nil>`},
		"end of input":         {how: "Ask", typed: "\x04", want: `answer "", EOF`},
		"half a line":          {how: "Ask", typed: "12\x0434\n", want: `answer "1234", <nil>`},
		"empty":                {how: "Ask", typed: "\n", want: `answer "", <nil>`},
		"interrupt":            {how: "Ask", typed: "12\x03", want: `answer "", interrupt signal received`},
		"raw":                  {how: "Ask", typed: "123456\r", modes: raw, want: `answer "123456", <nil>`},
		"hidden":               {how: "AskHidden", typed: "hush\n", want: `answer "hush", <nil>`},
		"hidden and raw":       {how: "AskHidden", typed: "hush\r", modes: raw, want: `answer "hush", <nil>`},
		"hidden and interrupt": {how: "AskHidden", typed: "hush\x03", want: `answer "", interrupt signal received`},
		"too long":             {how: "Ask", typed: strings.Repeat(strings.Repeat("x", 1000)+"\x04", 5), want: `answer "", the line is too long`},
	} {
		t.Run(name, func(t *testing.T) {
			pty := ptytest.New(t)
			if test.modes != nil {
				pty.SetModes(test.modes)
			}
			before := pty.Modes()
			cmd, stdout := childCommand(t, test.how, "1m")
			pty.Start(cmd)
			pty.Await("for ?[31m" + test.how + "?\r\n> ")
			pty.Type(test.typed)
			if err := cmd.Wait(); err != nil || stdout.String() != test.want {
				t.Errorf("%v; %s; want %s; the terminal shows %q", err, stdout, test.want, pty.Shown())
			}
			if after := pty.Modes(); after != before {
				t.Errorf("the terminal's modes were %+v and are %+v", before, after)
			}
			if strings.Contains(pty.Shown(), "hush") {
				t.Errorf("the terminal shows %q", pty.Shown())
			}
		})
	}
}

func TestAskEndsWithItsTimeAndLeavesTheTerminalAsItWas(t *testing.T) {
	for _, how := range []string{"Ask", "AskHidden"} {
		pty := ptytest.New(t)
		before := pty.Modes()
		cmd, stdout := childCommand(t, how, "300ms")
		pty.Start(cmd)
		pty.Await("> ")
		if err := cmd.Wait(); err != nil || stdout.String() != `answer "", context deadline exceeded` {
			t.Errorf("%v; %s", err, stdout)
		}
		if after := pty.Modes(); after != before {
			t.Errorf("the terminal's modes were %+v and are %+v", before, after)
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

// A shell with job control, at the terminal of a test, and a child that it can start.
func startShell(t *testing.T, pty *ptytest.Terminal, how, args string) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("SKIPPED: no bash here")
	}
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile", "-i")
	cmd.Env = append(os.Environ(), childVar+"="+how, "GORACE=atexit_sleep_ms=0", "PS1=$ ", "HISTFILE=", "child="+os.Args[0]+" "+args)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.TTY, pty.TTY, pty.TTY
	pty.Start(cmd)
	pty.Await("$ ")
}

func TestBackgroundJobIsNeitherAskedNorStopped(t *testing.T) {
	pty := ptytest.New(t)
	startShell(t, pty, "Ask", "1m")
	pty.Type("$child & wait %1; echo ended $?\n")
	pty.Await("open: this process is in the background of its terminal")
	pty.Await("\nended 0")
}

// TestSentToTheBackgroundWhileAsking: it waits there, at most for its time, reads nothing that is typed for the shell, and
// asks again in the foreground.
func TestSentToTheBackgroundWhileAsking(t *testing.T) {
	pty := ptytest.New(t)
	startShell(t, pty, "Ask", "1m")
	pty.Type("$child\n")
	pty.Await("> ")
	pty.Type("\x1a")
	pty.Await("Stopped")
	pty.Type("bg\n")
	pty.Await("$ ")
	pty.Type("echo for the shel''l\n") // what is echoed is not what is awaited
	pty.Await("for the shell")
	pty.Type("jobs\n")
	pty.Await("Running")
	pty.Type("fg\n")
	pty.Await("> ")
	pty.Type("123456\n")
	pty.Await(`answer "123456", <nil>`)
}

// TestTakenTheForegroundWhileAsking: nothing tells it; a read would stop it.
func TestTakenTheForegroundWhileAsking(t *testing.T) {
	pty := ptytest.New(t)
	cmd, _ := childCommand(t, "Lead", "")
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
	said := bufio.NewScanner(stdout)
	turn := func() {
		if _, err := stdin.Write([]byte("\n")); err != nil || !said.Scan() || said.Text() != "turned" {
			t.Fatal(err, said.Text())
		}
	}
	turn()
	pty.Type("for others\n")
	time.Sleep(300 * time.Millisecond) // for the child to be stopped in, if it would
	turn()
	pty.Await("> ") // what others did not read is there still
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if !said.Scan() || said.Text() != `answer "for others", <nil>` {
		t.Error(said.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestStoppedWhileAskingAsksAgain(t *testing.T) {
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

func TestTimeEndsInTheBackgroundToo(t *testing.T) {
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

// TestTwoAskAtOnce: each line goes to one of them, and who gets none ends with its time all the same.
func TestTwoAskAtOnce(t *testing.T) {
	pty := ptytest.New(t)
	first, out1 := childCommand(t, "Ask", "3s")
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `"$0" "$1" & "$0" "$1"; wait`, first.Path, "3s")
	cmd.Env, cmd.Stdout = first.Env, out1
	pty.Start(cmd)
	pty.Await("> ")
	pty.Await("> ")
	pty.Type("123456\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if out := out1.String(); strings.Count(out, `answer "123456"`) != 1 || strings.Count(out, "deadline exceeded") != 1 {
		t.Errorf("%s", out)
	}
}

func TestStoppedTerminalIsNotWaitedForForEver(t *testing.T) {
	pty := ptytest.New(t)
	flow := func(action int) { // as Ctrl-S and Ctrl-Q do, but done when it returns
		if err := unix.IoctlSetInt(int(pty.TTY.Fd()), unix.TCXONC, action); err != nil {
			t.Fatal(err)
		}
	}
	flow(unix.TCOOFF)
	cmd, stdout := childCommand(t, "Ask", "1m")
	pty.Start(cmd)
	if err := cmd.Wait(); err != nil || !strings.Contains(stdout.String(), "it takes no output") {
		t.Errorf("%v; %s", err, stdout)
	}
	flow(unix.TCOON)
}

// TestShowsNothingFromTheBackground: a terminal that is set so would stop whoever writes to it from there.
func TestShowsNothingFromTheBackground(t *testing.T) {
	pty := ptytest.New(t)
	told := filepath.Join(t.TempDir(), "told")
	startShell(t, pty, "Write", "1m "+told)
	pty.Type("out=$(mktemp); stty tostop; $child >$out\n")
	pty.Await("shown at first")
	pty.Type("\x1a")
	pty.Await("Stopped")
	pty.Type("bg; touch " + told + "; wait; cat $out; rm $out\n")
	pty.Await("written: " + ErrBackground.Error())
	if strings.Contains(pty.Shown(), "shown from") {
		t.Errorf("the terminal shows %q", pty.Shown())
	}
}

func TestTerminalThatIsGoneEndsTheInput(t *testing.T) {
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
