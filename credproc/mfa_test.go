package credproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/mfa"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"

	"github.com/pquerna/otp/totp"
)

const (
	mfaSeed   = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	mfaSerial = "arn:aws:iam::111111111111:mfa/jill"
)

// deviceOwner is a user who has the device mfaSerial.
type deviceOwner struct {
	clock    *clock
	absent   bool
	asked    int
	answer   func(code mfa.Code) (mfa.Code, error) // returns what is typed for a code; nil: the code
	refusals []error                               // reasons for which codes were refused
}

// codeTries is how many codes a deviceOwner types for one session.
const codeTries = 3

func (p *deviceOwner) CanAsk(context.Context, mfa.Device) error {
	if p.absent {
		return fmt.Errorf("%w: no terminal", mfa.ErrCannotAsk)
	}
	return nil
}

func (p *deviceOwner) Code(ctx context.Context, d mfa.Device, previous error) (mfa.Code, error) {
	if err := p.CanAsk(ctx, d); err != nil {
		return mfa.Code{}, err
	}
	if previous != nil {
		p.refusals = append(p.refusals, previous)
	}
	if len(p.refusals) == codeTries {
		return mfa.Code{}, previous
	}
	p.asked++
	p.clock.now = p.clock.now.Add(30 * time.Second) // the device shows the next code
	text, err := totp.GenerateCode(mfaSeed, p.clock.now)
	code := mfa.Code{Secret: profiles.Secret(text)}
	if p.answer != nil && err == nil {
		return p.answer(code)
	}
	return code, err
}

// mfaChain is a chain whose roles require MFA: jill has a device.
type mfaChain struct {
	testChain
	user  *deviceOwner
	jill  *ststest.User
	files *profiles.Files
}

// newMFAChain returns a fixture with the profiles a, b and c for three roles in three regions.
// settings are added to each, and more to the config, with KEYS and DEVICE replaced by those of
// jill.
func newMFAChain(t *testing.T, settings, more string) *mfaChain {
	t.Helper()
	b := &mfaChain{testChain: newTestChain(t, 1, "")}
	b.user = &deviceOwner{clock: b.clock}
	b.TokenCodes = b.user
	jillARN := "arn:aws:iam::111111111111:user/jane"
	var err error
	b.jill, err = b.sts.AddUser("111111111111", "jane", ststest.AllowAssume("*"))
	must(t, err)
	must(t, b.sts.AddMFADevice(jillARN, mfaSerial, mfaSeed))
	config := ""
	for name, region := range map[string]string{"a": "eu-west-1", "b": "us-east-1", "c": "sa-east-1"} {
		arn := "arn:aws:iam::111111111111:role/mfa-" + name
		must(t, b.sts.AddRole(ststest.Role{ARN: arn, Trust: ststest.TrustPolicy(jillARN, ststest.MFA()),
			Policy: ststest.AllowAssume("*"), MaxSessionDuration: 12 * time.Hour}))
		config += "[profile " + name + "]\nrole_arn = " + arn + "\nregion = " + region +
			"\nsource_profile = base\nmfa_serial = " + mfaSerial + "\n" + settings + "\n"
	}
	keys := "aws_access_key_id = " + b.jill.Key.ID + "\naws_secret_access_key = " + b.jill.Key.Secret +
		"\n"
	config += "[profile base]\n" + keys + strings.NewReplacer("KEYS", keys, "DEVICE",
		mfaSerial).Replace(more)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600))
	b.files, err = profiles.Load(filepath.Join(dir, "config"), filepath.Join(dir, "credentials"))
	must(t, err)
	return b
}

func (b *mfaChain) get(t *testing.T, profile string) (cache.Session, error) {
	t.Helper()
	c, err := b.files.Chain(profile)
	must(t, err)
	return b.Credentials(t.Context(), c)
}

// check compares how often the user was asked, and STS was called, since the last check.
func (b *mfaChain) check(t *testing.T, when string, asked, sessionToken, assumeRole int) {
	t.Helper()
	if got := b.sts.Calls("GetSessionToken"); b.user.asked != asked || got != sessionToken ||
		b.sts.Calls("AssumeRole") != assumeRole {
		t.Errorf("%s: asked %d times, %d GetSessionToken, %d AssumeRole; want %d, %d, %d", when,
			b.user.asked, got, b.sts.Calls("AssumeRole"), asked, sessionToken, assumeRole)
	}
	b.user.asked = 0
	b.sts.ResetRequests()
}

func (b *mfaChain) getAll(t *testing.T) {
	t.Helper()
	for _, name := range []string{"a", "b", "c"} {
		if _, err := b.get(t, name); err != nil {
			t.Error(err)
		}
	}
}

func TestOneCodeIsUsedForEveryRoleFor12Hours(t *testing.T) {
	b := newMFAChain(t, "", "")
	b.getAll(t)
	b.check(t, "first", 1, 1, 3)
	for hour := 1; hour <= 11; hour++ {
		b.clock.now = b.clock.now.Add(time.Hour)
		b.getAll(t)
		b.check(t, fmt.Sprintf("%d hours later", hour), 0, 0, 3)
	}
	b.clock.now = b.clock.now.Add(time.Hour)
	b.getAll(t)
	b.check(t, "12 hours later", 1, 1, 3)
}

func TestCodeGoesToTheRightCall(t *testing.T) {
	const chained = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/mfa-b\n" +
		"source_profile = a\n"
	dir := t.TempDir()
	process := filepath.Join(dir, "keys.json")
	const role = "role_arn = arn:aws:iam::111111111111:role/mfa-a\nmfa_serial = DEVICE\n"
	for name, test := range map[string]struct {
		profile, settings, more  string
		sessionToken, assumeRole int // calls
	}{
		"to GetSessionToken":       {"a", "", "", 1, 1},
		"an hour":                  {"a", "duration_seconds = 3600", "", 1, 1},
		"more than an hour":        {"a", "duration_seconds = 7200", "", 0, 1},
		"as configured":            {"a", "mfa_session_duration = 0", "", 0, 1},
		"as the base profile says": {"a", "", "mfa_session_duration = 0", 0, 1},
		"the role's profile comes first": {
			"a", "mfa_session_duration = 900", "mfa_session_duration = 0", 1, 1,
		},
		"the base profile itself": {"p", "", "[profile p]\nKEYS\nmfa_serial = DEVICE", 1, 0},
		"the base profile, no session": {
			"p", "", "[profile p]\nKEYS\nmfa_serial = DEVICE\nmfa_session_duration = 0", 0, 0,
		},
		"a command's long-term keys": {
			"p", "",
			"[profile p]\n" + role + "source_profile = k\n[profile k]\ncredential_process = " +
				command("print", process),
			1, 1,
		},
		"a command's temporary keys": {
			"p", "",
			"[profile p]\n" + role + "source_profile = k\n[profile k]\ncredential_process = " +
				command("print", process+".temporary"),
			0, 1,
		},
		"temporary keys": {
			"p", "",
			"[profile p]\n" + role + "source_profile = k\n[profile k]\nKEYS\naws_session_token = TOKEN", 0,
			1,
		},
		"a base profile's temporary keys": {
			"p", "", "[profile p]\nKEYS\naws_session_token = x\nmfa_serial = DEVICE", 0, 0,
		},
		"not of the source profile": {
			"p", "",
			"[profile p]\nrole_arn = arn:aws:iam::111111111111:role/A\nsource_profile = k\n[profile k]\n" +
				"KEYS\nmfa_serial = DEVICE",
			0, 1,
		},
		"the first of two roles": {"p", "", chained, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newMFAChain(t, test.settings, test.more)
			must(t, b.sts.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/mfa-b",
				Trust: ststest.TrustPolicy("111111111111"), Policy: ststest.AllowAssume("*")}))
			must(t, b.sts.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/A",
				Trust: ststest.TrustPolicy("111111111111")}))
			must(t, os.WriteFile(process,
				fmt.Appendf(nil, `{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q}`, b.jill.Key.ID,
					b.jill.Key.Secret), 0o600))
			temporary := userSession(t, b)
			must(t, os.WriteFile(process+".temporary",
				fmt.Appendf(nil, `{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q, "SessionToken": %q, "Expiration": %q}`,
					temporary.AccessKeyID, temporary.SecretAccessKey, temporary.SessionToken,
					temporary.Expiration.Format(time.RFC3339)), 0o600))
			c, err := b.files.Chain(test.profile)
			must(t, err)
			if c.Source.SessionToken == "TOKEN" {
				c.Source.AccessKeyID, c.Source.SecretAccessKey, c.Source.SessionToken = temporary.AccessKeyID,
					profiles.Secret(temporary.SecretAccessKey), profiles.Secret(temporary.SessionToken)
			}
			wantAsked := 1
			if c.MFA.Serial == "" || test.sessionToken+test.assumeRole == 0 {
				wantAsked = 0
			}
			if _, err := b.Credentials(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			b.check(t, "cold", wantAsked, test.sessionToken, test.assumeRole)
			if _, err := b.Credentials(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			b.check(t, "warm", 0, 0, 0)
		})
	}
}

// userSession returns a session of jill without MFA.
func userSession(t *testing.T, b *mfaChain) cache.Session {
	t.Helper()
	client, err := b.newSTSClient(b.chain, plan.Endpoint{URL: b.sts.URL, Region: "us-east-1"})
	must(t, err)
	out, err := client.with(cache.Session{AccessKeyID: b.jill.Key.ID,
		SecretAccessKey: b.jill.Key.Secret}).GetSessionToken(t.Context(), nil)
	must(t, err)
	b.sts.ResetRequests()
	return cache.Session{AccessKeyID: *out.Credentials.AccessKeyId,
		SecretAccessKey: *out.Credentials.SecretAccessKey,
		SessionToken:    *out.Credentials.SessionToken, Expiration: *out.Credentials.Expiration}
}

func TestMFAWithoutUserKeysIsRefusedWithoutPrompt(t *testing.T) {
	const role = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/mfa-b\nmfa_serial = DEVICE\n"
	for name, more := range map[string]string{
		"a role": role + "source_profile = a",
		"SSO": role +
			"source_profile = k\n[profile k]\nsso_account_id = 111111111111\nsso_role_name = R\n" +
			"sso_region = us-east-1\nsso_start_url = https://x.example",
		"an instance or container":  role + "credential_source = Ec2InstanceMetadata",
		"an instance or container ": role + "credential_source = EcsContainer",
		"a role ": role +
			"source_profile = k\n[profile k]\nrole_arn = arn:aws:iam::111111111111:role/W\n" +
			"web_identity_token_file = /dev/null",
	} {
		b := newMFAChain(t, "", more)
		if _, err := b.get(t, "p"); err == nil ||
			!strings.Contains(diag.Text(err),
				"has the credentials of "+strings.TrimSpace(name)+", and only IAM users have MFA devices") {
			t.Errorf("%s: %v", name, err)
		}
		b.check(t, name, 0, 0, 0)
	}
}

// The session of a command is that of a role, which only STS knows.
func TestRoleChainingLimitHasHint(t *testing.T) {
	process := filepath.Join(t.TempDir(), "keys.json")
	b := newMFAChain(t, "", "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/mfa-b\n"+
		"duration_seconds = 7200\nsource_profile = k\n[profile k]\n"+
		"credential_process = "+command("print", process))
	must(t, b.sts.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/mfa-b",
		Trust: ststest.TrustPolicy("111111111111"), MaxSessionDuration: 12 * time.Hour}))
	s, err := b.get(t, "a")
	must(t, err)
	must(t, os.WriteFile(process, fmt.Appendf(nil,
		`{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q, "SessionToken": %q, "Expiration": %q}`,
		s.AccessKeyID, s.SecretAccessKey, s.SessionToken, s.Expiration.Format(time.RFC3339)), 0o600))
	if _, err := b.get(t, "p"); err == nil ||
		!strings.Contains(diag.Text(err), "hint: remove duration_seconds from [profile p]") {
		t.Error(err)
	}
}

func TestOldCodeIsReplacedWhenRoleDenies(t *testing.T) {
	b := newMFAChain(t, "", "")
	must(t, b.sts.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/mfa-b",
		Trust: ststest.TrustPolicy("arn:aws:iam::111111111111:user/jane",
			ststest.Condition{Operator: "NumericLessThan", Key: "aws:MultiFactorAuthAge",
				Values: []string{"300"}})}))
	b.getAll(t)
	b.check(t, "first", 1, 1, 3)
	b.clock.now = b.clock.now.Add(2 * time.Hour)
	b.getAll(t)
	b.check(t, "later", 1, 0, 4)
	b.clock.now = b.clock.now.Add(2 * time.Hour)
	b.user.absent = true
	_, err := b.get(t, "b")
	if err == nil || !strings.Contains(diag.Text(err), "AccessDenied") ||
		!strings.Contains(diag.Text(err), "aws-credproc refresh --mfa b") {
		t.Errorf("without a user to ask: %v", err)
	}
	b.check(t, "without a user to ask", 0, 0, 1)
}

func TestDenialAsksForOneMoreCodeAtMost(t *testing.T) {
	b := newMFAChain(t, "", "")
	b.getAll(t)
	b.check(t, "first", 1, 1, 3)
	must(t, b.sts.SetUserPolicy("arn:aws:iam::111111111111:user/jane"))
	c, err := b.files.Chain("a")
	must(t, err)
	if _, err := b.Refresh(t.Context(), c, b.Now(), false); err == nil {
		t.Error("not denied")
	}
	b.check(t, "the code is fresh", 0, 0, 1)
	b.clock.now = b.clock.now.Add(2 * time.Hour)
	if _, err := b.get(t, "a"); err == nil || !strings.Contains(diag.Text(err), "AccessDenied") {
		t.Errorf("got %v", err)
	}
	b.check(t, "the code is old", 1, 0, 2)
}

func TestRefusedCodeIsRequestedAgain(t *testing.T) {
	wrong := func(mfa.Code) (mfa.Code, error) { return mfa.Code{Secret: "000000"}, nil }
	t.Run("right in the end", func(t *testing.T) {
		b := newMFAChain(t, "", "")
		tries := 0
		b.user.answer = func(code mfa.Code) (mfa.Code, error) {
			if tries++; tries < codeTries {
				return wrong(code)
			}
			return code, nil
		}
		if _, err := b.get(t, "a"); err != nil {
			t.Error(err)
		}
		b.check(t, "", codeTries, codeTries, 1)
		if len(b.user.refusals) != codeTries-1 ||
			!strings.Contains(b.user.refusals[0].Error(), "invalid MFA one time pass code") {
			t.Errorf("refusals: %v", b.user.refusals)
		}
	})
	t.Run("always wrong", func(t *testing.T) {
		b := newMFAChain(t, "", "")
		b.user.answer = wrong
		_, err := b.get(t, "a")
		if err == nil || !strings.Contains(diag.Text(err), "invalid MFA one time pass code") ||
			strings.Contains(diag.Text(err), "000000") {
			t.Error(err)
		}
		b.check(t, "", codeTries, codeTries, 0)
		if _, err := b.get(t, "a"); err == nil ||
			!strings.Contains(diag.Text(err), " ago; next attempt in ") {
			t.Errorf("not shared: %v", err)
		}
		b.check(t, "just after", 0, 0, 0)
	})
	t.Run("no such device", func(t *testing.T) {
		b := newMFAChain(t, "mfa_serial = arn:aws:iam::111111111111:mfa/other", "")
		if _, err := b.get(t, "a"); err == nil ||
			!strings.Contains(diag.Text(err), "set mfa_serial in [profile a] to a device of the user") {
			t.Error(err)
		}
		b.check(t, "", 1, 1, 0)
	})
}

func TestUnansweredPrompts(t *testing.T) {
	b := newMFAChain(t, "", "")
	b.user.absent = true
	_, err := b.get(t, "a")
	var e *diag.Error
	if !errors.As(err, &e) || !e.Has(diag.NeedsUser) ||
		e.Hint != "run aws-credproc refresh a at a terminal" {
		t.Fatalf("got %v", err)
	}
	b.user.absent = false
	if _, err := b.get(t, "a"); err != nil {
		t.Errorf("shared although only that process could not ask: %v", err)
	}

	b = newMFAChain(t, "", "")
	b.user.answer = func(mfa.Code) (mfa.Code, error) { return mfa.Code{}, mfa.ErrCancelled }
	if _, err := b.get(t, "a"); !errors.As(err, &e) || e.Has(diag.NeedsUser) {
		t.Errorf("cancelled: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := b.get(t, name); err == nil ||
			!strings.Contains(diag.Text(err), " ago; next attempt in ") {
			t.Errorf("cancelled, not shared with %s: %v", name, err)
		}
	}
	b.check(t, "cancelled", 1, 0, 0)

	b = newMFAChain(t, "", "")
	b.user.answer = func(mfa.Code) (mfa.Code, error) {
		return mfa.Code{}, errors.Join(mfa.ErrCancelled, context.Canceled)
	}
	if _, err := b.get(t, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	b.user.answer = nil
	if _, err := b.get(t, "a"); err != nil {
		t.Errorf("shared although only that process was interrupted: %v", err)
	}

	b = newMFAChain(t, "", "")
	b.TokenCodes = nil
	if _, err := b.get(t, "a"); !errors.As(err, &e) || !e.Has(diag.NeedsUser) {
		t.Errorf("got %v", err)
	}
}

func TestRefreshWithNewCodeAsks(t *testing.T) {
	b := newMFAChain(t, "", "")
	b.getAll(t)
	b.check(t, "get", 1, 1, 3)
	c, err := b.files.Chain("a")
	must(t, err)
	_, err = b.Refresh(t.Context(), c, b.Now(), false)
	must(t, err)
	b.check(t, "refresh", 0, 0, 1)
	_, err = b.Refresh(t.Context(), c, b.Now(), true)
	must(t, err)
	b.check(t, "refresh --mfa", 1, 1, 1)
	other, err := b.files.Chain("b")
	must(t, err)
	_, err = b.Refresh(t.Context(), other, b.Now(), true)
	must(t, err)
	b.check(t, "refresh --mfa of another role, in the same command", 0, 0, 1)
	if _, err := b.Refresh(t.Context(), b.chain, b.Now(), true); err == nil ||
		!strings.Contains(diag.Text(err),
			"no role of its chain uses an MFA device\nhint: leave out --mfa") {
		t.Errorf("without a device: %v", err)
	}
}

func TestRoleIsRenewedInBackgroundWhileMFASessionIsValid(t *testing.T) {
	b := newMFAChain(t, "", "")
	c, err := b.files.Chain("a")
	must(t, err)
	_, err = b.Credentials(t.Context(), c)
	must(t, err)
	b.clock.now = b.clock.now.Add(40 * time.Minute)
	s, err := b.Credentials(t.Context(), c)
	must(t, err)
	if !b.ClaimsRenewal(c, s) {
		t.Error("not renewed ahead")
	}
	b.check(t, "served", 1, 1, 1)
	must(t, b.Renew(t.Context(), c))
	b.check(t, "renewed", 0, 0, 1)

	b = newMFAChain(t, "mfa_session_duration = 900", "")
	_, err = b.get(t, "a")
	must(t, err)
	b.clock.now = b.clock.now.Add(40 * time.Minute)
	s, err = b.get(t, "a")
	must(t, err)
	if c, err = b.files.Chain("a"); err != nil || b.ClaimsRenewal(c, s) {
		t.Errorf("renewed ahead without an MFA session: %v", err)
	}
	b.clock.now = b.clock.now.Add(12 * time.Minute)
	b.user.absent = true
	warned := 0
	b.Warnf = func(string, ...any) { warned++ }
	if _, err := b.get(t, "a"); err != nil || warned != 1 {
		t.Errorf("the session is not used without a user to ask: %v, %d warnings", err, warned)
	}
}
