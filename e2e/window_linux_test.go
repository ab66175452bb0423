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

// A screen is a display of the test's own, without a window manager. It outlives its windows.
type screen struct {
	t    *testing.T
	last string // the process of the window that had the focus last
}

func startScreen(t *testing.T) *screen {
	t.Helper()
	needCommands(t, "Xvfb", "zenity", "xdotool")
	cmd := exec.CommandContext(t.Context(), "Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset")
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

// xdotool runs it, and gives what it prints.
func (s *screen) xdotool(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), hangLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "xdotool", args...).Output()
	return strings.TrimSpace(string(out)), err
}

// window gives the window that is open, and the process that it is of; "" for none. One that is about to close may be
// gone at the second look.
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

// awaits waits for something.
func (s *screen) awaits(what string, is func() bool) {
	for limit := time.Now().Add(hangLimit); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			s.t.Errorf("this does not come: %s", what)
			return
		}
	}
}

// focus waits for the next window, which what is done with xdotool goes to then.
func (s *screen) focus() {
	s.awaits("a window", func() bool {
		id, pid := s.window()
		if pid == "" || pid == s.last {
			return false
		}
		s.last = pid
		_, err := s.xdotool("windowfocus", id)
		return err == nil
	})
}

// do is a person's hand.
func (s *screen) do(action ...string) {
	if out, err := s.xdotool(action...); err != nil {
		s.t.Errorf("xdotool: %v\n%s", err, out)
	}
}

func TestE2EWindow(t *testing.T) {
	s := startScreen(t)
	device := mfa.Device{Serial: mfaSerial, Profile: "dev-role", RoleARN: "arn:aws:iam::" + motoAccount + `:role/A_<b>&amp;\n`}
	ask := func(ctx context.Context) (mfa.Code, error) {
		a := &mfa.Provider{Mode: mfa.GUI, Getenv: os.Getenv, Now: time.Now, Warnf: t.Logf, Tracef: t.Logf}
		if err := a.CanAsk(ctx, device); err != nil {
			t.Fatal(err)
		}
		return a.Code(ctx, device, nil)
	}
	// asked asks while something is done at the screen.
	asked := func(do func()) (mfa.Code, error) {
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
		code, err := asked(func() {
			s.focus()
			s.do("type", "12345")
			s.do("key", "Return")
			s.focus() // it asks again
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
		if _, err := asked(func() {
			s.focus()
			s.do("key", "Escape")
		}); !errors.Is(err, mfa.ErrCancelled) {
			t.Error(err)
		}
	})
	t.Run("not answered", func(t *testing.T) {
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
		s.awaits("no window", func() bool { id, _ := s.window(); return id == "" })
	})
	t.Run("no such display", func(t *testing.T) {
		t.Setenv("DISPLAY", ":54321")
		if _, err := ask(t.Context()); !errors.Is(err, mfa.ErrCannotAsk) {
			t.Error(err)
		}
	})
}
