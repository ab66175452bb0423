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

	"aws-credproc/internal/keyringtest"
	"aws-credproc/internal/terminal/ptytest"
)

func init() {
	// isdumpable prints whether other processes of the user may read its memory.
	programs["isdumpable"] = func() {
		dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		fmt.Println(dumpable, err)
	}
}

// withAndWithoutServe runs a test with a command that replaces the program, and with a child
// process.
func withAndWithoutServe(t *testing.T, f func(t *testing.T, h helper, command []string)) {
	for name, args := range map[string][]string{
		"replaced": {"exec", "dev", "--"}, "child": {"exec", "dev", "--serve", "--"},
	} {
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

// TestExecPassesOnInheritedStateToTheCommand: signals, files and whether the process is dumpable.
func TestExecPassesOnInheritedStateToTheCommand(t *testing.T) {
	withAndWithoutServe(t, func(t *testing.T, h helper, args []string) {
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
				args := append([]string{"-c", trap + `exec "$0" "$@"`}, command...)
				args = append(args, "sh", "-c", signals)
				cmd := exec.CommandContext(t.Context(), "sh", args...)
				cmd.Env = h.env
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				return string(out)
			}
			got, want := shown(append([]string{h.path}, args...)...), shown("env")
			if got != want || (trap != "") != strings.HasSuffix(want, "3\n") {
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
		got, want := files(h.path, args...), files("env")
		if got != want || !strings.Contains(got, "4\n") {
			t.Errorf("files: %q, want %q", got, want)
		}
	})
}

// TestExecLeavesStdinToTheCommand: the credential_process does not read it.
func TestExecLeavesStdinToTheCommand(t *testing.T) {
	withAndWithoutServe(t, func(t *testing.T, h helper, args []string) {
		const keys = `{"Version":1,"AccessKeyId":"ASIATEST","SecretAccessKey":"hush","SessionToken":"t"}`
		if err := os.WriteFile(filepath.Join(h.dir, "keys.json"), []byte(keys), 0o600); err != nil {
			t.Fatal(err)
		}
		h.setting(t, `[profile curious]
credential_process = cat >/dev/null; cat keys.json`)
		args[slices.Index(args, "dev")] = "curious"
		cmd := h.command(t, append(args, "cat")...)
		cmd.Dir = h.dir
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

// TestExecCommandHasNoTimeout: neither --timeout nor the watchdog ends it.
func TestExecCommandHasNoTimeout(t *testing.T) {
	withAndWithoutServe(t, func(t *testing.T, h helper, args []string) {
		t.Parallel()
		args = append([]string{"--timeout", "1s"}, args...)
		args = append(args, "sh", "-c", "sleep 5; echo done")
		if out := h.output(t, args...); out != "done\n" {
			t.Errorf("it printed %q", out)
		}
	})
}

// counter counts interrupts until SIGUSR1 and exits with 5.
const counter = `n=0; trap 'n=$((n+1)); echo interrupt' INT; trap 'echo $n in all; exit 5' USR1
echo ready; while :; do sleep 0.05; done`

// TestInterruptReachesTheCommandOnce: from the terminal, or forwarded.
func TestInterruptReachesTheCommandOnce(t *testing.T) {
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
				signal(syscall.SIGSTOP) // a forwarded interrupt would arrive after the first one
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
			signal(syscall.SIGUSR1) // arrives after the interrupt
			p.Await("1 in all")
			if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 5 {
				t.Error(err)
			}
		})
	}
}

// TestSignalBeforeTheCommandStarts: it ends the program, and the command does not run.
func TestSignalBeforeTheCommandStarts(t *testing.T) {
	withAndWithoutServe(t, func(t *testing.T, _ helper, args []string) {
		s := startSTS(t)
		s.Fault(faults["swallow"])
		h := newHelper(t, s)
		cmd := h.command(t, append(args, "echo", "started")...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the STS call", func() bool { return s.Calls("AssumeRole") > 0 })
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if cmd.ProcessState.ExitCode() != exitFailed ||
			!strings.Contains(out.String(), "interrupted") ||
			strings.Contains(out.String(), "started") {
			t.Errorf("%v: %s", err, out.String())
		}
	})
}

// TestExecRenewsFirst: exec renews a session that is due, and warns if that fails.
func TestExecRenewsFirst(t *testing.T) {
	for name, test := range map[string]struct {
		age   time.Duration
		fault string
		isNew bool
		calls int
		warns []string
	}{
		"not due": {34 * time.Minute, "", false, 1, nil},
		"due":     {40 * time.Minute, "", true, 2, nil},
		"due, in an outage": {40 * time.Minute, "drop", false, 2, []string{
			"returning the cached session, which is valid for ",
		}},
		"due, denied": {40 * time.Minute, "deny", false, 2, []string{
			"AccessDenied for ", "; the cached session is used",
		}},
		"short, in an outage": {46 * time.Minute, "drop", false, 2, []string{
			"returning the cached session, which is valid for ",
			"the session expires in 14m and cannot be renewed by the program that gets it",
		}},
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
			const script = `echo "{\"Expiration\":\"$AWS_CREDENTIAL_EXPIRATION\"}"`
			stdout, stderr, err := h.run(t, "exec", "dev", "--", "sh", "-c", script)
			calls := s.Calls("AssumeRole")
			if err != nil || isNew(t, stdout) != test.isNew || calls != test.calls {
				t.Errorf("%v; new session %v; %d calls, want %d; stderr %s",
					err, isNew(t, stdout), calls, test.calls, stderr)
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

// TestShellControlsTheTerminal: an interactive shell with job control.
func TestShellControlsTheTerminal(t *testing.T) {
	withAndWithoutServe(t, func(t *testing.T, h helper, args []string) {
		shell := filepath.Join(h.dir, "shell")
		const script = "#!/bin/sh\nexec bash --norc --noprofile\n"
		if err := os.WriteFile(shell, []byte(script), 0o700); err != nil {
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
			{"\x1a", "Stopped"}, // Ctrl-Z stops the job, not the shell
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

// TestWithoutProc: without /proc, Linux does not say which program runs.
func TestWithoutProc(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: hiding /proc needs root")
	}
	keyringtest.Start(t)
	h := newHelper(t, startSTS(t))
	for _, args := range [][]string{
		{"get", "dev"}, {"doctor", "dev"}, {"setup", "dev", "--dry-run"}, {"explain", "dev"},
		{"exec", "dev", "--serve", "--", "true"}, {"demo"}, {"import", "base", "--yes"},
		{"get", "base"}, {"import", "base", "--undo", "--yes"},
	} {
		cmd := exec.CommandContext(t.Context(), "unshare", append([]string{"--mount", "sh", "-c",
			`mount -t tmpfs none /proc && exec "$@"`, "sh", h.path}, args...)...)
		cmd.Env = h.env
		out, err := cmd.CombinedOutput()
		// doctor finds problems of the test's config.
		ok := err == nil || args[0] == "doctor" && strings.Contains(string(out), "problem")
		if !ok || strings.Contains(string(out), "/proc") {
			t.Errorf("%v: %v, %s", args, err, out)
		}
	}
}
