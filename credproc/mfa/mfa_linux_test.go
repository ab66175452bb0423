package mfa

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aws-credproc/internal/terminal/ptytest"
)

// childVar makes the test binary get codes in place of running the tests, as the errand in it says.
const childVar = "AWS_CREDPROC_MFA_TEST_CHILD"

// errand is what a child is told to do.
type errand struct {
	Mode   Mode
	Device Device
	Dir    string
	Limit  time.Duration
	Refuse []string // why one code after the other is refused
}

var testDevice = Device{Serial: testSerial, Profile: "dev-role", RoleARN: "arn:aws:iam::123456789012:role/Dev"}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVar); text != "" {
		var e errand
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			panic(err)
		}
		e.do()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// do gets codes as a caller does, and prints what came of it.
func (e errand) do() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if e.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.Limit)
		defer cancel()
	}
	a := &Asker{Mode: e.Mode, Dir: e.Dir, Getenv: os.Getenv, Now: time.Now, Stderr: os.Stderr, Warnf: printf, Tracef: func(string, ...any) {}}
	if err := a.CanAsk(ctx, e.Device); err != nil {
		printf("cannot ask: %v, %v", err, errors.Is(err, ErrNobody))
	}
	var previous error
	for n := 0; ; n++ {
		code, err := a.Code(ctx, e.Device, previous)
		if err != nil {
			printf("error: %v", err)
			for name, kind := range map[string]error{"nobody": ErrNobody, "cancelled": ErrCancelled, "refused": ErrRefused, "deadline": context.DeadlineExceeded} {
				if errors.Is(err, kind) {
					printf("is %s", name)
				}
			}
			if errors.Is(err, context.Canceled) {
				printf("is interrupted")
			}
			return
		}
		if n == len(e.Refuse) {
			printf("code %s", string(code.Secret))
			return
		}
		previous = fmt.Errorf("%w: %s", ErrRefused, e.Refuse[n])
	}
}

func printf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// command is a process that does an errand, with nothing of a terminal or display of who runs the tests.
func (e errand) command(t *testing.T, env ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	// Under the race detector each process would sleep a second at its end.
	cmd.Env = append(os.Environ(), append([]string{childVar + "=" + string(text), "GORACE=atexit_sleep_ms=0", "DISPLAY=", "WAYLAND_DISPLAY="}, env...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// script writes a program of the test's own, and gives its folder.
func script(t *testing.T, name, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTerminal(t *testing.T) {
	const question = "Code of MFA device " + testSerial + ": "
	const refusal = "MultiFactorAuthentication failed with \x1b[2Jinvalid code"
	for name, test := range map[string]struct {
		mode   Mode
		refuse []string
		typed  []string // after one question each
		want   string
		notes  []string // shown between them
	}{
		"code":              {typed: []string{"123456\n"}, want: "code 123456\n"},
		"with spaces":       {mode: TTY, typed: []string{" 123 456 \n"}, want: "code 123456\n"},
		"no code at first":  {typed: []string{"12345\n", "abcdef\n", "123456\n"}, want: "code 123456\n", notes: []string{"That is no MFA code: it has 6 digits."}},
		"never a code":      {typed: []string{"1\n", "2\n", "3\n"}, want: "error: none of 3 answers was an MFA code of 6 digits\n"},
		"empty":             {typed: []string{"\n"}, want: "error: the MFA code was asked for, and not given\nis cancelled\n"},
		"end of input":      {typed: []string{"\x04"}, want: "error: the MFA code was asked for, and not given\nis cancelled\n"},
		"interrupt":         {typed: []string{"12\x03"}, want: "error: the MFA code was asked for, and not given\nis cancelled\nis interrupted\n"},
		"refused, and then": {refuse: []string{refusal}, typed: []string{"111111\n", "123456\n"}, want: "code 123456\n", notes: []string{"the MFA code was refused: MultiFactorAuthentication failed with ?[2Jinvalid code"}},
		"always refused": {refuse: []string{"1", "2", "3", refusal}, typed: []string{"111111\n", "222222\n", "333333\n", "444444\n"},
			want: "error: the MFA code was refused: " + refusal + "\nis refused\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.mode == "" {
				test.mode = Auto
			}
			cmd, stdout, stderr := errand{Mode: test.mode, Device: testDevice, Refuse: test.refuse}.command(t)
			pty := ptytest.New(t)
			pty.Start(cmd)
			for i, typed := range test.typed {
				if i > 0 && test.notes != nil {
					pty.Await(test.notes[0])
				}
				pty.Await("aws-credproc: profile dev-role, role arn:aws:iam::123456789012:role/Dev\r\n" + question)
				pty.Type(typed)
			}
			if err := cmd.Wait(); err != nil || stdout.String() != test.want || stderr.Len() > 0 {
				t.Errorf("%v; stdout %q, want %q; stderr %q", err, stdout, test.want, stderr)
			}
		})
	}
}

// TestOneQuestionAtATime: codes of two devices are wanted at one terminal, and who types knows for which.
func TestOneQuestionAtATime(t *testing.T) {
	e := errand{Mode: Auto, Device: testDevice, Dir: t.TempDir()}
	first, stdout, _ := e.command(t)
	e.Device.Serial += "-2"
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	started := filepath.Join(t.TempDir(), "started")
	both := exec.CommandContext(t.Context(), "sh", "-c", `"$0" & until [ -e `+started+` ]; do sleep 0.02; done; `+childVar+`="$SECOND" "$0"; wait`, first.Path)
	both.Env, both.Stdout = append(first.Env, "SECOND="+string(text)), stdout
	pty := ptytest.New(t)
	pty.Start(both)
	pty.Await(testSerial + ": ")
	if err := os.WriteFile(started, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // for the second to ask in, if it would
	if shown := pty.Shown(); strings.Contains(shown, testSerial+"-2") {
		t.Errorf("the terminal shows %q", shown)
	}
	pty.Type("123456\n")
	pty.Await(testSerial + "-2: ")
	pty.Type("654321\n")
	if err := both.Wait(); err != nil || stdout.String() != "code 123456\ncode 654321\n" {
		t.Errorf("%v, %s", err, stdout)
	}
}

func TestTerminalWithoutAnAnswer(t *testing.T) {
	cmd, stdout, _ := errand{Mode: Auto, Device: testDevice, Limit: 300 * time.Millisecond}.command(t)
	ptytest.New(t).Start(cmd)
	if err := cmd.Wait(); err != nil || stdout.String() != "error: the MFA code was asked for, and not given within the time allowed\nis deadline\n" {
		t.Errorf("%v, %s", err, stdout)
	}
}

func TestNobodyIsAskedWhereNobodyIs(t *testing.T) {
	none := t.TempDir() // a PATH with nothing on it
	for name, test := range map[string]struct {
		mode Mode
		env  []string
		want string
	}{
		"auto":                   {Auto, nil, "there is no terminal, and there is no display"},
		"tty":                    {TTY, []string{"DISPLAY=:0"}, "there is no terminal"},
		"gui":                    {GUI, nil, "there is no display"},
		"none":                   {None, []string{"DISPLAY=:0"}, "the prompt is none"},
		"display, and no window": {Auto, []string{"WAYLAND_DISPLAY=x", "PATH=" + none}, "there is no terminal, and neither zenity nor kdialog is installed"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, stdout, _ := errand{Mode: test.mode, Device: testDevice}.command(t, test.env...)
			want := "nobody can be asked for an MFA code here: " + test.want
			if err := cmd.Run(); err != nil || stdout.String() != "cannot ask: "+want+", true\nerror: "+want+"\nis nobody\n" {
				t.Errorf("%v, %s", err, stdout)
			}
		})
	}
	t.Run("background", func(t *testing.T) {
		cmd, stdout, _ := errand{Mode: Auto, Device: testDevice}.command(t)
		job := exec.CommandContext(t.Context(), "sh", "-mc", `"$0" & wait $!`, cmd.Path)
		job.Env, job.Stdout = cmd.Env, stdout
		pty := ptytest.New(t)
		pty.Start(job)
		if err := job.Wait(); err != nil || !strings.Contains(stdout.String(), "this process is in the background of its terminal, and there is no display\nis nobody\n") {
			t.Errorf("%v, %s", err, stdout)
		}
		if pty.Shown() != "" {
			t.Errorf("the terminal shows %q", pty.Shown())
		}
	})
}

// A command that prints a code.

func TestProcess(t *testing.T) {
	for name, test := range map[string]struct {
		process string
		mode    Mode
		want    string
		stderr  string
	}{
		"code":                   {process: "echo 123456", want: "code 123456\n"},
		"code with spaces":       {process: "printf ' 123 456\\r\\n\\n'", mode: TTY, want: "code 123456\n"},
		"is told":                {process: `case $_AWS_CREDPROC_PROFILE_CHAIN in "a:x b:y") echo 123456;; esac`, mode: GUI, want: "code 123456\n"},
		"something else":         {process: "echo hush123456", want: "error: its mfa_process printed something else than an MFA code of 6 digits\n"},
		"nothing":                {process: "true # hush", want: "error: its mfa_process printed something else than an MFA code of 6 digits\n"},
		"failure":                {process: "echo 123456; : hush; exit 3", want: "error: its mfa_process ended with exit status 3\n"},
		"not there":              {process: "/nowhere/hush", want: "error: its mfa_process is no command that is found\n", stderr: "sh: 1: /nowhere/hush: not found\n"},
		"interrupted":            {process: "kill -INT $$; sleep 1234.5", want: "error: the MFA code was asked for, and not given\nis cancelled\nis interrupted\n"},
		"interrupted in a shell": {process: "exit 130", want: "error: the MFA code was asked for, and not given\nis cancelled\nis interrupted\n"},
		"endless":                {process: "yes hush", want: "error: its mfa_process printed more than 64 KB\n"},
		"speaks":                 {process: `printf 'Touch \033[31mit\n' >&2; echo 123456`, want: "code 123456\n", stderr: "Touch ?[31mit\n"},
		"nobody is to be needed": {process: "echo 123456", mode: None, want: "cannot ask: nobody can be asked for an MFA code here: the prompt is none, true\nerror: nobody can be asked for an MFA code here: the prompt is none\nis nobody\n"},
	} {
		t.Run(name, func(t *testing.T) {
			e := errand{Mode: test.mode, Device: testDevice}
			if e.Mode == "" {
				e.Mode = Auto
			}
			e.Device.Process, e.Device.Way = test.process, "a:x b:y"
			cmd, stdout, stderr := e.command(t)
			if err := cmd.Run(); err != nil || stdout.String() != test.want || stderr.String() != test.stderr {
				t.Errorf("%v; stdout %q, want %q; stderr %q, want %q", err, stdout, test.want, stderr, test.stderr)
			}
		})
	}
}

func TestProcessEndsWithItsTime(t *testing.T) {
	e := errand{Mode: Auto, Device: testDevice, Limit: 300 * time.Millisecond}
	e.Device.Process = "sleep 1234.5 & sleep 1234.5"
	cmd, stdout, _ := e.command(t)
	if err := cmd.Run(); err != nil || stdout.String() != "error: its mfa_process did not end within the time allowed\nis deadline\n" {
		t.Errorf("%v, %s", err, stdout)
	}
}

// TestProcessEndsWithItsChildrenAtTheTerminal: there it has no process group of its own. The terminal's shell stays, so that
// no hangup ends them.
func TestProcessEndsWithItsChildrenAtTheTerminal(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	e := errand{Mode: Auto, Device: testDevice, Limit: time.Second}
	e.Device.Process = "(sh -c 'echo $$ >" + pidFile + "; exec sleep 1234.5'; true) & sleep 1234.5; true"
	cmd, _, _ := e.command(t)
	cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", `"$0"; echo; echo ended; read line`, os.Args[0]}
	pty := ptytest.New(t)
	cmd.Stdin, cmd.Stdout = pty.TTY, pty.TTY
	pty.Start(cmd)
	pty.Await("error: its mfa_process did not end within the time allowed")
	pty.Await("ended")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	isRunning := func() bool { // one that has ended may wait for an init that collects it
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && !strings.Contains(string(stat), ") Z ")
	}
	for limit := time.Now().Add(10 * time.Second); isRunning(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("a process is left behind")
		}
	}
	pty.Type("\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestProcessSpeaksAtTheTerminal: the SDKs capture stderr, and a key that waits to be touched must not go unnoticed.
func TestProcessSpeaksAtTheTerminal(t *testing.T) {
	e := errand{Mode: Auto, Device: testDevice}
	e.Device.Process = `printf 'Touch \033[31myour key\n' >&2; sleep 2.5; echo 123456`
	cmd, stdout, stderr := e.command(t)
	pty := ptytest.New(t)
	pty.Start(cmd)
	pty.Await("Touch ?[31myour key\r\n")
	if err := cmd.Wait(); err != nil || stdout.String() != "code 123456\n" || stderr.Len() > 0 {
		t.Errorf("%v; stdout %q, stderr %q", err, stdout, stderr)
	}
	if strings.Contains(pty.Shown(), "waiting for mfa_process") {
		t.Error("a hint that is not needed is shown too")
	}
}

func TestPersonIsToldOfASilentProcess(t *testing.T) {
	const text = "waiting for mfa_process: a key may want to be touched"
	dir := t.TempDir()
	e := errand{Mode: Auto, Device: testDevice}
	e.Device.Process = "until [ -e " + dir + "/touched ]; do sleep 0.05; done; echo 123456"
	touch := func(t *testing.T) {
		if err := os.WriteFile(filepath.Join(dir, "touched"), nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	t.Run("at the terminal", func(t *testing.T) {
		cmd, stdout, _ := e.command(t)
		pty := ptytest.New(t)
		pty.Start(cmd)
		pty.Await("aws-credproc: profile dev-role, role arn:aws:iam::123456789012:role/Dev: " + text + "\r\n")
		touch(t)
		if err := cmd.Wait(); err != nil || stdout.String() != "code 123456\n" {
			t.Errorf("%v, %s", err, stdout)
		}
	})
	if err := os.Remove(filepath.Join(dir, "touched")); err != nil {
		t.Fatal(err)
	}
	t.Run("on the desktop", func(t *testing.T) {
		bin := script(t, "notify-send", `printf '%s\n' "$@" >"$0.args"; : >`+dir+"/touched\n")
		e.Device.RoleARN += "<b>&amp;\\n" // markup to some servers
		cmd, stdout, stderr := e.command(t, "DISPLAY=:0", "PATH="+bin+":"+os.Getenv("PATH"))
		if err := cmd.Run(); err != nil || stdout.String() != "code 123456\n" || stderr.Len() > 0 {
			t.Errorf("%v; %s; %s", err, stdout, stderr)
		}
		args, err := os.ReadFile(filepath.Join(bin, "notify-send.args"))
		if want := "--app-name=aws-credproc\n--\naws-credproc\n" + text + "\naws-credproc: profile dev-role, role " + testDevice.RoleARN + "?b??amp;?n\n"; err != nil || string(args) != want {
			t.Errorf("%v; it is told %q, want %q", err, args, want)
		}
	})
}

// TestProcessIsRunOnceMore: in the next window, as it would print the same code in this one.
func TestProcessIsRunOnceMore(t *testing.T) {
	counted := filepath.Join(t.TempDir(), "runs")
	synctest.Test(t, func(t *testing.T) {
		var warned []string
		a := &Asker{Mode: GUI, Getenv: os.Getenv, Now: time.Now, Tracef: t.Logf, Warnf: func(format string, args ...any) { warned = append(warned, fmt.Sprintf(format, args...)) }}
		d := testDevice
		d.Process = "echo >>" + counted + "; echo 123456"
		time.Sleep(10 * time.Second)
		if _, err := a.Code(t.Context(), d, nil); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		refused := fmt.Errorf("%w: AccessDenied", ErrRefused)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := a.Code(ctx, d, refused); !errors.Is(err, ErrRefused) || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 0 {
			t.Errorf("with too little time for another window: %v after %v", err, time.Since(start))
		}
		if _, err := a.Code(t.Context(), d, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Code(t.Context(), d, refused); err != nil || time.Since(start) != 20*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if _, err := a.Code(t.Context(), d, refused); err != refused {
			t.Errorf("and then %v", err)
		}
		if runs, err := os.ReadFile(counted); err != nil || len(runs) != 3 {
			t.Errorf("it ran %d times, %v", len(runs), err)
		}
		if len(warned) != 1 || warned[0] != "dev-role: the MFA code of now is used already; waiting 20s for the next" {
			t.Errorf("%q", warned)
		}
	})
}

// A window, as far as no display is needed: the end-to-end tests have one.

func TestWindowPrograms(t *testing.T) {
	device := testDevice
	device.RoleARN = `arn:aws:iam::123456789012:role/A_<b>&amp;\n"'$(x)` + "\x1b"
	const shown = `aws-credproc: profile dev-role, role arn:aws:iam::123456789012:role/A_?b??amp;?n"'$(x)?` + "\nCode of MFA device " + testSerial + ":"
	for program, test := range map[string]struct{ args string }{
		"zenity":  {"--entry\n--width=480\n--title=aws-credproc\n--text=" + strings.ReplaceAll(shown, "_", "__") + "\n"},
		"kdialog": {"--title\naws-credproc\n--inputbox\n" + shown + "\n"},
	} {
		for name, ends := range map[string]struct{ script, want string }{
			"code":            {"echo 123 456", "code 123456\n"},
			"cancelled":       {"echo 'Gtk-WARNING' >&2; exit 1", "error: the MFA code was asked for, and not given\nis cancelled\n"},
			"no such display": {"echo 'Gtk-WARNING: cannot open display: :77' >&2; exit 1", "error: nobody can be asked for an MFA code here: " + program + " could show no window: exit status 1\nis nobody\n"},
			"failure":         {"exit 255", "error: nobody can be asked for an MFA code here: " + program + " could show no window: exit status 255\nis nobody\n"},
			"flood":           {"yes", "error: none of 3 answers was an MFA code of 6 digits\n"},
		} {
			t.Run(program+" "+name, func(t *testing.T) {
				bin := script(t, program, `printf '%s\n' "$@" >"$0.args"; `+ends.script)
				if name == "flood" {
					bin = script(t, program, "/usr/bin/yes | /usr/bin/head -c 100000")
				}
				cmd, stdout, stderr := errand{Mode: GUI, Device: device}.command(t, "DISPLAY=:77", "PATH="+bin)
				if err := cmd.Run(); err != nil || stdout.String() != ends.want || stderr.Len() > 0 {
					t.Errorf("%v; stdout %q, want %q; stderr %q", err, stdout, ends.want, stderr)
				}
				if name == "flood" {
					return
				}
				if args, err := os.ReadFile(filepath.Join(bin, program+".args")); err != nil || string(args) != test.args {
					t.Errorf("%v; it is told %q, want %q", err, args, test.args)
				}
			})
		}
	}
}

func TestWindowEndsWithItsTime(t *testing.T) {
	bin := script(t, "zenity", "exec /bin/sleep 1234.5\n")
	cmd, stdout, _ := errand{Mode: GUI, Device: testDevice, Limit: 300 * time.Millisecond}.command(t, "DISPLAY=:77", "PATH="+bin)
	if err := cmd.Run(); err != nil || stdout.String() != "error: the MFA code was asked for, and not given within the time allowed\nis deadline\n" {
		t.Errorf("%v, %s", err, stdout)
	}
}

// TestTerminalBeforeWindow: where both are there, the person looks at the terminal.
func TestTerminalBeforeWindow(t *testing.T) {
	bin := script(t, "zenity", "echo 654321\n")
	cmd, stdout, _ := errand{Mode: Auto, Device: testDevice}.command(t, "DISPLAY=:77", "PATH="+bin)
	pty := ptytest.New(t)
	pty.Start(cmd)
	pty.Await(testSerial + ": ")
	pty.Type("123456\n")
	if err := cmd.Wait(); err != nil || stdout.String() != "code 123456\n" {
		t.Errorf("%v, %s", err, stdout)
	}
	// And where the terminal is not there, the window is asked.
	cmd, stdout, _ = errand{Mode: Auto, Device: testDevice}.command(t, "DISPLAY=:77", "PATH="+bin)
	if err := cmd.Run(); err != nil || stdout.String() != "code 654321\n" {
		t.Errorf("%v, %s", err, stdout)
	}
}
