package credproc

import (
	"context"
	"strings"
	"testing"
	"time"

	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/ststest"
)

// noCodes fails the test if it is asked for an MFA code.
type noCodes struct{ t *testing.T }

func (c noCodes) CanAsk(context.Context, mfa.Device) error { return nil }

func (c noCodes) Code(context.Context, mfa.Device, error) (mfa.Code, error) {
	c.t.Error("a code was asked for")
	return mfa.Code{}, mfa.ErrCancelled
}

// TestExplainRefusesWhatCredentialsRefuses: the same error, before anything is sent or asked.
func TestExplainRefusesWhatCredentialsRefuses(t *testing.T) {
	const (
		device = "mfa_serial = arn:aws:iam::111111111111:mfa/jill\n"
		key    = "mfa_serial = arn:aws:iam::111111111111:u2f/user/jill/yubi-X\n"
		keys   = "[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n"
		roleA  = "role_arn = arn:aws:iam::111111111111:role/A\n"
	)
	for name, test := range map[string]struct {
		config, variable, want, hint string
	}{
		"MFA role over a role": {
			config: "[profile p]\n" + roleA + "source_profile = q\n" + device +
				"[profile q]\n" + roleA + "source_profile = base\n" + keys,
			want: "profile q has the credentials of a role, and only IAM users have MFA devices",
			hint: "remove mfa_serial from [profile p]",
		},
		"MFA role in the middle": {
			config: "[profile p]\n" + roleA + "source_profile = q\n[profile q]\n" + roleA +
				"source_profile = r\n" + device + "[profile r]\n" + roleA + "source_profile = base\n" + keys,
			want: "profile r has the credentials of a role",
			hint: "remove mfa_serial from [profile q]",
		},
		"MFA role over SSO": {
			config: "[profile p]\n" + roleA + "source_profile = q\n" + device +
				"[profile q]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n" +
				"sso_account_id = 111111111111\nsso_role_name = X\n",
			want: "profile q has the credentials of SSO",
			hint: "remove mfa_serial from [profile p]",
		},
		"security key of a role": {
			config: "[profile p]\n" + roleA + "source_profile = base\n" + key + keys,
			want:   "MFA device arn:aws:iam::111111111111:u2f/user/jill/yubi-X is a security key",
			hint:   "set mfa_serial in [profile p] to an authenticator app",
		},
		"security key of a user": {
			config: "[profile p]\n" + key + strings.TrimPrefix(keys, "[profile base]\n"),
			want:   "is a security key, which has no codes",
			hint:   "set mfa_serial in [profile p]",
		},
		"security key without a session": {
			config: "[profile p]\n" + roleA + "source_profile = base\nmfa_session_duration = 0\n" +
				key + keys,
			want: "is a security key, which has no codes",
			hint: "set mfa_serial in [profile p]",
		},
		"sign-in without a role": {
			config: "[profile p]\nsso_session = c\n[sso-session c]\nsso_region = eu-west-1\n" +
				"sso_start_url = https://x.awsapps.com/start\n",
			want: "sso_session is set, but sso_account_id and sso_role_name are not",
			hint: "add both to [profile p]",
		},
		"a setting that the SDK refuses": {
			config: "[profile p]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n" +
				"sso_account_id = 111111111111\nsso_role_name = X\nretry_mode = always\n",
			want: "the AWS SDK cannot use the profile",
		},
		"max_attempts": {
			config: "[profile p]\n" + roleA + "source_profile = base\nmax_attempts = few\n" + keys,
			want:   `max_attempts is "few", not a number above 0`,
			hint:   "correct max_attempts",
		},
		"CA bundle": {
			config: "[profile p]\n" + roleA + "source_profile = base\nca_bundle = /nowhere\n" + keys,
			want:   "CA bundle: /nowhere",
			hint:   "correct ca_bundle",
		},
		"region": {
			config: "[profile p]\n" + roleA + "source_profile = base\n" + keys, variable: "eu west",
			want: `"eu west" is not a region`,
			hint: "set AWS_REGION to a region",
		},
		"a good chain": {config: roleOfEnvironment},
	} {
		t.Run(name, func(t *testing.T) {
			r, s, env := online(t)
			if strings.Contains(test.config, "max_attempts") {
				delete(env, "AWS_MAX_ATTEMPTS")
			}
			r.TokenCodes = noCodes{t}
			env["AWS_REGION"] = test.variable
			chain := chainOf(t, test.config, "")
			_, explained := r.Explain(t.Context(), chain)
			_, got := r.Credentials(t.Context(), chain)
			_, refreshed := r.Refresh(t.Context(), chain, time.Now(), chain.MFA.Serial != "")
			if test.want == "" {
				if explained != nil || got != nil || refreshed != nil {
					t.Fatalf("refused: %v; %v; %v", explained, got, refreshed)
				}
				return
			}
			if got == nil || explained == nil || refreshed == nil ||
				diag.Text(got) != diag.Text(explained) || diag.Text(got) != diag.Text(refreshed) {
				t.Fatalf("explain: %v\nget: %v\nrefresh: %v", explained, got, refreshed)
			}
			if !strings.Contains(got.Error(), test.want) || !strings.HasPrefix(diag.Hint(got), test.hint) {
				t.Errorf("got %s", diag.Text(got))
			}
			if n := len(s.Requests()); n != 0 {
				t.Errorf("%d requests were sent", n)
			}
		})
	}
}

// TestClock: a refused signature whose time is far from STS's is the clock and nothing else.
func TestClock(t *testing.T) {
	chain := chainOf(t, roleOfEnvironment, "")
	for ahead, want := range map[time.Duration]string{
		-2 * time.Hour: "this machine's clock is 2h00m behind AWS's",
		2 * time.Hour:  "this machine's clock is 2h00m ahead of AWS's",
	} {
		r, s, _ := online(t)
		s.SetNow(func() time.Time { return time.Now().Add(-ahead) })
		_, err := r.Credentials(t.Context(), chain)
		if err == nil || !strings.HasSuffix(err.Error(), ": "+want) ||
			!strings.HasSuffix(diag.Hint(err), " sets the clock") {
			t.Errorf("%s ahead: %v (hint %q), want %s", ahead, err, diag.Hint(err), want)
		}
	}
	// A message without times, and the Date of the response.
	r, s, _ := online(t)
	s.SetNow(func() time.Time { return time.Now().Add(2 * time.Hour) })
	s.Fault(ststest.Fault{Kind: ststest.Fail, Times: ststest.Always, Status: 403,
		Code: "SignatureDoesNotMatch", Text: "The request signature we calculated does not match"})
	_, err := r.Credentials(t.Context(), chain)
	if err == nil || !strings.Contains(err.Error(), "clock is 2h00m behind AWS's") {
		t.Errorf("by the Date: %v", err)
	}
	for message, want := range map[string]string{
		"Signature expired: 20261126T114000Z is now earlier than 20261126T133500Z " +
			"(20261126T134000Z - 5 min.)": "clock is 2h00m behind AWS's",
		"Signature not yet current: 20261126T164000Z is still later than 20261126T134500Z " +
			"(20261126T134000Z + 5 min.)": "clock is 3h00m ahead of AWS's",
		"Signature expired: who knows":                       "clock differs from AWS's",
		"The request signature we calculated does not match": "SignatureDoesNotMatch for access key ",
	} {
		r, s, _ := online(t)
		s.Fault(ststest.Fault{Kind: ststest.Fail, Times: ststest.Always, Status: 403,
			Code: "SignatureDoesNotMatch", Text: message})
		_, err := r.Credentials(t.Context(), chain)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", message, err, want)
		}
		isClock := strings.HasPrefix(want, "clock")
		if hint := diag.Hint(err); strings.Contains(hint, "clock") != isClock ||
			strings.Contains(hint, "key") == isClock {
			t.Errorf("%s: hint %s", message, hint)
		}
	}
}

// TestDenialNamesMFADeviceOfSource: a role does not inherit its source's mfa_serial.
func TestDenialNamesMFADeviceOfSource(t *testing.T) {
	const device = "mfa_serial = arn:aws:iam::111111111111:mfa/jill\n"
	for name, test := range map[string]struct {
		source, role string
		want         bool
	}{
		"source has it":  {source: device, want: true},
		"neither has it": {},
		"role has it":    {source: device, role: device},
	} {
		r, s, env := online(t)
		config := "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/A\nsource_profile = base\n" +
			test.role + "[profile base]\n" + test.source + "aws_access_key_id = " +
			env["AWS_ACCESS_KEY_ID"] + "\naws_secret_access_key = " + env["AWS_SECRET_ACCESS_KEY"] + "\n"
		s.Fault(ststest.Fault{Kind: ststest.Fail, Times: ststest.Always, Status: 403,
			Code: "AccessDenied", Text: "User: arn:aws:iam::111111111111:user/jill is not authorized to " +
				"perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/A"})
		_, err := r.Credentials(t.Context(), chainOf(t, config, ""))
		got := strings.HasPrefix(diag.Hint(err), "if the role requires MFA, add mfa_serial = "+
			"arn:aws:iam::111111111111:mfa/jill to [profile p], which does not inherit it from "+
			"[profile base]")
		if got != test.want {
			t.Errorf("%s: %v (hint %q)", name, err, diag.Hint(err))
		}
	}
}
