package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/internal/terminal/ptytest"
)

// TestSetupAsksAtTheTerminal: it asks there even if stdin and stdout are redirected.
func TestSetupAsksAtTheTerminal(t *testing.T) {
	const wired = "dev: wired to dev-role\n"
	for name, test := range map[string]struct {
		typed   string
		prompt  string
		change  bool // another program changes the file before the answer
		code    int
		written bool
		stderr  string
	}{
		"yes":          {typed: "y\n", written: true},
		"YES":          {typed: "YES\n", prompt: "tty", written: true},
		"no":           {typed: "n\n", code: 1, stderr: "Cancelled. Nothing was changed."},
		"nothing":      {typed: "\n", code: 1, stderr: "Cancelled. Nothing was changed."},
		"end of input": {typed: "\x04", code: 1, stderr: "Cancelled. Nothing was changed."},
		"interrupt":    {typed: "\x03", code: 1, stderr: "interrupted; nothing was changed"},
		"file has changed": {
			typed: "y\n", change: true, code: 1,
			stderr: "the files have changed since the diff was shown",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := newTestSTS()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			h := newHelper(t, s)
			config := filepath.Join(h.dir, "config")
			before, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			screen, tty := ptytest.Open(t)
			defer screen.Close()
			cmd := h.command(t, "setup", "dev")
			cmd.Env = append(cmd.Env, "AWS_CREDPROC_PROMPT="+test.prompt)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			cmd.ExtraFiles = []*os.File{tty}
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			tty.Close()

			var shown strings.Builder
			for !strings.HasSuffix(shown.String(), "Write these changes? [y/N] ") {
				b := make([]byte, 100)
				n, err := screen.Read(b)
				if err != nil {
					t.Fatalf("the terminal shows %q: %v; stderr %q", shown.String(), err, stderr.String())
				}
				shown.Write(b[:n])
			}
			if test.change {
				if err := os.WriteFile(config, append(before, "region = us-east-1\n"...), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := screen.WriteString(test.typed); err != nil {
				t.Fatal(err)
			}
			code := 0
			if err := cmd.Wait(); err != nil {
				exit := (*exec.ExitError)(nil)
				if !errors.As(err, &exit) {
					t.Fatal(err)
				}
				code = exit.ExitCode()
			}
			out, errOut := stdout.String(), stderr.String()
			if code != test.code || !strings.Contains(errOut, test.stderr) ||
				test.code == 0 && strings.Contains(errOut, "Write") {
				t.Errorf("exit code %d, stderr %q; want %d, %q", code, errOut, test.code, test.stderr)
			}
			if !strings.Contains(out, "\n+[profile dev-role]\n") ||
				strings.Contains(out, wired) != test.written || strings.Contains(out, "Write") {
				t.Errorf("stdout is %q", out)
			}
			after, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(after), "[profile dev-role]") != test.written {
				t.Errorf("the file is\n%s", after)
			}
		})
	}
}

// TestGuidedSetup: without arguments, at a terminal, setup shows what the files have and what it
// proposes, and asks once. It writes only after "y".
func TestGuidedSetup(t *testing.T) {
	for typed, written := range map[string]bool{"y\n": true, "n\n": false} {
		h := newHelper(t, startSTS(t))
		h.setting(t, "[sso-session corp]\nsso_region = eu-west-1\n"+
			"sso_start_url = https://example.awsapps.com/start")
		before, err := os.ReadFile(filepath.Join(h.dir, "config"))
		if err != nil {
			t.Fatal(err)
		}
		p := ptytest.New(t)
		cmd := h.command(t, "setup")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, p.TTY, p.TTY
		p.Start(cmd)
		p.Await("Write these changes? [y/N] ")
		for _, text := range []string{
			"\n  1 profile to set up: dev\r\n", "\n  1 long-term access key in a file: base\r\n",
			"\n  1 SSO session: corp\r\n",
			"\n  aws-credproc setup --sso-session corp\r\n", "Proposed changes:", "[profile dev-role]",
		} {
			if shown := p.Shown(); !strings.Contains(shown, text) {
				t.Errorf("no %q in %s", text, shown)
			}
		}
		if shown := p.Shown(); strings.Contains(shown, "aws-credproc import") {
			t.Errorf("import is proposed without a keyring: %s", shown)
		}
		p.Type(typed)
		if err := cmd.Wait(); (err == nil) != written {
			t.Errorf("%q: %v", typed, err)
		}
		after, err := os.ReadFile(filepath.Join(h.dir, "config"))
		if err != nil || strings.Contains(string(after), "[profile dev-role]") != written ||
			!written && string(after) != string(before) {
			t.Errorf("%q: %v, %s", typed, err, after)
		}
	}
}

func TestGuidedSetupNeedsATerminal(t *testing.T) {
	h := newHelper(t, startSTS(t))
	for _, args := range [][]string{{"setup"}, {"setup", "--yes"}, {"setup", "--undo"}} {
		if _, stderr, err := h.run(t, args...); exitStatus(err) != exitUsage ||
			!strings.Contains(stderr, "name a profile") {
			t.Errorf("%v: %v, %s", args, err, stderr)
		}
	}
}

// TestSetupWithoutATerminal: stdin is not read.
func TestSetupWithoutATerminal(t *testing.T) {
	s, err := newTestSTS()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := newHelper(t, s)
	cmd := h.command(t, "setup", "dev")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("y\n"), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Run()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != exitNeedsUser {
		t.Errorf("it ended with %v", err)
	}
	const want = "there is no terminal\naws-credproc: hint: aws-credproc setup --yes dev\n"
	if stdout.Len() > 0 || !strings.Contains(stderr.String(), want) {
		t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
	}
	if _, err := os.Stat(filepath.Join(h.dir, "config.aws-credproc.lock")); err == nil {
		t.Error("the lock file is left behind")
	}
}

// TestSetupInTheBackground: a background job that reads the terminal would be stopped.
func TestSetupInTheBackground(t *testing.T) {
	s, err := newTestSTS()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h := newHelper(t, s)
	screen, tty := ptytest.Open(t)
	defer screen.Close()
	cmd := exec.CommandContext(t.Context(), "sh", "-mc", `"$0" setup dev & wait $!`, h.path)
	cmd.Env = h.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.ExtraFiles = []*os.File{tty}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	err = cmd.Run()
	tty.Close()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) ||
		exit.ExitCode() != exitNeedsUser ||
		!strings.Contains(stderr.String(), "in the background of its terminal") {
		t.Errorf("it ended with %v, stderr %q", err, stderr.String())
	}
}
