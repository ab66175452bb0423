package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/terminal/ptytest"
)

// Control sequences of the picker.
const (
	enterPicker = "\x1b[?1049h\x1b[?7l"
	leavePicker = "\x1b[?7h\x1b[?1049l"
)

// picking is a command that shows the picker.
type picking struct {
	*ptytest.Terminal
	cmd    *exec.Cmd
	stdout *output
	before unix.Termios
}

// output is what a command that still runs has written.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// startPicker starts a command without its profile. Only its stdout is not a terminal.
func startPicker(t *testing.T, h helper, args ...string) picking {
	t.Helper()
	return startPicking(t, h.command(t, args...))
}

// startPickerInShell is startPicker for a command of a shell, in which $0 is the program.
func startPickerInShell(t *testing.T, h helper, flag, command string) picking {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", flag, command, h.path)
	cmd.Env = h.env
	return startPicking(t, cmd)
}

func startPicking(t *testing.T, cmd *exec.Cmd) picking {
	t.Helper()
	p := picking{Terminal: ptytest.New(t), cmd: cmd, stdout: &output{}}
	p.resize(t, 24, 80)
	p.before = p.Modes()
	p.cmd.Env = append(p.cmd.Env, "TERM=xterm", "NO_COLOR=1")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = p.TTY, p.stdout, p.TTY
	p.Start(p.cmd)
	p.Await(enterPicker)
	p.Await("Esc cancels.")
	return p
}

func (p picking) resize(t *testing.T, rows, columns uint16) {
	t.Helper()
	size := &unix.Winsize{Row: rows, Col: columns}
	if err := unix.IoctlSetWinsize(int(p.TTY.Fd()), unix.TIOCSWINSZ, size); err != nil {
		t.Fatal(err)
	}
}

// wait waits for the end of the command and returns its exit code. The picker must have restored the
// terminal.
func (p picking) wait(t *testing.T) int {
	t.Helper()
	_ = p.cmd.Wait() // the exit code is returned
	p.Await(leavePicker)
	if p.Modes() != p.before {
		t.Errorf("the terminal modes are %+v, before %+v", p.Modes(), p.before)
	}
	return p.cmd.ProcessState.ExitCode()
}

// addProfile adds a section to the config file.
func (h helper) addProfile(t *testing.T, name, settings string) {
	t.Helper()
	h.setting(t, "[profile "+name+"]\n"+settings)
}

func TestPickedCommandRunsAsIfItsProfileWasTyped(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.addProfile(t, "ops", "role_arn = "+testRole2+"\nsource_profile = dev")
	if _, stderr, err := h.run(t, "refresh", "ops"); err != nil {
		t.Fatal(stderr)
	}
	for _, args := range [][]string{
		{"export", "--format", "json"}, {"explain"}, {"whoami", "--json"}, {"clear"},
	} {
		named, stderr, err := h.run(t, append(args, "ops")...)
		if err != nil {
			t.Fatal(stderr)
		}
		p := startPicker(t, h, args...)
		p.Type("oops\x7f\x7f\x7f\x7fop\r")
		if code := p.wait(t); code != exitDone {
			t.Errorf("%v: exit code %d: %s", args, code, p.Shown())
		}
		want := strings.Replace(named, "ops: 1 session", "ops: 0 sessions", 1) // clear
		if p.stdout.String() != want {
			t.Errorf("%v: stdout %q, want %q", args, p.stdout, want)
		}
		if _, after, _ := strings.Cut(p.Shown(), leavePicker); after != "" {
			t.Errorf("%v: stderr %q", args, after)
		}
	}
}

// TestExecRunsItsCommandWithThePickedProfile: the command reads what was typed after Enter.
func TestExecRunsItsCommandWithThePickedProfile(t *testing.T) {
	h := newHelper(t, startSTS(t))
	p := startPicker(t, h, "exec", "--", "sh", "-c",
		`read line; echo "$AWS_CREDPROC_EXEC_PROFILE $line"; exit 7`)
	p.Type("dev\rhello\n")
	if code := p.wait(t); code != 7 || p.stdout.String() != "dev hello\n" {
		t.Errorf("exit code %d, stdout %q, terminal %q", code, p.stdout, p.Shown())
	}
}

func TestCancelledPickerDoesNothing(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	const message = "aws-credproc: cancelled: no profile was picked\r\n"
	for name, cancel := range map[string]func(p picking) error{
		"Ctrl-C":  func(p picking) error { p.Type("dev\x03"); return nil },
		"Esc":     func(p picking) error { p.Type("dev\x1b"); return nil },
		"Ctrl-D":  func(p picking) error { p.Type("\x04"); return nil },
		"SIGTERM": func(p picking) error { return p.cmd.Process.Signal(syscall.SIGTERM) },
		"SIGHUP":  func(p picking) error { return p.cmd.Process.Signal(syscall.SIGHUP) },
		"SIGQUIT": func(p picking) error { return p.cmd.Process.Signal(syscall.SIGQUIT) },
	} {
		p := startPicker(t, h, "refresh")
		if err := cancel(p); err != nil {
			t.Fatal(err)
		}
		code := p.wait(t)
		p.Await(message)
		if code != exitFailed || p.stdout.String() != "" {
			t.Errorf("%s: exit code %d, stdout %q", name, code, p.stdout)
		}
	}
	if n := s.Calls("AssumeRole"); n != 0 {
		t.Errorf("%d calls of STS", n)
	}
	if left, err := os.ReadDir(filepath.Join(h.dir, "state")); err == nil && len(left) > 0 {
		t.Errorf("left in the state directory: %v", left)
	}
}

func TestPickerDiscardsWhatWasTypedBefore(t *testing.T) {
	h := newHelper(t, startSTS(t))
	p := picking{Terminal: ptytest.New(t), cmd: h.command(t, "clear"), stdout: &output{}}
	p.before = p.Modes()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = p.TTY, p.stdout, p.TTY
	p.Type("\n")
	p.Await("\n") // the echo
	p.Start(p.cmd)
	p.Await("Esc cancels.")
	p.Type("\x03")
	if code := p.wait(t); code != exitFailed {
		t.Errorf("exit code %d, stdout %q", code, p.stdout)
	}
}

func TestPickerLeavesTheTerminalWhileItIsStopped(t *testing.T) {
	h := newHelper(t, startSTS(t))
	p := startPickerInShell(t, h, "-mc", `"$0" explain; echo stopped; read line; fg >&2`)
	p.Type("de")
	p.Await("Profile for explain: de")
	p.Await("Esc cancels.")
	p.Type("\x1a")
	p.Await(leavePicker)
	waitFor(t, "the shell to continue", func() bool { return p.stdout.String() == "stopped\n" })
	if p.Modes() != p.before {
		t.Errorf("the terminal modes are %+v, before %+v", p.Modes(), p.before)
	}
	p.Type("\n")
	p.Await(enterPicker)
	p.Await("Profile for explain: de")
	p.Await("Esc cancels.")
	p.Type("v\r")
	if code := p.wait(t); code != exitDone || !strings.Contains(p.stdout.String(), testRole) {
		t.Errorf("exit code %d, stdout %q", code, p.stdout)
	}
}

// TestPickerIsNotStoppedInACommandSubstitution: nothing would continue it. The shell ignores SIGTSTP
// there, also for the commands that exec starts.
func TestPickerIsNotStoppedInACommandSubstitution(t *testing.T) {
	h := newHelper(t, startSTS(t))
	p := startPickerInShell(t, h, "-c", `trap "" TSTP; "$0" exec -- grep SigIgn /proc/self/status; :`)
	p.Type("\x1a")
	p.Await(enterPicker)
	p.Await("Esc cancels.")
	p.Type("dev\r")
	code := p.wait(t)
	var ignored uint64 // a bit per signal
	if _, err := fmt.Sscanf(p.stdout.String(), "SigIgn: %x", &ignored); err != nil {
		t.Fatalf("%v: exit code %d, stdout %q", err, code, p.stdout)
	}
	if code != exitDone || ignored&(1<<(syscall.SIGTSTP-1)) == 0 {
		t.Errorf("exit code %d, signals %x", code, ignored)
	}
}

func TestPickerFollowsTheSizeOfTheTerminal(t *testing.T) {
	p := startPicker(t, newHelper(t, startSTS(t)), "explain")
	p.resize(t, 5, 24)
	p.Await("\x1b[H> ") // there is no room for the title
	p.Type("\x03")
	p.wait(t)
}

// TestPickerShowsTheLastUsedFirst: also if they have failed. Profiles with the same session share it,
// and others with its role do not.
func TestPickerShowsTheLastUsedFirst(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.addProfile(t, "settings-only", "region = eu-west-1")
	h.addProfile(t, "first", "role_arn = "+testRole+"\nsource_profile = base\nrole_session_name = x")
	h.addProfile(t, "ops", "role_arn = "+testRole2+"\nsource_profile = dev")
	h.addProfile(t, "same", "role_arn = "+testRole2+"\nsource_profile = dev\nregion = eu-west-3")
	h.addProfile(t, "wired", "credential_process = aws-credproc get wired-role")
	h.addProfile(t, "wired-role", "role_arn = "+testRole+"-x\nsource_profile = base")
	if _, stderr, err := h.run(t, "refresh", "ops"); err != nil {
		t.Fatal(stderr)
	}
	if _, stderr, err := h.run(t, "refresh", "wired"); err == nil {
		t.Fatal(stderr)
	}
	p := startPicker(t, h, "explain")
	p.Type("\x03")
	p.wait(t)
	// ops and dev, a step of its chain, are from the same second.
	const want = "PROFILE  ACCOUNT       ROLE          LEFT\x1b[K\r\n" +
		"> wired    123456789012  Dev-x\x1b[K\r\n" +
		"  ops      210987654321  Ops           60m\x1b[K\r\n" +
		"  same     210987654321  Ops           60m\x1b[K\r\n" +
		"  dev      123456789012  Dev           60m\x1b[K\r\n" +
		"  first    123456789012  Dev\x1b[K\r\n" +
		"  base                   (access key)\x1b[K\r\n"
	if !strings.Contains(p.Shown(), want) {
		t.Errorf("the terminal shows %q, want %q", p.Shown(), want)
	}
}

// TestMissingProfileIsWrongUsage: where the user cannot pick one.
func TestMissingProfileIsWrongUsage(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.env = append(h.env, "NO_COLOR=1")
	commands := [][]string{
		{"exec"}, {"exec", "--", "true"}, {"export"}, {"serve"}, {"console"}, {"whoami"}, {"explain"},
		{"import"}, {"rotate"}, {"refresh"}, {"clear"}, {"setup", "--undo"},
	}
	for name, change := range map[string]func(cmd *exec.Cmd){
		"TERM=dumb":     func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "TERM=dumb") },
		"--prompt none": func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, "AWS_CREDPROC_PROMPT=none") },
		"stdin":         func(cmd *exec.Cmd) { cmd.Stdin = nil },
		"stderr":        func(cmd *exec.Cmd) { cmd.Stderr = cmd.Stdout },
	} {
		for _, args := range commands {
			p := ptytest.New(t)
			var output bytes.Buffer
			cmd := h.command(t, args...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, &output, p.TTY
			change(cmd)
			p.Start(cmd)
			_ = cmd.Wait() // the exit code is checked
			text := output.String()
			if name != "stderr" {
				p.Await("hint: see aws-credproc " + args[0] + " --help")
				text += p.Shown()
			}
			if cmd.ProcessState.ExitCode() != exitUsage || strings.Contains(text, enterPicker) ||
				!strings.Contains(text, "the profile is missing") && !strings.Contains(text, "name a profile") {
				t.Errorf("%s: %v: %v: %s", name, args, cmd.ProcessState, text)
			}
		}
	}
}

// TestMissingProfileInTheBackground: reading the terminal would stop the process.
func TestMissingProfileInTheBackground(t *testing.T) {
	h := newHelper(t, startSTS(t))
	p := ptytest.New(t)
	cmd := exec.CommandContext(t.Context(), "sh", "-mc", `"$0" export <&3 & wait $!`, h.path)
	cmd.Env, cmd.Stderr = h.env, p.TTY
	p.Start(cmd)
	_ = cmd.Wait() // the exit code is checked
	if code := cmd.ProcessState.ExitCode(); code != exitUsage {
		t.Errorf("exit code %d: %s", code, p.Shown())
	}
	p.Await("the profile is missing")
}

func TestNoProfileToPick(t *testing.T) {
	h := newHelper(t, startSTS(t))
	for _, name := range []string{"config", "credentials"} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte("[default]\nregion = eu-west-1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := ptytest.New(t)
	cmd := h.command(t, "exec")
	cmd.Env = append(cmd.Env, "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, p.TTY, p.TTY
	p.Start(cmd)
	p.Await("no profile in the config files has credentials")
	p.Await("hint: aws-credproc setup shows how to create one")
	_ = cmd.Wait() // the exit code is checked
	if code := cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}

// TestPickerWithManyProfiles logs the time to the first page, whose aim is 100 ms on an idle machine.
func TestPickerWithManyProfiles(t *testing.T) {
	h := newHelper(t, startSTS(t))
	for i := range 2000 {
		h.addProfile(t, fmt.Sprintf("team-%04d", i),
			fmt.Sprintf("role_arn = arn:aws:iam::%d:role/Admin\nsource_profile = base", 100000000000+i))
	}
	start := time.Now()
	p := startPicker(t, h, "explain")
	t.Logf("first page after %s", time.Since(start))
	p.Type("t1999\r")
	if code := p.wait(t); code != exitDone || !strings.Contains(p.stdout.String(), ":100000001999:") {
		t.Errorf("exit code %d, stdout %s", code, p.stdout)
	}
}
