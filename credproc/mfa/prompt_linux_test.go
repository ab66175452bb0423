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
	"strings"
	"syscall"
	"testing"
	"time"

	"aws-credproc/internal/terminal/ptytest"
)

// childVar makes the test binary get codes instead of running the tests. Its value is a request.
const childVar = "AWS_CREDPROC_MFA_TEST_CHILD"

// request is what a child process does.
type request struct {
	Mode   Mode
	Device Device
	Dir    string
	Limit  time.Duration
	Refuse []string // why the codes are refused, one after the other
}

var testDevice = Device{
	Serial: testSerial, Profile: "dev-role", RoleARN: "arn:aws:iam::123456789012:role/Dev",
}

// What a child prints.
const (
	cancelled   = "error: no MFA code was entered\nis cancelled\n"
	interrupted = cancelled + "is interrupted\n"
	timedOut    = "error: no MFA code was entered within the time allowed\nis deadline\n"
	noAnswer    = "error: no MFA code of 6 digits was entered in 3 attempts\n"
)

// cannotAskOutput returns what a child prints if it cannot ask.
func cannotAskOutput(reason string) string {
	return "cannot ask: " + reason + ", true\nerror: " + reason + "\nis cannotAsk\n"
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVar); text != "" {
		var r request
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			panic(err)
		}
		r.run()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// run gets codes until one is not refused, and prints the result.
func (r request) run() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if r.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Limit)
		defer cancel()
	}
	p := &Provider{
		Mode: r.Mode, Dir: r.Dir, Getenv: os.Getenv, Now: time.Now, Stderr: os.Stderr,
		Warnf: printf, Tracef: func(string, ...any) {},
	}
	if err := p.CanAsk(ctx, r.Device); err != nil {
		printf("cannot ask: %v, %v", err, errors.Is(err, ErrCannotAsk))
	}
	var previous error
	for n := 0; ; n++ {
		code, err := p.Code(ctx, r.Device, previous)
		if err != nil {
			printError(err)
			return
		}
		if n == len(r.Refuse) {
			printf("code %s", string(code.Secret))
			return
		}
		previous = fmt.Errorf("%w: %s", ErrRefused, r.Refuse[n])
	}
}

func printError(err error) {
	printf("error: %v", err)
	for _, kind := range []struct {
		name string
		err  error
	}{
		{"cannotAsk", ErrCannotAsk}, {"cancelled", ErrCancelled}, {"refused", ErrRefused},
		{"deadline", context.DeadlineExceeded}, {"interrupted", context.Canceled},
	} {
		if errors.Is(err, kind.err) {
			printf("is %s", kind.name)
		}
	}
}

func printf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// command returns a process for a request, without a terminal and a display.
func (r request) command(
	t *testing.T, env ...string,
) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(),
		childVar+"="+string(text), "DISPLAY=", "WAYLAND_DISPLAY=",
		"GORACE=atexit_sleep_ms=0") // the race detector delays the end of a process by 1 s
	cmd.Env = append(cmd.Env, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// script writes a shell script and returns its directory.
func script(t *testing.T, name, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTerminalPrompt(t *testing.T) {
	const question = "aws-credproc: profile dev-role, role arn:aws:iam::123456789012:role/Dev\r\n" +
		"MFA code for " + testSerial + ": "
	const refusal = "MultiFactorAuthentication failed with \x1b[2Jinvalid code"
	for name, test := range map[string]struct {
		mode   Mode
		refuse []string
		typed  []string // one per question
		want   string
		note   string // on the screen before the second question
	}{
		"code":        {typed: []string{"123456\n"}, want: "code 123456\n"},
		"with spaces": {mode: TTY, typed: []string{" 123 456 \n"}, want: "code 123456\n"},
		"code after invalid input": {
			typed: []string{"12345\n", "abcdef\n", "123456\n"}, want: "code 123456\n",
			note: "Not an MFA code: expected 6 digits.",
		},
		"invalid input": {typed: []string{"1\n", "2\n", "3\n"}, want: noAnswer},
		"empty":         {typed: []string{"\n"}, want: cancelled},
		"end of input":  {typed: []string{"\x04"}, want: cancelled},
		"interrupt":     {typed: []string{"12\x03"}, want: interrupted},
		"refused once": {
			refuse: []string{refusal}, typed: []string{"111111\n", "123456\n"},
			want: "code 123456\n",
			note: "the MFA code was refused: MultiFactorAuthentication failed with ?[2Jinvalid code",
		},
		"always refused": {
			refuse: []string{"1", "2", "3", refusal},
			typed:  []string{"111111\n", "222222\n", "333333\n", "444444\n"},
			want:   "error: the MFA code was refused: " + refusal + "\nis refused\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.mode == "" {
				test.mode = Auto
			}
			r := request{Mode: test.mode, Device: testDevice, Refuse: test.refuse}
			cmd, stdout, stderr := r.command(t)
			pty := ptytest.New(t)
			pty.Start(cmd)
			for i, typed := range test.typed {
				if i > 0 && test.note != "" {
					pty.Await(test.note)
				}
				pty.Await(question)
				pty.Type(typed)
			}
			if err := cmd.Wait(); err != nil || stdout.String() != test.want || stderr.Len() > 0 {
				t.Errorf("%v; stdout %q, want %q; stderr %q", err, stdout, test.want, stderr)
			}
		})
	}
}

// TestOneTerminalPromptAtATime runs two processes that ask for codes of different devices.
func TestOneTerminalPromptAtATime(t *testing.T) {
	r := request{Mode: Auto, Device: testDevice, Dir: t.TempDir()}
	first, stdout, _ := r.command(t)
	r.Device.Serial += "-2"
	second, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	started := filepath.Join(t.TempDir(), "started")
	both := exec.CommandContext(t.Context(), "sh", "-c", `"$0" & until [ -e `+started+
		` ]; do sleep 0.02; done; `+childVar+`="$SECOND" "$0"; wait`, first.Path)
	both.Env, both.Stdout = append(first.Env, "SECOND="+string(second)), stdout
	pty := ptytest.New(t)
	pty.Start(both)
	pty.Await(testSerial + ": ")
	if err := os.WriteFile(started, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond) // enough for a second question
	if shown := pty.Shown(); strings.Contains(shown, testSerial+"-2") {
		t.Errorf("screen %q", shown)
	}
	pty.Type("123456\n")
	pty.Await(testSerial + "-2: ")
	pty.Type("654321\n")
	const want = "code 123456\ncode 654321\n"
	if err := both.Wait(); err != nil || stdout.String() != want {
		t.Errorf("%v, %s", err, stdout)
	}
}

func TestTerminalPromptTimesOut(t *testing.T) {
	r := request{Mode: Auto, Device: testDevice, Limit: 300 * time.Millisecond}
	cmd, stdout, _ := r.command(t)
	ptytest.New(t).Start(cmd)
	if err := cmd.Wait(); err != nil || stdout.String() != timedOut {
		t.Errorf("%v, %s", err, stdout)
	}
}

func TestCannotAsk(t *testing.T) {
	empty := t.TempDir()
	for name, test := range map[string]struct {
		mode Mode
		env  []string
		want string
	}{
		"auto": {Auto, nil, "there is no terminal or display to ask on"},
		"tty":  {TTY, []string{"DISPLAY=:0"}, "there is no terminal"},
		"gui":  {GUI, nil, "there is no display"},
		"none": {None, []string{"DISPLAY=:0"}, "prompts are disabled (--prompt none)"},
		"display without dialog program": {Auto, []string{"WAYLAND_DISPLAY=x", "PATH=" + empty},
			"there is no terminal, and neither zenity nor kdialog is installed"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, stdout, _ := request{Mode: test.mode, Device: testDevice}.command(t, test.env...)
			want := cannotAskOutput(test.want)
			if err := cmd.Run(); err != nil || stdout.String() != want {
				t.Errorf("%v, %s\nwant %s", err, stdout, want)
			}
		})
	}
	t.Run("background", func(t *testing.T) {
		cmd, stdout, _ := request{Mode: Auto, Device: testDevice}.command(t)
		job := exec.CommandContext(t.Context(), "sh", "-mc", `"$0" & wait $!`, cmd.Path)
		job.Env, job.Stdout = cmd.Env, stdout
		pty := ptytest.New(t)
		pty.Start(job)
		want := cannotAskOutput(
			"this process is in the background of its terminal, and there is no display")
		if err := job.Wait(); err != nil || stdout.String() != want {
			t.Errorf("%v, %s\nwant %s", err, stdout, want)
		}
		if pty.Shown() != "" {
			t.Errorf("screen %q", pty.Shown())
		}
	})
}

// TestTerminalIsPreferredToWindow also checks that the window is used without a terminal.
func TestTerminalIsPreferredToWindow(t *testing.T) {
	bin := script(t, "zenity", "echo 654321\n")
	r := request{Mode: Auto, Device: testDevice}
	cmd, stdout, _ := r.command(t, "DISPLAY=:77", "PATH="+bin)
	pty := ptytest.New(t)
	pty.Start(cmd)
	pty.Await(testSerial + ": ")
	pty.Type("123456\n")
	if err := cmd.Wait(); err != nil || stdout.String() != "code 123456\n" {
		t.Errorf("%v, %s", err, stdout)
	}
	cmd, stdout, _ = r.command(t, "DISPLAY=:77", "PATH="+bin)
	if err := cmd.Run(); err != nil || stdout.String() != "code 654321\n" {
		t.Errorf("%v, %s", err, stdout)
	}
}
