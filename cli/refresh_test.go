package cli

import (
	"strings"
	"testing"

	"aws-credproc/internal/ststest"
)

func TestRefreshRetriesWhileDenied(t *testing.T) {
	for _, profile := range []string{"dev", "ops"} { // the source of ops is dev
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			s := startSTS(t)
			if err := s.SetUserPolicy(jillARN); err != nil {
				t.Fatal(err)
			}
			h := newHelper(t, s)
			h.setting(t, "[profile ops]\nrole_arn = "+testRole2+"\nsource_profile = dev")
			cmd := h.command(t, "refresh", "--wait", "1m", profile)
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "a retry", func() bool { return s.Calls("AssumeRole") >= 2 })
			if err := s.SetUserPolicy(jillARN, ststest.AllowAssume("*")); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil || !strings.HasPrefix(out.String(), profile+": refreshed") {
				t.Errorf("error %v, output %s", err, out.String())
			}
		})
	}
}

func TestRefreshDoesNotRetry(t *testing.T) {
	denied := ststest.Fault{
		Kind: ststest.Fail, Status: 403, Code: "AccessDenied", Times: ststest.Always,
	}
	invalid := ststest.Fault{
		Kind: ststest.Fail, Status: 400, Code: "ValidationError", Times: ststest.Always,
	}
	for name, test := range map[string]struct {
		fault ststest.Fault
		wait  string
		calls int
	}{
		"no --wait":              {denied, "0s", 1},
		"shorter than the delay": {denied, "900ms", 1},
		"one retry":              {denied, "2900ms", 2}, // after 1 s; the next is 2 s later
		"not a denial":           {invalid, "1m", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSTS(t)
			s.Fault(test.fault)
			h := newHelper(t, s)
			out, stderr, err := h.run(t, "refresh", "--wait", test.wait, "dev")
			if calls := s.Calls("AssumeRole"); err == nil || out != "" || calls != test.calls {
				t.Errorf("error %v, %d calls, want %d; stderr %s", err, calls, test.calls, stderr)
			}
		})
	}
}

// TestRefreshSharesTheWait: the wait for one role is not repeated for the next one.
func TestRefreshSharesTheWait(t *testing.T) {
	t.Parallel()
	s := startSTS(t)
	h := newHelper(t, s)
	for _, name := range []string{"No1", "No2"} {
		arn := "arn:aws:iam::123456789012:role/" + name
		trust := ststest.TrustPolicy("arn:aws:iam::123456789012:user/nobody")
		if err := s.AddRole(ststest.Role{ARN: arn, Trust: trust}); err != nil {
			t.Fatal(err)
		}
		h.setting(t, "[profile "+name+"]\nrole_arn = "+arn+"\nsource_profile = base")
	}
	out, stderr, err := h.run(t, "refresh", "--wait", "1900ms", "No1", "No2", "dev")
	if err == nil || !strings.HasPrefix(out, "dev: refreshed") {
		t.Errorf("error %v, stdout %s, stderr %s", err, out, stderr)
	}
	if calls := s.Calls("AssumeRole"); calls != 2+1+1 {
		t.Errorf("%d calls, want 2 for the first role and 1 for each of the others", calls)
	}
}
