package e2e_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"aws-credproc/credproc/mfa"
)

// screen is a display without a window manager.
type screen struct {
	t    *testing.T
	last string // process ID of the last focused window
}

func startScreen(t *testing.T) *screen {
	t.Helper()
	needCommands(t, "Xvfb", "zenity", "xdotool")
	cmd := exec.CommandContext(t.Context(), "Xvfb", "-noreset", "-displayfd", "1",
		"-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	number, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb: %v", err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(number))
	t.Setenv("WAYLAND_DISPLAY", "")
	return &screen{t: t}
}

// xdotool runs xdotool and returns its output.
func (s *screen) xdotool(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), hangLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "xdotool", args...).Output()
	return strings.TrimSpace(string(out)), err
}

// window returns the open window and its process ID, or "" if there is none. A window may close
// between the two calls.
func (s *screen) window() (id, pid string) {
	id, err := s.xdotool("search", "--onlyvisible", "--name", "^aws-credproc$")
	if err == nil {
		pid, err = s.xdotool("getwindowpid", id)
	}
	if err != nil {
		return "", ""
	}
	return id, pid
}

// await waits for a condition.
func (s *screen) await(what string, condition func() bool) {
	for limit := time.Now().Add(hangLimit); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			s.t.Errorf("timed out waiting for %s", what)
			return
		}
	}
}

// focus waits for the next window and gives it the focus.
func (s *screen) focus() {
	s.await("a window", func() bool {
		id, pid := s.window()
		if pid == "" || pid == s.last {
			return false
		}
		s.last = pid
		_, err := s.xdotool("windowfocus", id)
		return err == nil
	})
}

// do runs xdotool, which must succeed.
func (s *screen) do(action ...string) {
	if out, err := s.xdotool(action...); err != nil {
		s.t.Errorf("xdotool: %v\n%s", err, out)
	}
}

func TestE2EWindow(t *testing.T) {
	s := startScreen(t)
	device := mfa.Device{
		Serial: mfaSerial, Profile: "dev-role", RoleARN: roleARN(`A_<b>&amp;\n`),
	}
	ask := func(ctx context.Context) (mfa.Code, error) {
		p := &mfa.Provider{
			Mode: mfa.GUI, Getenv: os.Getenv, Now: time.Now, Warnf: t.Logf, Tracef: t.Logf,
		}
		if err := p.CanAsk(ctx, device); err != nil {
			t.Fatal(err)
		}
		return p.Code(ctx, device, nil)
	}
	// askDuring asks during an action at the screen.
	askDuring := func(do func()) (mfa.Code, error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			do()
		}()
		defer func() { <-done }()
		ctx, cancel := context.WithTimeout(t.Context(), hangLimit)
		defer cancel()
		return ask(ctx)
	}
	t.Run("code", func(t *testing.T) {
		code, err := askDuring(func() {
			s.focus()
			s.do("type", "12345")
			s.do("key", "Return")
			s.focus() // the second question
			s.do("type", "739 251")
			if found := processesWith(t, "739"+"251"); len(found) > 0 {
				t.Errorf("the code is in %q", found)
			}
			s.do("key", "Return")
		})
		if err != nil || string(code.Secret) != "739251" {
			t.Errorf("%q, %v", string(code.Secret), err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		if _, err := askDuring(func() {
			s.focus()
			s.do("key", "Escape")
		}); !errors.Is(err, mfa.ErrCancelled) {
			t.Error(err)
		}
	})
	t.Run("timed out", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		go func() {
			s.focus()
			s.do("type", "12")
			cancel(context.DeadlineExceeded)
		}()
		if _, err := ask(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		s.await("the window to close", func() bool { id, _ := s.window(); return id == "" })
	})
	t.Run("no display", func(t *testing.T) {
		t.Setenv("DISPLAY", ":54321")
		if _, err := ask(t.Context()); !errors.Is(err, mfa.ErrCannotAsk) {
			t.Error(err)
		}
	})
}
