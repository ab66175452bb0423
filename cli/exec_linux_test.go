package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/terminal/ptytest"
)

func init() {
	// isDumpable prints whether its memory may be read by other processes of its user.
	programs["isdumpable"] = func() {
		dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		fmt.Println(dumpable, err)
	}
}

// bothWays runs a test with the command in the program's place, and beside it.
func bothWays(t *testing.T, f func(t *testing.T, h helper, exec []string)) {
	for name, args := range map[string][]string{"instead": {"exec", "dev", "--"}, "beside": {"exec", "dev", "--serve", "--"}} {
		t.Run(name, func(t *testing.T) { f(t, newHelper(t, startSTS(t)), args) })
	}
}

func (h helper) output(t *testing.T, command ...string) string {
	t.Helper()
	out, stderr, err := h.run(t, command...)
	if err != nil || stderr != "" {
		t.Fatalf("%v, stderr %s", err, stderr)
	}
	return out
}

// TestACommandInheritsWhatTheProgramDid: nothing of ours, and all that we were given.
func TestACommandInheritsWhatTheProgramDid(t *testing.T) {
	bothWays(t, func(t *testing.T, h helper, args []string) {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		isDumpable := filepath.Join(h.dir, "isdumpable")
		if err := os.Symlink(self, isDumpable); err != nil {
			t.Fatal(err)
		}
		if out := h.output(t, append(args, isDumpable)...); out != "1 <nil>\n" {
			t.Errorf("dumpable: %s", out)
		}

		const signals = `grep -E '^Sig(Blk|Ign):' /proc/self/status`
		for _, trap := range []string{"", `trap "" HUP INT; `} {
			shown := func(command ...string) string {
				cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", trap + `exec "$0" "$@"`}, append(command, "sh", "-c", signals)...)...)
				cmd.Env = h.env
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return string(out)
			}
			if got, want := shown(append([]string{h.path}, args...)...), shown("env"); got != want || (trap != "") != strings.HasSuffix(want, "3\n") {
				t.Errorf("signals after %q: %s, want %s", trap, got, want)
			}
		}

		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		files := func(name string, args ...string) string {
			cmd := exec.CommandContext(t.Context(), name, append(args, "sh", "-c", "ls /proc/$$/fd")...)
			cmd.Env, cmd.ExtraFiles = h.env, []*os.File{r, w}
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			return string(out)
		}
		if got, want := files(h.path, args...), files("env"); got != want || !strings.Contains(got, "4\n") {
			t.Errorf("files: %q, want %q", got, want)
		}
	})
}

// TestTheCommandGetsAllInput: nothing of it goes to what gives the credentials.
func TestTheCommandGetsAllInput(t *testing.T) {
	bothWays(t, func(t *testing.T, h helper, args []string) {
		h.setting(t, `[profile curious]
credential_process = cat >/dev/null; echo '{"Version":1,"AccessKeyId":"ASIATEST","SecretAccessKey":"hush"}'`)
		args[slices.Index(args, "dev")] = "curious"
		cmd := h.command(t, append(args, "cat")...)
		cmd.Stdin = strings.NewReader("input")
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "input" {
			t.Errorf("%v: %s", err, out)
		}
	})
}

func TestExecReplacesTheProcess(t *testing.T) {
	h := newHelper(t, startSTS(t))
	cmd := h.command(t, "exec", "dev", "--", "sh", "-c", "echo $$")
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) != fmt.Sprint(cmd.Process.Pid) {
		t.Errorf("%v; process %s, want %d", err, out, cmd.Process.Pid)
	}
}

// TestNoTimeLimitForTheCommand: --timeout is over, and what ends the program after it.
func TestNoTimeLimitForTheCommand(t *testing.T) {
	bothWays(t, func(t *testing.T, h helper, args []string) {
		t.Parallel()
		if out := h.output(t, append(append([]string{"--timeout", "1s"}, args...), "sh", "-c", "sleep 5; echo done")...); out != "done\n" {
			t.Errorf("it printed %q", out)
		}
	})
}

// counter counts interrupts until SIGUSR1, and then ends with 5.
const counter = `n=0; trap 'n=$((n+1)); echo interrupt' INT; trap 'echo $n in all; exit 5' USR1; echo ready; while :; do sleep 0.05; done`

// TestAnInterruptReachesTheCommandOnce: what is typed at a terminal comes from there, and what is
// sent to us is passed on.
func TestAnInterruptReachesTheCommandOnce(t *testing.T) {
	for _, atTerminal := range []bool{true, false} {
		t.Run(fmt.Sprintf("terminal %v", atTerminal), func(t *testing.T) {
			h := newHelper(t, startSTS(t))
			p := ptytest.New(t)
			cmd := h.command(t, "exec", "dev", "--serve", "--", "sh", "-c", counter)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, p.TTY, p.TTY
			signal := func(s syscall.Signal) {
				t.Helper()
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			if atTerminal {
				p.Start(cmd)
				p.Await("ready")
				signal(syscall.SIGSTOP) // so that a second interrupt would come when the first is over
				p.Type("\x03")
				p.Await("interrupt")
				signal(syscall.SIGCONT)
			} else {
				cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				p.Await("ready")
				signal(syscall.SIGINT)
				p.Await("interrupt")
			}
			signal(syscall.SIGUSR1) // it comes to us after the interrupt, and so to the command
			p.Await("1 in all")
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
				t.Error(err)
			}
		})
	}
}

// TestASignalBeforeTheCommandStarts: it ends us, and the command never runs.
func TestASignalBeforeTheCommandStarts(t *testing.T) {
	bothWays(t, func(t *testing.T, _ helper, args []string) {
		s := startSTS(t)
		s.Fault(faults["swallow"])
		h := newHelper(t, s)
		cmd := h.command(t, append(args, "echo", "started")...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the call of STS", func() bool { return s.Calls("AssumeRole") > 0 })
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(out.String(), "interrupted") || strings.Contains(out.String(), "started") {
			t.Errorf("%v: %s", err, out.String())
		}
	})
}

// TestExecGivesAYoungSession: one that is running out is renewed first, in this process; where that
// fails, it is said how long it is good.
func TestExecGivesAYoungSession(t *testing.T) {
	for name, test := range map[string]struct {
		age   time.Duration
		fault string
		young bool
		calls int
		warns []string
	}{
		"young":                {34 * time.Minute, "", false, 1, nil},
		"due":                  {40 * time.Minute, "", true, 2, nil},
		"due, in an outage":    {40 * time.Minute, "drop", false, 2, []string{"returning the cached session, which is valid for "}},
		"due, denied":          {40 * time.Minute, "deny", false, 2, []string{"AccessDenied for ", "; the cached session is used"}},
		"short, in an outage":  {46 * time.Minute, "drop", false, 2, []string{"returning the cached session, which is valid for ", "the session expires in 14m and cannot be renewed by the program that gets it"}},
		"used up, and renewed": {50 * time.Minute, "", true, 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSTS(t)
			h := newAgedHelper(t, s, test.age)
			h.env = append(h.env, "AWS_MAX_ATTEMPTS=1")
			switch test.fault {
			case "":
			case "deny":
				if err := s.SetUserPolicy(jillARN); err != nil {
					t.Fatal(err)
				}
			default:
				s.Fault(faults[test.fault])
			}
			stdout, stderr, err := h.run(t, "exec", "dev", "--", "sh", "-c", `echo "{\"Expiration\":\"$AWS_CREDENTIAL_EXPIRATION\"}"`)
			if err != nil || isYoung(t, stdout) != test.young || s.Calls("AssumeRole") != test.calls {
				t.Errorf("%v; young %v; %d calls, want %d; stderr %s", err, isYoung(t, stdout), s.Calls("AssumeRole"), test.calls, stderr)
			}
			if len(test.warns) == 0 && stderr != "" {
				t.Errorf("stderr %s", stderr)
			}
			for _, w := range test.warns {
				if !strings.Contains(stderr, w) {
					t.Errorf("stderr lacks %q: %s", w, stderr)
				}
			}
		})
	}
}

// TestAShellHasTheTerminal: a person's shell, with its job control.
func TestAShellHasTheTerminal(t *testing.T) {
	bothWays(t, func(t *testing.T, h helper, args []string) {
		shell := filepath.Join(h.dir, "shell")
		if err := os.WriteFile(shell, []byte("#!/bin/sh\nexec bash --norc --noprofile\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		p := ptytest.New(t)
		cmd := h.command(t, args[:len(args)-1]...)
		cmd.Env = append(cmd.Env, "SHELL="+shell, "PS1=ready> ", "TERM=dumb")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, p.TTY, p.TTY
		p.Start(cmd)
		for _, step := range [][2]string{
			{"", "ready> "},
			{"echo $AWS_CREDPROC_EXEC_PROFILE-\n", "dev-\r\nready> "},
			{"sh -c 'echo on; exec cat'\n", "on\r\n"},
			{"a\n", "a\r\na\r\n"},
			{"\x1a", "Stopped"}, // Ctrl-Z: the job, and not the shell
			{"", "ready> "},
			{"fg\n", "exec cat'\r\n"},
			{"b\n", "b\r\nb\r\n"},
			{"\x03", "ready> "},
			{"exit 9\n", "exit"},
		} {
			p.Type(step[0])
			p.Await(step[1])
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 9 {
			t.Errorf("it ended with %v", err)
		}
	})
}
