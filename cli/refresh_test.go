package cli

import (
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
)

func TestRefreshWaitsUntilItIsAllowed(t *testing.T) {
	for _, profile := range []string{"dev", "ops"} { // which is behind the role that is denied
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
			for end := time.Now().Add(30 * time.Second); s.Calls("AssumeRole") < 2; time.Sleep(5 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("it does not try again")
				}
			}
			if err := s.SetUserPolicy(jillARN, ststest.AllowAssume("*")); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil || !strings.HasPrefix(out.String(), profile+": refreshed") {
				t.Errorf("error %v, output %s", err, out.String())
			}
		})
	}
}

func TestRefreshWaitsForNothingElse(t *testing.T) {
	denied := ststest.Fault{Kind: ststest.Fail, Status: 403, Code: "AccessDenied", Times: ststest.Always}
	for name, test := range map[string]struct {
		fault ststest.Fault
		wait  string
		calls int
	}{
		"no time to wait":   {denied, "0s", 1},
		"less than a delay": {denied, "900ms", 1},
		"time for one more": {denied, "2900ms", 2}, // after a second; then the next is two seconds away
		"settings":          {ststest.Fault{Kind: ststest.Fail, Status: 400, Code: "ValidationError", Times: ststest.Always}, "1m", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSTS(t)
			s.Fault(test.fault)
			h := newHelper(t, s)
			if out, stderr, err := h.run(t, "refresh", "--wait", test.wait, "dev"); err == nil || out != "" || s.Calls("AssumeRole") != test.calls {
				t.Errorf("error %v, %d calls, want %d; stderr %s", err, s.Calls("AssumeRole"), test.calls, stderr)
			}
		})
	}
}

// TestRefreshSharesItsWait: of several roles that are denied each one after the first takes no more
// time, which those after it would lack.
func TestRefreshSharesItsWait(t *testing.T) {
	t.Parallel()
	s := startSTS(t)
	h := newHelper(t, s)
	for _, name := range []string{"No1", "No2"} {
		arn := "arn:aws:iam::123456789012:role/" + name
		if err := s.AddRole(ststest.Role{ARN: arn, Trust: ststest.TrustPolicy("arn:aws:iam::123456789012:user/nobody")}); err != nil {
			t.Fatal(err)
		}
		h.setting(t, "[profile "+name+"]\nrole_arn = "+arn+"\nsource_profile = base")
	}
	out, stderr, err := h.run(t, "refresh", "--wait", "1900ms", "No1", "No2", "dev")
	if err == nil || !strings.HasPrefix(out, "dev: refreshed") {
		t.Errorf("error %v, stdout %s, stderr %s", err, out, stderr)
	}
	if calls := s.Calls("AssumeRole"); calls != 2+1+1 {
		t.Errorf("%d calls, want two for the first, and one for each of the others", calls)
	}
}
