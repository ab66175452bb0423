package cli

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
)

func TestDenialIsSharedByWaitingProcesses(t *testing.T) {
	s := startSTS(t)
	if err := s.SetUserPolicy(jillARN); err != nil {
		t.Fatal(err)
	}
	s.Fault(ststest.Fault{Kind: ststest.Slow, Delay: 300 * time.Millisecond, Times: ststest.Always})
	h := newHelper(t, s)
	h.runMany(t, 20, func(stdout, stderr string, err error) {
		if err == nil || stdout != "" || strings.Count(stderr, "\n") != 2 ||
			!strings.Contains(stderr, "AccessDenied") {
			t.Errorf("error %v, %d bytes on stdout, stderr %s", err, len(stdout), stderr)
		}
	}, "get", "dev")
	if calls := s.Calls("AssumeRole"); calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
	if _, _, err := h.run(t, "refresh", "dev"); err == nil || s.Calls("AssumeRole") != 2 {
		t.Errorf("refresh: error %v, %d calls, want 2", err, s.Calls("AssumeRole"))
	}
}

// TestShortTimeoutIsNotShared: STS responds, but later. status shows the timeout all the same.
func TestShortTimeoutIsNotShared(t *testing.T) {
	s := startSTS(t)
	s.Fault(ststest.Fault{Kind: ststest.Slow, Delay: 2 * time.Second, Times: ststest.Always})
	h := newHelper(t, s)
	_, stderr, err := h.run(t, "get", "--timeout", "1s", "dev")
	if err == nil || !strings.Contains(stderr, "before the timeout") {
		t.Errorf("--timeout 1s: %v, stderr %s", err, stderr)
	}
	if out, _, err := h.run(t, "status"); err != nil || !strings.Contains(out, "failed") ||
		!strings.Contains(out, "before the timeout") {
		t.Errorf("status: %v, %s", err, out)
	}
	if _, stderr, err := h.run(t, "get", "dev"); err != nil || stderr != "" {
		t.Errorf("default timeout: %v, stderr %s", err, stderr)
	}
}

// TestCachedSessionIsUsedDuringAnOutage: the session is due, but STS fails. One process tries, and
// no other for half a minute.
func TestCachedSessionIsUsedDuringAnOutage(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte("<html><body>Please log in<br></body></html>"))
	}))
	defer web.Close()
	for name, fault := range map[string]ststest.Fault{
		"5xx":       faults["5xx"],
		"dropped":   faults["drop"],
		"swallowed": faults["swallow"],
		"throttled": faults["throttle"],
		"redirect":  {Kind: ststest.Fail, Status: 302, Times: ststest.Always},
		"switching": {Kind: ststest.Fail, Status: 101, Times: ststest.Always},
		"web page":  {Kind: ststest.GarbageHTML, Times: ststest.Always},
		"no reason": {Kind: ststest.OmitField, Field: "Credentials", Times: ststest.Always},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSTS(t)
			h := newHelper(t, s)
			s.SetMaxSkew(2 * time.Hour)
			// 8 minutes are left.
			s.SetNow(func() time.Time { return time.Now().Add(-52 * time.Minute) })
			first, _, err := h.run(t, "get", "dev")
			if err != nil {
				t.Fatal(err)
			}
			s.SetNow(nil)
			s.Fault(fault)
			before := len(s.Requests())
			needsHint := name != "5xx" && name != "throttled" // only time helps
			h.runMany(t, 8, func(stdout, stderr string, err error) {
				hints := strings.Count(stderr, "\naws-credproc: hint: ")
				if hints > 1 || needsHint && hints == 0 {
					t.Errorf("%d hints: %s", hints, stderr)
				}
				if err != nil || stdout != first ||
					strings.Count(stderr, "aws-credproc: warning: ") != 1 ||
					strings.Count(stderr, "\n") != 1+hints ||
					!strings.Contains(stderr, "returning the cached session, which is valid for ") {
					t.Errorf("error %v, same session: %v, stderr %s", err, stdout == first, stderr)
				}
			}, "get", "dev")
			tried := len(s.Requests()) - before
			_, _, err = h.run(t, "get", "dev")
			if n := len(s.Requests()) - before; err != nil || n != tried {
				t.Errorf("the failure is not cached: %v, %d requests, then %d", err, tried, n)
			}
		})
	}
}

func TestDenialEndsUseOfTheCachedSession(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	s.SetMaxSkew(2 * time.Hour)
	s.SetNow(func() time.Time { return time.Now().Add(-52 * time.Minute) })
	if _, _, err := h.run(t, "get", "dev"); err != nil {
		t.Fatal(err)
	}
	s.SetNow(nil)
	if err := s.SetUserPolicy(jillARN); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := h.run(t, "get", "dev")
	if err == nil || stdout != "" || !strings.Contains(stderr, "AccessDenied") {
		t.Errorf("error %v, %d bytes on stdout, stderr %s", err, len(stdout), stderr)
	}
}

func TestWrongClockIsReported(t *testing.T) {
	for want, off := range map[string]time.Duration{
		"2h00m behind AWS's": 2 * time.Hour, "2h00m ahead of AWS's": -2 * time.Hour, "": 0,
	} {
		s := startSTS(t)
		h := newHelper(t, s)
		s.SetMaxSkew(3 * time.Hour)
		s.SetNow(func() time.Time { return time.Now().Add(off) })
		_, stderr, err := h.run(t, "get", "dev")
		stderr = strings.ReplaceAll(stderr, "1h59m", "2h00m") // if a second passes
		if err != nil || !strings.Contains(stderr, want) || want == "" && stderr != "" {
			t.Errorf("clock off by %s: %v, stderr %q", off, err, stderr)
		}
	}
}

func TestTooLongLifetimeIsRejected(t *testing.T) {
	s := startSTS(t)
	s.Fault(ststest.Fault{
		Kind: ststest.ReplaceField, Field: "Expiration", Text: "2099-01-01T00:00:00Z",
		Times: ststest.Always,
	})
	h := newHelper(t, s)
	stdout, stderr, err := h.run(t, "get", "dev")
	if err == nil || stdout != "" ||
		!strings.Contains(stderr, "but AWS allows at most 36h00m") {
		t.Errorf("error %v, stderr %s", err, stderr)
	}
}

// TestSourceFailureIsReportedOnce: the cached failure of a source is not cached for the role again.
func TestSourceFailureIsReportedOnce(t *testing.T) {
	s := startSTS(t)
	if err := s.SetUserPolicy(jillARN); err != nil {
		t.Fatal(err)
	}
	h := newHelper(t, s)
	h.setting(t, "[profile ops]\nrole_arn = "+testRole2+"\nsource_profile = dev")
	if _, _, err := h.run(t, "get", "dev"); err == nil {
		t.Fatal("not denied")
	}
	for range 2 {
		_, stderr, err := h.run(t, "get", "ops")
		if err == nil || strings.Count(stderr, " ago; next attempt in ") != 1 {
			t.Errorf("error %v, stderr %s", err, stderr)
		}
	}
	if calls := s.Calls("AssumeRole"); calls != 1 {
		t.Errorf("%d calls, want 1", calls)
	}
}
