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

// TestRenewalInBackground: get ends while the renewal waits for STS. The renewal inherits no file
// of get, and finds the config file by the same relative path.
func TestRenewalInBackground(t *testing.T) {
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
	// Run waits until both pipes are closed.
	if err := cmd.Run(); err != nil || isNew(t, out.String()) || errOut.Len() > 0 {
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
	pid := renewalPID(t, h)
	if pid == 0 {
		t.Fatal("get has waited for the renewal, or there is none")
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("the renewal, process %d, is in session %d (%v)", pid, sid, err)
	}
	h.runMany(t, 20, func(stdout, _ string, err error) {
		if err != nil {
			t.Error(err)
		}
	}, "get", "dev")
	waitFor(t, "the end of the renewal", func() bool { return renewalPID(t, h) == 0 })
	again, _, err := h.run(t, "get", "dev")
	if calls := s.Calls("AssumeRole"); err != nil || !isNew(t, again) || calls != 2 {
		t.Errorf("%v; %d calls, want 2; %d bytes", err, calls, len(again))
	}
}

// TestFailedRenewalIsReported: status and get --verbose report it. get returns the cached session
// without a message.
func TestFailedRenewalIsReported(t *testing.T) {
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
		if out, stderr, err := h.run(t, "get", "dev"); err != nil || isNew(t, out) || stderr != "" {
			t.Fatalf("error %v, stderr %s", err, stderr)
		}
		waitFor(t, "the failure in status", func() bool {
			return strings.Contains(lastError(), "AccessDenied")
		})
	}
	_, stderr, err := h.run(t, "get", "--verbose", "dev")
	if err != nil || !strings.Contains(stderr, "the last renewal failed ") ||
		!strings.Contains(stderr, "AccessDenied") {
		t.Errorf("error %v, stderr %s", err, stderr)
	}
	if calls := s.Calls("AssumeRole"); calls != 2 {
		t.Errorf("%d calls, want 2: a denial is not retried in the background", calls)
	}
}

// TestNoRenewalInBackground: of a session that is not due, or not stored.
func TestNoRenewalInBackground(t *testing.T) {
	for name, test := range map[string]struct {
		age time.Duration
		env string
	}{
		"not due":    {34 * time.Minute, ""},
		"not stored": {40 * time.Minute, "AWS_CREDPROC_STORE=none"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSTS(t)
			h := newAgedHelper(t, s, test.age)
			h.env = append(h.env, test.env)
			_, stderr, err := h.run(t, "get", "--verbose", "dev")
			if err != nil || strings.Contains(stderr, "ahead") || renewalPID(t, h) != 0 {
				t.Errorf("error %v, stderr %s", err, stderr)
			}
		})
	}
}
