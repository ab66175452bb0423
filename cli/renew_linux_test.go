package cli

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/ststest"
)

// TestASessionIsRenewedAheadOfItsNeed: get is over while its renewal still waits for STS, which holds nothing of what get
// was given, and finds the config by the same relative path.
func TestASessionIsRenewedAheadOfItsNeed(t *testing.T) {
	s := startSTS(t)
	h := newAgedHelper(t, s, 40*time.Minute)
	s.Fault(ststest.Fault{Kind: ststest.Slow, Delay: 2 * time.Second, Times: ststest.Always})

	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out, errOut strings.Builder
	cmd := h.command(t, "get", "dev")
	cmd.Env = append(slices.Clone(h.env), "AWS_CONFIG_FILE=config")
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = h.dir, &out, &errOut, []*os.File{w}
	if err := cmd.Run(); err != nil || isYoung(t, out.String()) || errOut.Len() > 0 { // Run waits for the end of both pipes too
		t.Fatalf("error %v, stderr %s", err, errOut.String())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now().Add(hangLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("the caller's pipe: %v", err)
	}
	pid := pidOf(t, h)
	if pid == 0 {
		t.Fatal("get waited for the renewal, or there is none")
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("the process that renews is of session %d, not of its own, %d (%v)", sid, pid, err)
	}
	h.many(t, 20, func(stdout, _ string, err error) {
		if err != nil {
			t.Error(err)
		}
	}, "get", "dev")
	waitFor(t, "the renewal's end", func() bool { return pidOf(t, h) == 0 })
	if again, _, err := h.run(t, "get", "dev"); err != nil || !isYoung(t, again) || s.Calls("AssumeRole") != 2 {
		t.Errorf("%v; %d calls, want 2; %d bytes", err, s.Calls("AssumeRole"), len(again))
	}
}

// TestARenewalThatFailsIsToldOf: by status and by get --verbose, while the session is served in silence.
func TestARenewalThatFailsIsToldOf(t *testing.T) {
	s := startSTS(t)
	h := newAgedHelper(t, s, 40*time.Minute)
	if err := s.SetUserPolicy(jillARN); err != nil {
		t.Fatal(err)
	}
	lastError := func() string {
		out, _, err := h.run(t, "status", "--json")
		if err != nil {
			t.Fatal(err)
		}
		var status struct{ Sessions []sessionStatus }
		if err := json.Unmarshal([]byte(out), &status); err != nil || len(status.Sessions) != 1 {
			t.Fatalf("%v: %s", err, out)
		}
		if e := status.Sessions[0].LastError; e != nil {
			return *e
		}
		return ""
	}
	for range 3 {
		if out, stderr, err := h.run(t, "get", "dev"); err != nil || isYoung(t, out) || stderr != "" {
			t.Fatalf("error %v, stderr %s", err, stderr)
		}
		waitFor(t, "the failure in status", func() bool { return strings.Contains(lastError(), "AccessDenied") })
	}
	if _, stderr, err := h.run(t, "get", "--verbose", "dev"); err != nil || !strings.Contains(stderr, "the last renewal failed ") || !strings.Contains(stderr, "AccessDenied") {
		t.Errorf("error %v, stderr %s", err, stderr)
	}
	if calls := s.Calls("AssumeRole"); calls != 2 {
		t.Errorf("%d calls, want 2: a denial is not tried again in the background", calls)
	}
}

// TestWhatIsNotRenewedAhead: what is still good for long, or kept nowhere.
func TestWhatIsNotRenewedAhead(t *testing.T) {
	for name, test := range map[string]struct {
		age time.Duration
		env string
	}{
		"young": {34 * time.Minute, ""},
		"none":  {40 * time.Minute, "AWS_CREDPROC_STORE=none"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSTS(t)
			h := newAgedHelper(t, s, test.age)
			h.env = append(h.env, test.env)
			_, stderr, err := h.run(t, "get", "--verbose", "dev")
			if err != nil || strings.Contains(stderr, "ahead") || pidOf(t, h) != 0 {
				t.Errorf("error %v, stderr %s", err, stderr)
			}
		})
	}
}
