package e2e_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aws-credproc/internal/terminal/ptytest"
)

const completionConfig = `[profile base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
[profile team/deep]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/jill
[profile me@corp]
source_profile = base
[profile org:prod:eu]
source_profile = base
[profile x+y]
source_profile = base
[profile 'z$(touch evaluated);touch evaluated']
source_profile = base
`

// completedLines have typed text, which the shell completes at tabs, and the resulting arguments.
var completedLines = []struct{ typed, args string }{
	{"refr\tbas\t", "<refresh><base>"},
	{"get team/\t", "<get><team/deep>"},
	{"get me\t", "<get><me@corp>"},
	{"get me@\t", "<get><me@corp>"},
	{"get me@c\t", "<get><me@corp>"},
	{"get or\t", "<get><org:prod:eu>"},
	{"get org:\t", "<get><org:prod:eu>"},
	{"get org:prod:e\t", "<get><org:prod:eu>"},
	{"get x+\t", "<get><x+y>"},
	{"get z\t", "<get><z$(touch evaluated);touch evaluated>"},
	{"get base \t", "<get><base>"},
	{"refresh base m\t", "<refresh><base><me@corp>"},
	{"--store key\tget base", "<--store><keyring><get><base>"},
	{"--store=ker\tget base", "<--store=kernel><get><base>"},
	{"get --prompt g\tbas\t", "<get><--prompt><gui><base>"},
	{"refresh --al\t", "<refresh><--all>"},
	{"mfa co\tarn:aws:iam::1\t", "<mfa><code><arn:aws:iam::123456789012:mfa/jill>"},
	{"setup new --source-profile me@\t", "<setup><new><--source-profile><me@corp>"},
}

// TestE2ECompletion types into shells. A script in place of the program prints its arguments, and
// runs the program for completion.
func TestE2ECompletion(t *testing.T) {
	program := buildProgram(t)
	bash := []string{"bash", "--norc", "--noprofile", "-i"}
	zsh := []string{"zsh", "-f", "-i"}
	for _, shell := range []struct {
		name, load string
		start      []string
	}{
		{"bash", "source <(aws-credproc completion bash)", bash},
		{"bash with bash-completion", "source /usr/share/bash-completion/bash_completion; " +
			"source <(aws-credproc completion bash)", bash},
		{"zsh", "autoload -U compinit; compinit -D; source <(aws-credproc completion zsh)", zsh},
		{"zsh with fpath", "mkdir fns; aws-credproc completion zsh >fns/_aws-credproc; " +
			"fpath+=($PWD/fns); autoload -U compinit; compinit -D", zsh},
		{"fish", "aws-credproc completion fish | source",
			[]string{"fish", "--no-config", "-i"}},
	} {
		t.Run(shell.name, func(t *testing.T) {
			needCommands(t, shell.start[0])
			if strings.Contains(shell.load, "/usr/share") {
				need(t, exists("/usr/share/bash-completion/bash_completion"), "bash-completion")
			}
			h := newHome(t, "TERM=xterm", "SHELL=/bin/sh", "PS1=> ")
			h.write(t, "config", completionConfig)
			bin := t.TempDir()
			script := "#!/bin/sh\n" +
				"case $1 in\n__complete*) test ! -e hostile ||" +
				" { echo base; echo ':a[$(touch evaluated)]'; exit; } ;;\nesac\n" +
				"case $1 in\n__complete* | completion) exec " + program + " \"$@\" ;;\nesac\n" +
				"printf RAN\nprintf '<%s>' \"$@\"\necho .\n"
			if err := os.WriteFile(filepath.Join(bin, "aws-credproc"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			h = h.with("PATH=" + bin + ":" + os.Getenv("PATH"))

			pty := ptytest.New(t)
			cmd := exec.CommandContext(t.Context(), shell.start[0], shell.start[1:]...)
			cmd.Dir, cmd.Env = h.dir, h.env
			cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.TTY, pty.TTY, pty.TTY
			pty.Start(cmd)
			pty.Type(shell.load + "; aws-credproc loaded\n")
			pty.Await("RAN<loaded>.")
			for _, line := range completedLines {
				pty.Type("aws-credproc " + line.typed + "\n")
				pty.Await("RAN")
				pty.Await(line.args + ".")
			}
			// A program in the working directory is not run, and the directive is not evaluated.
			const hostile = "#!/bin/sh\ntouch evaluated\n"
			for _, name := range []string{"aws-credproc", "hostile"} {
				if err := os.WriteFile(filepath.Join(h.dir, name), []byte(hostile), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			const killLine = "\x15"
			pty.Type("./aws-credproc get ba\t" + killLine)
			pty.Type("aws-credproc get ba\t" + killLine)
			pty.Type("aws-credproc get $(touch evaluated) \t" + killLine)
			pty.Type("aws-credproc get (touch evaluated) \t" + killLine +
				"aws-credproc end\n")
			pty.Await("RAN<end>.")
			if exists(filepath.Join(h.dir, "evaluated")) {
				t.Error("completion ran the typed command")
			}
			for _, message := range []string{"Completion ended", "not found", "rror:"} {
				if strings.Contains(pty.Shown(), message) {
					t.Errorf("%q on the screen:\n%s", message, pty.Shown())
				}
			}
		})
	}
}

// TestE2EPowerShellCompletion parses the script for PowerShell, which no test runs. It must call
// nothing that evaluates text or that starts a program other than the one on the PATH.
func TestE2EPowerShellCompletion(t *testing.T) {
	parse := python(t)
	need(t, exec.Command(parse, "-c", "import tree_sitter, tree_sitter_powershell").Run() == nil,
		"a parser for PowerShell")
	h := newHome(t)
	script := h.ok(t, buildProgram(t), "completion", "powershell")
	cmd := exec.Command(parse, repoPath(t, "testdata", "e2e", "powershell.py"))
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	want := []string{
		"command Register-ArgumentCompleter", "command Select-Object", "method BeginErrorReadLine",
		"method EscapeSingleQuotedStringContent", "method Exists", "method ReadToEnd",
		"method Replace", "method Split", "method Start", "method StartsWith", "method TrimEnd",
		"method WaitForExit", "method new",
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(string(out)), "\n")); diff != "" || err != nil {
		t.Errorf("the script calls other things: %v\n%s", err, diff)
	}
	for _, line := range []string{
		`$path -match $absolute -and [IO.File]::Exists($path)`,
		`[Diagnostics.ProcessStartInfo]::new($program, $quoted -join ' ')`,
		`$start.UseShellExecute = $false`,
		`if ($lines[-1] -notmatch '^:([0-9]{1,9})\z') { return }`,
		`"'" + $escaped + "'"`,
	} {
		if strings.Count(script, line) != 1 {
			t.Errorf("the script does not contain %s", line)
		}
	}
}

// TestE2ECompletionReadsOnlyTheConfig: completion uses no keyring, creates no state directory and
// prints no warnings.
func TestE2ECompletionReadsOnlyTheConfig(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	bus, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	program := buildProgram(t)
	h := newHome(t, "DBUS_SESSION_BUS_ADDRESS=unix:path="+socket,
		"AWS_CREDPROC_STORE=keyring", "AWS_CREDPROC_VERBOSE=true")
	h.write(t, "config", completionConfig)
	for _, args := range [][]string{
		{"get", ""}, {"status", ""}, {"clear", ""}, {"refresh", "--"}, {"mfa", "code", ""},
		{"mfa", "remove", ""}, {"--store", ""}, {""},
	} {
		const directive = "Completion ended with directive: ShellCompDirectiveNoFileComp"
		r := h.run(t, program, append([]string{"__complete"}, args...)...)
		if r.code != 0 || strings.Count(r.stdout, "\n") < 2 ||
			strings.TrimSpace(r.stderr) != directive {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, r.code, r.stdout, r.stderr)
		}
	}
	if exists(filepath.Join(h.dir, "state")) {
		t.Error("completion created a state directory")
	}
	if err := bus.(*net.UnixListener).SetDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if conn, err := bus.Accept(); err == nil {
		_ = conn.Close()
		t.Error("completion connected to the session bus")
	}

	h.write(t, "config", "[profile broken\n[profile dev]\nregion = eu-west-1\n")
	if r := h.run(t, program, "__complete", "get", ""); r.code != 0 ||
		!strings.HasPrefix(r.stdout, "dev") || !strings.HasSuffix(r.stdout, "\n:4\n") {
		t.Errorf("faulty config file: exit %d, stdout %q", r.code, r.stdout)
	}
}
