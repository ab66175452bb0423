package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"
)

func TestProgressIsShownAtATerminalOnly(t *testing.T) {
	s := startSTS(t)
	s.Fault(ststest.Fault{Kind: ststest.Slow, Delay: 1500 * time.Millisecond, Times: ststest.Always})
	for _, command := range []string{"get", "refresh"} {
		t.Run(command, func(t *testing.T) {
			h := newHelper(t, s)
			screen, tty := ptytest.Open(t)
			cmd := h.command(t, command, "--verbose", "dev")
			cmd.Env = append(cmd.Env, "NO_COLOR=1")
			cmd.Stderr = tty
			shown := make(chan string)
			go func() {
				b, _ := io.ReadAll(screen) // ends with EIO when the last writer is gone
				shown <- string(b)
			}()
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			tty.Close()
			got := <-shown
			// Lines of --verbose are on lines of their own.
			want := regexp.MustCompile(`(?s)^(aws-credproc: [^\r\n]*\r\n)+` +
				`dev: waiting for STS \.\.\.\r\x1b\[K(aws-credproc: [^\r\n]*\r\n)+$`)
			if !want.MatchString(got) {
				t.Errorf("the terminal shows %q", got)
			}

			if err := os.RemoveAll(filepath.Join(h.dir, "state")); err != nil {
				t.Fatal(err)
			}
			if _, stderr, err := h.run(t, command, "dev"); err != nil || stderr != "" {
				t.Errorf("without a terminal: %v, stderr %q", err, stderr)
			}
		})
	}
}

func TestProgressNamesTheProcessWithTheMFAPrompt(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.setting(t, "mfa_serial = arn:aws:iam::"+testAccount+":mfa/jill")
	h.env = append(h.env, "DISPLAY=", "WAYLAND_DISPLAY=")
	asks, waits := ptytest.New(t), ptytest.New(t)
	first, second := h.command(t, "get", "dev"), h.command(t, "get", "dev")
	asks.Start(first)
	asks.Await("MFA code for")
	second.Stderr = waits.TTY
	waits.Start(second)
	waits.Await(fmt.Sprintf("dev: waiting for the MFA code that process %d asks for ...",
		first.Process.Pid))
	asks.Type("\x03")
	_ = first.Wait() // it was interrupted
	waits.Await("MFA code for")
	waits.Type("\x03")
	_ = second.Wait()
	left, err := filepath.Glob(filepath.Join(h.dir, "state", "prompts", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestProgressNamesTheOtherProcess(t *testing.T) {
	s := startSTS(t)
	s.Fault(ststest.Fault{Kind: ststest.Slow, Delay: 3 * time.Second, Times: ststest.Always})
	h := newHelper(t, s)
	first := h.command(t, "get", "dev")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the first process to call STS", func() bool { return s.Calls("AssumeRole") == 1 })
	p := ptytest.New(t)
	second := h.command(t, "get", "dev")
	second.Stderr = p.TTY
	p.Start(second)
	p.Await("dev: waiting for another process ...")
	if err := errors.Join(first.Wait(), second.Wait()); err != nil {
		t.Error(err)
	}
}

// TestInterruptedPromptIsNotCached: the next process asks again.
func TestInterruptedPromptIsNotCached(t *testing.T) {
	h := newHelper(t, startSTS(t))
	h.setting(t, "mfa_serial = arn:aws:iam::"+testAccount+":mfa/jill")
	for range 2 {
		p := ptytest.New(t)
		cmd := h.command(t, "get", "dev")
		cmd.Env = append(cmd.Env, "DISPLAY=", "WAYLAND_DISPLAY=")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		p.Start(cmd)
		p.Await("MFA code for")
		p.Type("\x03")
		err := cmd.Wait()
		if cmd.ProcessState.ExitCode() != exitFailed ||
			!strings.Contains(stderr.String(), "no MFA code was entered") {
			t.Errorf("%v: %s", err, stderr.String())
		}
	}
}
