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

// holder has the device of mfaSerial at hand.
type holder struct {
	clock  *clock
	absent bool
	asked  int
	answer func(code mfa.Code) (mfa.Code, error) // what they make of the code that the device shows; nil: type it
	heard  []error                               // what they were told of the code before
}

// codeTries is how many codes a holder gives for one session.
const codeTries = 3

func (p *holder) CanAsk(context.Context, mfa.Device) error {
	if p.absent {
		return fmt.Errorf("%w: no terminal", mfa.ErrCannotAsk)
	}
	return nil
}

func (p *holder) Code(ctx context.Context, d mfa.Device, previous error) (mfa.Code, error) {
	if err := p.CanAsk(ctx, d); err != nil {
		return mfa.Code{}, err
	}
	if previous != nil {
		p.heard = append(p.heard, previous)
	}
	if len(p.heard) == codeTries {
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

// bank is an office where roles ask for MFA: jill has a device, and the roles A, B and C.
type bank struct {
	office
	person *holder
	jill   *ststest.User
	files  *profiles.Files
}

// newBank makes a bank with the profiles a, b and c of the roles, in three regions, with some more settings; and with
// more sections, in which KEYS stands for jill's keys and DEVICE for her device.
func newBank(t *testing.T, settings, more string) *bank {
	t.Helper()
	b := &bank{office: newOffice(t, 1, "")}
	b.person = &holder{clock: b.clock}
	b.TokenCodes = b.person
	jillARN := "arn:aws:iam::111111111111:user/jane"
	var err error
	b.jill, err = b.sts.AddUser("111111111111", "jane", ststest.AllowAssume("*"))
	must(t, err)
	must(t, b.sts.AddMFADevice(jillARN, mfaSerial, mfaSeed))
	config := ""
	for name, region := range map[string]string{"a": "eu-west-1", "b": "us-east-1", "c": "sa-east-1"} {
		arn := "arn:aws:iam::111111111111:role/mfa-" + name
		must(t, b.sts.AddRole(ststest.Role{ARN: arn, Trust: ststest.TrustPolicy(jillARN, ststest.MFA()), Policy: ststest.AllowAssume("*"), MaxSessionDuration: 12 * time.Hour}))
		config += "[profile " + name + "]\nrole_arn = " + arn + "\nregion = " + region + "\nsource_profile = base\nmfa_serial = " + mfaSerial + "\n" + settings + "\n"
	}
	keys := "aws_access_key_id = " + b.jill.Key.ID + "\naws_secret_access_key = " + b.jill.Key.Secret + "\n"
	config += "[profile base]\n" + keys + strings.NewReplacer("KEYS", keys, "DEVICE", mfaSerial).Replace(more)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600))
	b.files, err = profiles.Load(filepath.Join(dir, "config"), filepath.Join(dir, "credentials"))
	must(t, err)
	return b
}

func (b *bank) get(t *testing.T, profile string) (cache.Session, error) {
	t.Helper()
	c, err := b.files.Chain(profile)
	must(t, err)
	return b.Credentials(t.Context(), c)
}

// check compares how often somebody was asked, and STS was called, since the last check.
func (b *bank) check(t *testing.T, when string, asked, sessionToken, assumeRole int) {
	t.Helper()
	if got := b.sts.Calls("GetSessionToken"); b.person.asked != asked || got != sessionToken || b.sts.Calls("AssumeRole") != assumeRole {
		t.Errorf("%s: asked %d times, %d GetSessionToken, %d AssumeRole; want %d, %d, %d", when,
			b.person.asked, got, b.sts.Calls("AssumeRole"), asked, sessionToken, assumeRole)
	}
	b.person.asked = 0
	b.sts.ResetRequests()
}

func (b *bank) getAll(t *testing.T) {
	t.Helper()
	for _, name := range []string{"a", "b", "c"} {
		if _, err := b.get(t, name); err != nil {
			t.Error(err)
		}
	}
}

func TestOneCodeADayServesEveryRole(t *testing.T) {
	b := newBank(t, "", "")
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

func TestACodeGoesWhereAWSTakesIt(t *testing.T) {
	const chained = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/mfa-b\nsource_profile = a\n"
	dir := t.TempDir()
	process := filepath.Join(dir, "keys.json")
	const role = "role_arn = arn:aws:iam::111111111111:role/mfa-a\nmfa_serial = DEVICE\n"
	for name, test := range map[string]struct {
		profile, settings, more  string
		sessionToken, assumeRole int // calls
	}{
		"to GetSessionToken":              {"a", "", "", 1, 1},
		"an hour":                         {"a", "duration_seconds = 3600", "", 1, 1},
		"more than an hour":               {"a", "duration_seconds = 7200", "", 0, 1},
		"as configured":                   {"a", "mfa_session_duration = 0", "", 0, 1},
		"as the base profile says":        {"a", "", "mfa_session_duration = 0", 0, 1},
		"the role's profile comes first":  {"a", "mfa_session_duration = 900", "mfa_session_duration = 0", 1, 1},
		"the base profile itself":         {"p", "", "[profile p]\nKEYS\nmfa_serial = DEVICE", 1, 0},
		"the base profile, no session":    {"p", "", "[profile p]\nKEYS\nmfa_serial = DEVICE\nmfa_session_duration = 0", 0, 0},
		"a command's lasting keys":        {"p", "", "[profile p]\n" + role + "source_profile = k\n[profile k]\ncredential_process = " + command("print", process), 1, 1},
		"a command's temporary keys":      {"p", "", "[profile p]\n" + role + "source_profile = k\n[profile k]\ncredential_process = " + command("print", process+".temporary"), 0, 1},
		"temporary keys":                  {"p", "", "[profile p]\n" + role + "source_profile = k\n[profile k]\nKEYS\naws_session_token = TOKEN", 0, 1},
		"a base profile's temporary keys": {"p", "", "[profile p]\nKEYS\naws_session_token = x\nmfa_serial = DEVICE", 0, 0},
		"not of the source profile":       {"p", "", "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/A\nsource_profile = k\n[profile k]\nKEYS\nmfa_serial = DEVICE", 0, 1},
		"the first of two roles":          {"p", "", chained, 1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBank(t, test.settings, test.more)
			must(t, b.sts.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/mfa-b", Trust: ststest.TrustPolicy("111111111111"), Policy: ststest.AllowAssume("*")}))
			must(t, b.sts.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/A", Trust: ststest.TrustPolicy("111111111111")}))
			must(t, os.WriteFile(process, fmt.Appendf(nil, `{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q}`, b.jill.Key.ID, b.jill.Key.Secret), 0o600))
			temporary := userSession(t, b)
			must(t, os.WriteFile(process+".temporary", fmt.Appendf(nil, `{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q, "SessionToken": %q, "Expiration": %q}`,
				temporary.AccessKeyID, temporary.SecretAccessKey, temporary.SessionToken, temporary.Expiration.Format(time.RFC3339)), 0o600))
			c, err := b.files.Chain(test.profile)
			must(t, err)
			if c.Source.SessionToken == "TOKEN" {
				c.Source.AccessKeyID, c.Source.SecretAccessKey, c.Source.SessionToken = temporary.AccessKeyID, profiles.Secret(temporary.SecretAccessKey), profiles.Secret(temporary.SessionToken)
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

// userSession gives a session of jill's that shows no code.
func userSession(t *testing.T, b *bank) cache.Session {
	t.Helper()
	client, err := b.newSTSClient(b.chain, plan.Endpoint{URL: b.sts.URL, Region: "us-east-1"})
	must(t, err)
	out, err := client.with(cache.Session{AccessKeyID: b.jill.Key.ID, SecretAccessKey: b.jill.Key.Secret}).GetSessionToken(t.Context(), nil)
	must(t, err)
	b.sts.ResetRequests()
	return cache.Session{AccessKeyID: *out.Credentials.AccessKeyId, SecretAccessKey: *out.Credentials.SecretAccessKey,
		SessionToken: *out.Credentials.SessionToken, Expiration: *out.Credentials.Expiration}
}

func TestADeviceWithoutAUserIsRefusedBeforeAnyoneIsAsked(t *testing.T) {
	const role = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/mfa-b\nmfa_serial = DEVICE\n"
	for name, more := range map[string]string{
		"a role":                    role + "source_profile = a",
		"SSO":                       role + "source_profile = k\n[profile k]\nsso_account_id = 111111111111\nsso_role_name = R\nsso_region = us-east-1\nsso_start_url = https://x.example",
		"an instance or container":  role + "credential_source = Ec2InstanceMetadata",
		"an instance or container ": role + "credential_source = EcsContainer",
		"a role ":                   role + "source_profile = k\n[profile k]\nrole_arn = arn:aws:iam::111111111111:role/W\nweb_identity_token_file = /dev/null",
	} {
		b := newBank(t, "", more)
		if _, err := b.get(t, "p"); err == nil || !strings.Contains(diag.Text(err), "has the credentials of "+strings.TrimSpace(name)+", and only IAM users have MFA devices") {
			t.Errorf("%s: %v", name, err)
		}
		b.check(t, name, 0, 0, 0)
	}
}

// TestTheHourOfRoleChainingIsExplained: a command gave a role's session, which only STS knows.
func TestTheHourOfRoleChainingIsExplained(t *testing.T) {
	process := filepath.Join(t.TempDir(), "keys.json")
	b := newBank(t, "", "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/mfa-b\nduration_seconds = 7200\nsource_profile = k\n[profile k]\ncredential_process = "+command("print", process))
	must(t, b.sts.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/mfa-b", Trust: ststest.TrustPolicy("111111111111"), MaxSessionDuration: 12 * time.Hour}))
	s, err := b.get(t, "a")
	must(t, err)
	must(t, os.WriteFile(process, fmt.Appendf(nil, `{"Version": 1, "AccessKeyId": %q, "SecretAccessKey": %q, "SessionToken": %q, "Expiration": %q}`,
		s.AccessKeyID, s.SecretAccessKey, s.SessionToken, s.Expiration.Format(time.RFC3339)), 0o600))
	if _, err := b.get(t, "p"); err == nil || !strings.Contains(diag.Text(err), "hint: remove duration_seconds from [profile p]") {
		t.Error(err)
	}
}

func TestACodeThatIsTooOldForARoleIsAskedForOnceMore(t *testing.T) {
	b := newBank(t, "", "")
	must(t, b.sts.AddRole(ststest.Role{ARN: "arn:aws:iam::111111111111:role/mfa-b", Trust: ststest.TrustPolicy("arn:aws:iam::111111111111:user/jane",
		ststest.Condition{Operator: "NumericLessThan", Key: "aws:MultiFactorAuthAge", Values: []string{"300"}})}))
	b.getAll(t)
	b.check(t, "first", 1, 1, 3)
	b.clock.now = b.clock.now.Add(2 * time.Hour)
	b.getAll(t)
	b.check(t, "later", 1, 0, 4)
	b.clock.now = b.clock.now.Add(2 * time.Hour)
	b.person.absent = true
	_, err := b.get(t, "b")
	if err == nil || !strings.Contains(diag.Text(err), "AccessDenied") || !strings.Contains(diag.Text(err), "aws-credproc refresh --mfa b") {
		t.Errorf("with nobody there: %v", err)
	}
	b.check(t, "with nobody there", 0, 0, 1)
}

func TestAPlainDenialAsksForOneCodeMoreAtMost(t *testing.T) {
	b := newBank(t, "", "")
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

func TestACodeThatAWSRefusesIsAskedForAgain(t *testing.T) {
	wrong := func(mfa.Code) (mfa.Code, error) { return mfa.Code{Secret: "000000"}, nil }
	t.Run("right in the end", func(t *testing.T) {
		b := newBank(t, "", "")
		tries := 0
		b.person.answer = func(code mfa.Code) (mfa.Code, error) {
			if tries++; tries < codeTries {
				return wrong(code)
			}
			return code, nil
		}
		if _, err := b.get(t, "a"); err != nil {
			t.Error(err)
		}
		b.check(t, "", codeTries, codeTries, 1)
		if len(b.person.heard) != codeTries-1 || !strings.Contains(b.person.heard[0].Error(), "invalid MFA one time pass code") {
			t.Errorf("told: %v", b.person.heard)
		}
	})
	t.Run("wrong for good", func(t *testing.T) {
		b := newBank(t, "", "")
		b.person.answer = wrong
		_, err := b.get(t, "a")
		if err == nil || !strings.Contains(diag.Text(err), "invalid MFA one time pass code") || strings.Contains(diag.Text(err), "000000") {
			t.Error(err)
		}
		b.check(t, "", codeTries, codeTries, 0)
		if _, err := b.get(t, "a"); err == nil || !strings.Contains(diag.Text(err), " ago; next attempt in ") {
			t.Errorf("not shared: %v", err)
		}
		b.check(t, "just after", 0, 0, 0)
	})
	t.Run("no such device", func(t *testing.T) {
		b := newBank(t, "mfa_serial = arn:aws:iam::111111111111:mfa/other", "")
		if _, err := b.get(t, "a"); err == nil || !strings.Contains(diag.Text(err), "set mfa_serial in [profile a] to a device of the user") {
			t.Error(err)
		}
		b.check(t, "", 1, 1, 0)
	})
}

func TestWhoCannotBeAsked(t *testing.T) {
	b := newBank(t, "", "")
	b.person.absent = true
	_, err := b.get(t, "a")
	var e *diag.Error
	if !errors.As(err, &e) || !e.Has(diag.NeedsUser) || e.Hint != "run aws-credproc refresh a at a terminal" {
		t.Fatalf("got %v", err)
	}
	b.person.absent = false
	if _, err := b.get(t, "a"); err != nil {
		t.Errorf("that one process had nobody to ask is told to another: %v", err)
	}

	b = newBank(t, "", "")
	b.person.answer = func(mfa.Code) (mfa.Code, error) { return mfa.Code{}, mfa.ErrCancelled }
	if _, err := b.get(t, "a"); !errors.As(err, &e) || e.Has(diag.NeedsUser) {
		t.Errorf("cancelled: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := b.get(t, name); err == nil || !strings.Contains(diag.Text(err), " ago; next attempt in ") {
			t.Errorf("cancelled, not shared with %s: %v", name, err)
		}
	}
	b.check(t, "cancelled", 1, 0, 0)

	b = newBank(t, "", "")
	b.person.answer = func(mfa.Code) (mfa.Code, error) {
		return mfa.Code{}, errors.Join(mfa.ErrCancelled, context.Canceled)
	}
	if _, err := b.get(t, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	b.person.answer = nil
	if _, err := b.get(t, "a"); err != nil {
		t.Errorf("that one process was interrupted is told to another: %v", err)
	}

	b = newBank(t, "", "")
	b.TokenCodes = nil
	if _, err := b.get(t, "a"); !errors.As(err, &e) || !e.Has(diag.NeedsUser) {
		t.Errorf("got %v", err)
	}
}

func TestRefreshAsksForANewCodeWhenToldTo(t *testing.T) {
	b := newBank(t, "", "")
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
	if _, err := b.Refresh(t.Context(), b.chain, b.Now(), true); err == nil || !strings.Contains(diag.Text(err), "no role of its chain uses an MFA device\nhint: leave out --mfa") {
		t.Errorf("without a device: %v", err)
	}
}

// TestARoleIsRenewedAheadWhileItsMFASessionLasts: that counts as nobody being needed.
func TestARoleIsRenewedAheadWhileItsMFASessionLasts(t *testing.T) {
	b := newBank(t, "", "")
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

	b = newBank(t, "mfa_session_duration = 900", "")
	_, err = b.get(t, "a")
	must(t, err)
	b.clock.now = b.clock.now.Add(40 * time.Minute)
	s, err = b.get(t, "a")
	must(t, err)
	if c, err = b.files.Chain("a"); err != nil || b.ClaimsRenewal(c, s) {
		t.Errorf("renewed ahead without an MFA session: %v", err)
	}
	b.clock.now = b.clock.now.Add(12 * time.Minute)
	b.person.absent = true
	warned := 0
	b.Warnf = func(string, ...any) { warned++ }
	if _, err := b.get(t, "a"); err != nil || warned != 1 {
		t.Errorf("the session is not kept where nobody can be asked: %v, %d warnings", err, warned)
	}
}
