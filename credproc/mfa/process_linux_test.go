package mfa

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"aws-credproc/internal/terminal/ptytest"
)

const (
	processTimedOut = "error: its mfa_process did not end within the time allowed"
	notACode        = "error: its mfa_process did not print an MFA code of 6 digits\n"
)

func TestProcess(t *testing.T) {
	for name, test := range map[string]struct {
		process string
		mode    Mode
		want    string
		stderr  string
	}{
		"code": {process: "echo 123456", want: "code 123456\n"},
		"code with spaces": {
			process: "printf ' 123 456\\r\\n\\n'", mode: TTY, want: "code 123456\n",
		},
		"profile chain": {
			process: `case $_AWS_CREDPROC_PROFILE_CHAIN in "a:x b:y") echo 123456;; esac`,
			mode:    GUI, want: "code 123456\n",
		},
		"not a code": {process: "echo hush123456", want: notACode},
		"no output":  {process: "true # hush", want: notACode},
		"failure": {
			process: "echo 123456; : hush; exit 3",
			want:    "error: its mfa_process ended with exit status 3\n",
		},
		"not found": {
			process: "/nowhere/hush", want: "error: its mfa_process was not found\n",
			stderr: "sh: 1: /nowhere/hush: not found\n",
		},
		"interrupted":            {process: "kill -INT $$; sleep 1234.5", want: interrupted},
		"interrupted in a shell": {process: "exit 130", want: interrupted},
		"endless output": {
			process: "yes hush", want: "error: its mfa_process printed more than 64 KB\n",
		},
		"stderr": {
			process: `printf 'Touch \033[31mit\n' >&2; echo 123456`, want: "code 123456\n",
			stderr: "Touch ?[31mit\n",
		},
		"prompts disabled": {
			process: "echo 123456", mode: None,
			want: cannotAskOutput("prompts are disabled (--prompt none)"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := request{Mode: test.mode, Device: testDevice}
			if r.Mode == "" {
				r.Mode = Auto
			}
			r.Device.Process, r.Device.Chain = test.process, "a:x b:y"
			cmd, stdout, stderr := r.command(t)
			err := cmd.Run()
			if err != nil || stdout.String() != test.want || stderr.String() != test.stderr {
				t.Errorf("%v; stdout %q, want %q; stderr %q, want %q",
					err, stdout, test.want, stderr, test.stderr)
			}
		})
	}
}

func TestProcessTimesOut(t *testing.T) {
	r := request{Mode: Auto, Device: testDevice, Limit: 300 * time.Millisecond}
	r.Device.Process = "sleep 1234.5 & sleep 1234.5"
	cmd, stdout, _ := r.command(t)
	err := cmd.Run()
	if err != nil || stdout.String() != processTimedOut+"\nis deadline\n" {
		t.Errorf("%v, %s", err, stdout)
	}
}

// TestProcessAtTheTerminalIsKilledWithChildren runs mfa_process in the foreground, where it has no
// process group of its own. The shell that started it stays, so that no SIGHUP ends the children.
func TestProcessAtTheTerminalIsKilledWithChildren(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	r := request{Mode: Auto, Device: testDevice, Limit: time.Second}
	r.Device.Process = "(sh -c 'echo $$ >" + pidFile + "; exec sleep 1234.5'; true) & " +
		"sleep 1234.5; true"
	cmd, _, _ := r.command(t)
	cmd.Path = "/bin/sh"
	cmd.Args = []string{"sh", "-c", `"$0"; echo; echo ended; read line`, os.Args[0]}
	pty := ptytest.New(t)
	cmd.Stdin, cmd.Stdout = pty.TTY, pty.TTY
	pty.Start(cmd)
	pty.Await(processTimedOut)
	pty.Await("ended")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	isRunning := func() bool { // a zombie is not running
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && !strings.Contains(string(stat), ") Z ")
	}
	limit := time.Now().Add(10 * time.Second)
	for isRunning() {
		if time.Now().After(limit) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("a child process is still running")
		}
		time.Sleep(10 * time.Millisecond)
	}
	pty.Type("\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestProcessStderrIsShownAtTheTerminal: SDKs capture stderr, but the user must see it.
func TestProcessStderrIsShownAtTheTerminal(t *testing.T) {
	r := request{Mode: Auto, Device: testDevice}
	r.Device.Process = `printf 'Touch \033[31myour key\n' >&2; sleep 2.5; echo 123456`
	cmd, stdout, stderr := r.command(t)
	pty := ptytest.New(t)
	pty.Start(cmd)
	pty.Await("Touch ?[31myour key\r\n")
	if err := cmd.Wait(); err != nil || stdout.String() != "code 123456\n" || stderr.Len() > 0 {
		t.Errorf("%v; stdout %q, stderr %q", err, stdout, stderr)
	}
	if strings.Contains(pty.Shown(), "waiting for mfa_process") {
		t.Error("the notice is shown in addition")
	}
}

func TestSilentProcessIsReported(t *testing.T) {
	const notice = "waiting for mfa_process: a security key may need to be touched"
	dir := t.TempDir()
	touched := filepath.Join(dir, "touched")
	r := request{Mode: Auto, Device: testDevice}
	r.Device.Process = "until [ -e " + touched + " ]; do sleep 0.05; done; echo 123456"
	t.Run("terminal", func(t *testing.T) {
		cmd, stdout, _ := r.command(t)
		pty := ptytest.New(t)
		pty.Start(cmd)
		pty.Await(testDevice.label() + ": " + notice + "\r\n")
		if err := os.WriteFile(touched, nil, 0o600); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil || stdout.String() != "code 123456\n" {
			t.Errorf("%v, %s", err, stdout)
		}
	})
	if err := os.Remove(touched); err != nil {
		t.Fatal(err)
	}
	t.Run("desktop", func(t *testing.T) {
		bin := script(t, "notify-send", `printf '%s\n' "$@" >"$0.args"; : >`+touched+"\n")
		r.Device.RoleARN += "<b>&amp;\\n" // markup for some notification servers
		cmd, stdout, stderr := r.command(t, "DISPLAY=:0", "PATH="+bin+":"+os.Getenv("PATH"))
		err := cmd.Run()
		if err != nil || stdout.String() != "code 123456\n" || stderr.Len() > 0 {
			t.Errorf("%v; %s; %s", err, stdout, stderr)
		}
		args, err := os.ReadFile(filepath.Join(bin, "notify-send.args"))
		want := "--app-name=aws-credproc\n--\naws-credproc\n" + notice + "\n" +
			testDevice.label() + "?b??amp;?n\n"
		if err != nil || string(args) != want {
			t.Errorf("%v; arguments %q, want %q", err, args, want)
		}
	})
}

// TestProcessRetry checks that a refused code is followed by one more run, in the next time step.
func TestProcessRetry(t *testing.T) {
	counter := filepath.Join(t.TempDir(), "runs")
	synctest.Test(t, func(t *testing.T) {
		var warnings []string
		p := &Provider{
			Mode: GUI, Getenv: os.Getenv, Now: time.Now, Tracef: t.Logf,
			Warnf: func(format string, args ...any) {
				warnings = append(warnings, fmt.Sprintf(format, args...))
			},
		}
		d := testDevice
		d.Process = "echo >>" + counter + "; echo 123456"
		time.Sleep(10 * time.Second)
		if _, err := p.Code(t.Context(), d, nil); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		refused := fmt.Errorf("%w: AccessDenied", ErrRefused)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := p.Code(ctx, d, refused)
		if !errors.Is(err, ErrRefused) || !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(start) > 0 {
			t.Errorf("without time for another step: %v after %v", err, time.Since(start))
		}
		if _, err := p.Code(t.Context(), d, nil); err != nil {
			t.Fatal(err)
		}
		_, err = p.Code(t.Context(), d, refused)
		if err != nil || time.Since(start) != 20*time.Second {
			t.Errorf("retry: %v after %v", err, time.Since(start))
		}
		if _, err := p.Code(t.Context(), d, refused); !errors.Is(err, refused) {
			t.Errorf("second retry: %v", err)
		}
		if runs, err := os.ReadFile(counter); err != nil || len(runs) != 3 {
			t.Errorf("%d runs, %v", len(runs), err)
		}
		const want = "dev-role: the current MFA code is already used; waiting 20s for the next one"
		if len(warnings) != 1 || warnings[0] != want {
			t.Errorf("warnings %q", warnings)
		}
	})
}
