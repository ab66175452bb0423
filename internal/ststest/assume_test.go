package ststest_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"aws-credproc/internal/ststest"
)

func tag(k, v string) types.Tag { return types.Tag{Key: &k, Value: &v} }

func tags(n int, value string) []types.Tag {
	var out []types.Tag
	for i := range n {
		out = append(out, tag(fmt.Sprint("k", i), value))
	}
	return out
}

func policyARNs(n int, arn string) (out []types.PolicyDescriptorType) {
	for range n {
		out = append(out, types.PolicyDescriptorType{Arn: &arn})
	}
	return out
}

func TestAssumeRoleParameters(t *testing.T) {
	w := newWorld(t)
	w.addRole(ststest.Role{
		ARN: roleARN, Trust: trustAll(w.jill.ARN), MaxSessionDuration: 2 * time.Hour,
	})
	const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	must(t, w.AddManagedPolicy(readOnly, allowAll))
	s, n := aws.String, aws.Int32

	type input = sts.AssumeRoleInput
	for _, tt := range []struct {
		name          string
		in            input
		code, message string // "" for success
	}{
		{"defaults", input{}, "", ""},
		{"short role ARN", input{RoleArn: s("arn:aws:iam::1:role")}, "ValidationError",
			"1 validation error detected: Value 'arn:aws:iam::1:role' at 'roleArn' failed to " +
				"satisfy constraint: Member must have length greater than or equal to 20"},
		{"user ARN", input{RoleArn: s(w.jill.ARN)}, "ValidationError", "is invalid"},
		{"not an ARN", input{RoleArn: s("this is not an ARN of a role")}, "ValidationError",
			"is invalid"},
		{"unknown role", input{RoleArn: s("arn:aws:iam::123456789012:role/Dev")}, "AccessDenied",
			"User: " + w.jill.ARN + " is not authorized to perform: sts:AssumeRole on resource: " +
				"arn:aws:iam::123456789012:role/Dev"},
		{"session name of 1", input{RoleSessionName: s("j")}, "ValidationError",
			"at 'roleSessionName' failed"},
		{"session name of 64", input{RoleSessionName: s(strings.Repeat("j", 64))}, "", ""},
		{"session name of 65", input{RoleSessionName: s(strings.Repeat("j", 65))},
			"ValidationError", "less than or equal to 64"},
		{"session name punctuation", input{RoleSessionName: s("jI_1+=,.@-")}, "", ""},
		{"session name with a space", input{RoleSessionName: s("j j")}, "ValidationError",
			`Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"session name not ASCII", input{RoleSessionName: s("jürg")}, "ValidationError", "pattern"},
		{"two errors", input{RoleSessionName: s("j"), DurationSeconds: n(1)}, "ValidationError",
			"2 validation errors detected: "},
		{"external ID", input{ExternalId: s("a:b/c-1")}, "", ""},
		{"short external ID", input{ExternalId: s("a")}, "ValidationError", "'externalId'"},
		{"long external ID", input{ExternalId: s(strings.Repeat("a", 1225))}, "ValidationError",
			"1224"},
		{"899 s", input{DurationSeconds: n(899)}, "ValidationError", "Value '899' at " +
			"'durationSeconds' failed to satisfy constraint: Member must have value greater than " +
			"or equal to 900"},
		{"900 s", input{DurationSeconds: n(900)}, "", ""},
		{"maximum of the role", input{DurationSeconds: n(7200)}, "", ""},
		{"above maximum of the role", input{DurationSeconds: n(7201)}, "ValidationError",
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"above 12 h", input{DurationSeconds: n(43201)}, "ValidationError",
			"Member must have value less than or equal to 43200"},
		{"source identity", input{SourceIdentity: s("jill@example.com")}, "", ""},
		{"reserved source identity", input{SourceIdentity: s("aws:jill")}, "ValidationError",
			"'sourceIdentity'"},
		{"policy", input{Policy: s(allowAll)}, "", ""},
		{"long policy", input{Policy: s(strings.Repeat(" ", 2049))}, "ValidationError", "2048"},
		{"malformed policy", input{Policy: s("{")}, "MalformedPolicyDocument", "unexpected"},
		{"unsupported condition", input{Policy: s(`{"Statement": {"Effect": "Allow",
			"Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}}`)},
			"MalformedPolicyDocument", "unsupported condition"},
		{"10 policy ARNs", input{PolicyArns: policyARNs(10, readOnly)}, "", ""},
		{"11 policy ARNs", input{PolicyArns: policyARNs(11, readOnly)}, "ValidationError",
			"'policyArns'"},
		{"unknown policy ARN", input{PolicyArns: policyARNs(1, readOnly+"2")}, "ValidationError",
			"does not exist"},
		{"no tags", input{Tags: []types.Tag{}}, "", ""},
		{"50 tags", input{Tags: tags(50, "")}, "", ""},
		{"51 tags", input{Tags: tags(51, "")}, "ValidationError", "'tags'"},
		{"large tags", input{Tags: tags(50, strings.Repeat("v", 100))}, "PackedPolicyTooLarge", "%"},
		{"tag key pattern", input{Tags: []types.Tag{tag("a*", "b")}}, "ValidationError",
			"'tags.member.1.Key'"},
		{"long tag value", input{Tags: tags(1, strings.Repeat("v", 257))}, "ValidationError", "256"},
		{"tag not ASCII", input{Tags: []types.Tag{tag("équipe", "zürich ß")}}, "", ""},
		{"repeated tag", input{Tags: []types.Tag{tag("Team", "a"), tag("team", "b")}},
			"InvalidParameterValue", "case insensitive"},
		{"reserved tag", input{Tags: []types.Tag{tag("aws:x", "a")}}, "InvalidParameterValue",
			"reserved"},
		{"transitive tag", input{Tags: tags(2, "v"), TransitiveTagKeys: []string{"K1"}}, "", ""},
		{"transitive key without tag", input{Tags: tags(2, "v"), TransitiveTagKeys: []string{"k2"}},
			"InvalidParameterValue", "must be included"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := w.assume(w.asJill(), tt.in)
			wantError(t, err, tt.code, tt.message)
		})
	}
}

func TestBothPoliciesMustAllow(t *testing.T) {
	w := newWorld(t)
	jack := w.addUser(account, "jack", allowAll)
	eve := w.addUser(other, "eve", allowAll)
	poor := w.addUser(account, "poor")
	narrow := w.addUser(account, "narrow",
		ststest.AllowAssume("arn:aws:iam::*:role/other", "arn:aws:iam::123456789012:role/te*/D*"))
	s, trust := aws.String, ststest.TrustPolicy
	external := ststest.Condition{
		Operator: "StringEquals", Key: "sts:ExternalId", Values: []string{"secret-1", "secret-2"},
	}
	const no = "AccessDenied"

	type input = sts.AssumeRoleInput
	for _, tt := range []struct {
		name, trust string
		user        *ststest.User
		in          input
		code        string
	}{
		{"user by ARN", trust(w.jill.ARN), w.jill, input{}, ""},
		{"other user", trust(jack.ARN), w.jill, input{}, no},
		{"no identity policy", trust(poor.ARN), poor, input{}, no},
		{"no identity policy, account trusted", trust(account), poor, input{}, no},
		{"identity policy for this role", trust(narrow.ARN), narrow, input{}, ""},
		{"account", trust(account), w.jill, input{}, ""},
		{"account root", trust("arn:aws:iam::123456789012:root"), w.jill, input{}, ""},
		{"other account", trust(other), w.jill, input{}, no},
		{"foreign user by account", trust(other), eve, input{}, ""},
		{"foreign user by ARN", trust(eve.ARN), eve, input{}, ""},
		{"foreign user", trust(account), eve, input{}, no},
		{"anyone", trust("*"), eve, input{}, ""},
		{"external ID", trust(account, external), w.jill, input{ExternalId: s("secret-2")}, ""},
		{"wrong external ID", trust(account, external), w.jill, input{ExternalId: s("Secret-2")}, no},
		{"no external ID", trust(account, external), w.jill, input{}, no},
		{"superfluous external ID", trust(account), w.jill, input{ExternalId: s("x-1")}, ""},
		{"tags", trustAll(account), w.jill, input{Tags: tags(1, "v")}, ""},
		{"tags not trusted", trust(account), w.jill, input{Tags: tags(1, "v")}, no},
		{"tags not allowed", trustAll(account), narrow, input{Tags: tags(1, "v")}, no},
		{"source identity", trustAll(account), w.jill, input{SourceIdentity: s("jill")}, ""},
		{"source identity not trusted", trust(account), w.jill, input{SourceIdentity: s("jill")}, no},
		{"source identity not allowed", trustAll(account), narrow, input{SourceIdentity: s("jill")},
			no},
		{"no MFA code", trust(account, ststest.MFA()), w.jill, input{}, no},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.addRole(ststest.Role{ARN: roleARN, Trust: tt.trust})
			_, err := w.assume(w.as(tt.user.Key), tt.in)
			wantError(t, err, tt.code, "User: "+tt.user.ARN+" is not authorized to perform: sts:")
		})
	}
}

func TestSetUserPolicyAffectsExistingSessions(t *testing.T) {
	w := newWorld(t)
	token, err := w.asJill().GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	must(t, err)
	must(t, w.SetUserPolicy(w.jill.ARN))
	for _, c := range []*sts.Client{w.asJill(), w.with(token.Credentials)} {
		_, err := w.assume(c, sts.AssumeRoleInput{})
		wantError(t, err, "AccessDenied", "")
	}
	must(t, w.SetUserPolicy(w.jill.ARN, ststest.AllowAssume("arn:aws:iam::1:role/x"), allowAll))
	_, err = w.assume(w.with(token.Credentials), sts.AssumeRoleInput{})
	must(t, err)
}

func TestMFACodes(t *testing.T) {
	w := newWorld(t)
	advance := w.stopClock()
	w.addRole(ststest.Role{
		ARN: roleARN, Trust: ststest.TrustPolicy(account, ststest.MFA()),
		MaxSessionDuration: 12 * time.Hour,
	})
	const jacksSerial = "arn:aws:iam::123456789012:mfa/jack"
	jack := w.addUser(account, "jack", allowAll)
	must(t, w.AddMFADevice(jack.ARN, jacksSerial, seed))
	with := func(serial, code string) error {
		_, err := w.assume(w.asJill(), sts.AssumeRoleInput{SerialNumber: &serial, TokenCode: &code})
		return err
	}
	const used = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
	const step = 30 * time.Second

	must(t, with(serial, w.code(0)))
	wantError(t, with(serial, w.code(0)), "AccessDenied", used)
	must(t, with(serial, w.code(-step)))
	must(t, with(serial, w.code(step)))
	wantError(t, with(serial, w.code(2*step)), "AccessDenied", used)
	wantError(t, with(serial, w.code(-2*step)), "AccessDenied", used)
	advance(step)
	wantError(t, with(serial, w.code(0)), "AccessDenied", used) // was accepted ahead of time
	advance(step)
	must(t, with(serial, w.code(0)))

	advance(10 * step)
	for _, foreign := range []string{jacksSerial, "arn:aws:iam::123456789012:mfa/nobody"} {
		wantError(t, with(foreign, w.code(0)), "AccessDenied", "unable to validate MFA code")
	}
	err := with(serial, "12345x")
	wantError(t, err, "ValidationError", "'tokenCode'")
	if strings.Contains(err.Error(), "12345x") {
		t.Errorf("code in the error: %v", err)
	}
	_, err = w.assume(w.asJill(), sts.AssumeRoleInput{SerialNumber: aws.String(serial)})
	wantError(t, err, "AccessDenied", "must provide both")

	// The 1 hour limit is for sessions made with a code, not for a code in AssumeRole itself.
	_, err = w.assume(w.asJill(), sts.AssumeRoleInput{
		SerialNumber: aws.String(serial), TokenCode: aws.String(w.code(0)),
		DurationSeconds: aws.Int32(43200),
	})
	must(t, err)
}

func TestConcurrentCallsWithOneMFACode(t *testing.T) {
	w := newWorld(t)
	in := &sts.GetSessionTokenInput{
		SerialNumber: aws.String(serial), TokenCode: aws.String(w.code(0)),
	}
	var ok atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := w.asJill().GetSessionToken(t.Context(), in); err == nil {
				ok.Add(1)
			}
		})
	}
	wg.Wait()
	if ok.Load() != 1 {
		t.Errorf("%d calls succeeded with one code", ok.Load())
	}
}

func TestGetSessionToken(t *testing.T) {
	w := newWorld(t)
	advance := w.stopClock()
	poor := w.addUser(account, "poor")
	get := func(c *sts.Client, in sts.GetSessionTokenInput) (*types.Credentials, error) {
		out, err := c.GetSessionToken(t.Context(), &in)
		if err != nil {
			return nil, err
		}
		return out.Credentials, nil
	}
	duration := func(s int32) sts.GetSessionTokenInput {
		return sts.GetSessionTokenInput{DurationSeconds: &s}
	}

	_, err := get(w.as(poor.Key), sts.GetSessionTokenInput{}) // needs no permission
	must(t, err)
	_, err = get(w.asJill(), duration(899))
	wantError(t, err, "ValidationError", "greater than or equal to 900")
	_, err = get(w.asJill(), duration(129601))
	wantError(t, err, "ValidationError", "less than or equal to 129600")
	_, err = get(w.asJill(), duration(129600))
	must(t, err)
	plain, err := get(w.asJill(), sts.GetSessionTokenInput{})
	must(t, err)
	for _, c := range []*sts.Client{w.with(plain), w.session(sts.AssumeRoleInput{})} {
		_, err = get(c, sts.GetSessionTokenInput{})
		wantError(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	}

	withMFA, err := get(w.asJill(), sts.GetSessionTokenInput{
		SerialNumber: aws.String(serial), TokenCode: aws.String(w.code(0)),
	})
	must(t, err)
	recent := ststest.Condition{
		Operator: "NumericLessThan", Key: "aws:MultiFactorAuthAge", Values: []string{"3600"},
	}
	w.addRole(ststest.Role{
		ARN: roleARN, Trust: ststest.TrustPolicy(account, ststest.MFA(), recent),
		MaxSessionDuration: 12 * time.Hour,
	})
	assume := func(c *types.Credentials, in sts.AssumeRoleInput) error {
		_, err := w.assume(w.with(c), in)
		return err
	}
	wantError(t, assume(plain, sts.AssumeRoleInput{}), "AccessDenied", "is not authorized")
	advance(time.Hour - time.Second)
	must(t, assume(withMFA, sts.AssumeRoleInput{DurationSeconds: aws.Int32(3600)}))
	wantError(t, assume(withMFA, sts.AssumeRoleInput{DurationSeconds: aws.Int32(3601)}),
		"ValidationError",
		"exceeds the 1 hour session limit for roles assumed by role chaining")
	advance(time.Second)
	wantError(t, assume(withMFA, sts.AssumeRoleInput{}), "AccessDenied", "")
	must(t, assume(withMFA, sts.AssumeRoleInput{ // a new code resets the age
		SerialNumber: aws.String(serial), TokenCode: aws.String(w.code(0)),
	}))
}

const prodARN = "arn:aws:iam::999999999999:role/Prod"

// newChain returns a world in which Dev may assume Prod, and a function that does so.
func newChain(t *testing.T) (*world, func(*sts.Client, sts.AssumeRoleInput) error) {
	w := newWorld(t)
	w.addRole(ststest.Role{
		ARN: roleARN, Trust: trustAll(w.jill.ARN), Policy: allowAll,
		MaxSessionDuration: 12 * time.Hour,
	})
	w.addRole(ststest.Role{
		ARN: prodARN, Trust: trustAll(roleARN), MaxSessionDuration: 12 * time.Hour,
	})
	return w, func(c *sts.Client, in sts.AssumeRoleInput) error {
		in.RoleArn = aws.String(prodARN)
		_, err := w.assume(c, in)
		return err
	}
}

func TestRoleChaining(t *testing.T) {
	w, prod := newChain(t)
	dev := w.session(sts.AssumeRoleInput{DurationSeconds: aws.Int32(43200)})
	must(t, prod(dev, sts.AssumeRoleInput{DurationSeconds: aws.Int32(3600)}))
	wantError(t, prod(dev, sts.AssumeRoleInput{DurationSeconds: aws.Int32(3601)}),
		"ValidationError", "roles assumed by role chaining")
	wantError(t, prod(w.asJill(), sts.AssumeRoleInput{}), "AccessDenied", "User: "+w.jill.ARN)
	mfa := sts.AssumeRoleInput{SerialNumber: aws.String(serial), TokenCode: aws.String(w.code(0))}
	wantError(t, prod(dev, mfa), "AccessDenied", "unable to validate MFA code")

	w.addRole(ststest.Role{ARN: prodARN, Trust: ststest.TrustPolicy(roleARN, ststest.MFA())})
	wantError(t, prod(dev, sts.AssumeRoleInput{}), "AccessDenied", "") // no MFA in a role session

	const session = "arn:aws:sts::123456789012:assumed-role/Dev/"
	w.addRole(ststest.Role{ARN: prodARN, Trust: trustAll(session + "s1")})
	must(t, prod(dev, sts.AssumeRoleInput{}))
	dev = w.session(sts.AssumeRoleInput{RoleSessionName: aws.String("s2")})
	wantError(t, prod(dev, sts.AssumeRoleInput{}), "AccessDenied", session+"s2 is not authorized")
}

func TestSessionPolicyLimitsTheRole(t *testing.T) {
	w, prod := newChain(t)
	for pattern, code := range map[string]string{"role/P*": "", "role/Test": "AccessDenied"} {
		policy := ststest.AllowAssume("arn:aws:iam::*:" + pattern)
		inline := w.session(sts.AssumeRoleInput{Policy: &policy})
		wantError(t, prod(inline, sts.AssumeRoleInput{}), code, "")

		const arn = "arn:aws:iam::123456789012:policy/P"
		must(t, w.AddManagedPolicy(arn, policy))
		managed := w.session(sts.AssumeRoleInput{PolicyArns: policyARNs(1, arn)})
		wantError(t, prod(managed, sts.AssumeRoleInput{}), code, "")
	}
}

func TestTransitiveTagsAreInherited(t *testing.T) {
	w, prod := newChain(t)
	dev := w.session(sts.AssumeRoleInput{
		Tags:              []types.Tag{tag("Team", "a"), tag("Own", "b")},
		TransitiveTagKeys: []string{"team"},
	})
	wantError(t, prod(dev, sts.AssumeRoleInput{Tags: []types.Tag{tag("TEAM", "b")}}),
		"InvalidParameterValue", "conflicts with a transitive tag key")
	must(t, prod(dev, sts.AssumeRoleInput{Tags: []types.Tag{tag("Own", "c")}}))

	w.addRole(ststest.Role{ARN: prodARN, Trust: ststest.TrustPolicy(roleARN)})
	wantError(t, prod(dev, sts.AssumeRoleInput{}), "AccessDenied", "sts:TagSession")
	notTransitive := w.session(sts.AssumeRoleInput{Tags: []types.Tag{tag("Team", "a")}})
	must(t, prod(notTransitive, sts.AssumeRoleInput{}))
}

func TestSourceIdentityIsInherited(t *testing.T) {
	w, prod := newChain(t)
	dev := w.session(sts.AssumeRoleInput{SourceIdentity: aws.String("jill")})
	must(t, prod(dev, sts.AssumeRoleInput{SourceIdentity: aws.String("jill")}))
	wantError(t, prod(dev, sts.AssumeRoleInput{SourceIdentity: aws.String("jack")}),
		"AccessDenied", "sts:SetSourceIdentity")
	w.addRole(ststest.Role{ARN: prodARN, Trust: ststest.TrustPolicy(roleARN)})
	wantError(t, prod(dev, sts.AssumeRoleInput{}), "AccessDenied", "sts:SetSourceIdentity")
}

func TestInvalidSetupIsRefused(t *testing.T) {
	w := newWorld(t)
	trust := trustAll(account)
	const role = "arn:aws:iam::123456789012:role/x"
	result := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"role with ARN of a user": w.AddRole(ststest.Role{ARN: w.jill.ARN, Trust: trust}),
		"role without account": w.AddRole(ststest.Role{
			ARN: "arn:aws:iam::1:role/x", Trust: trust}),
		"role without trust":     w.AddRole(ststest.Role{ARN: role}),
		"role with a bad policy": w.AddRole(ststest.Role{ARN: role, Trust: trust, Policy: "{}"}),
		"30 minutes": w.AddRole(ststest.Role{
			ARN: role, Trust: trust, MaxSessionDuration: 30 * time.Minute}),
		"13 hours": w.AddRole(ststest.Role{
			ARN: role, Trust: trust, MaxSessionDuration: 13 * time.Hour}),
		"existing user":            result(w.AddUser(account, "team/jill")),
		"user without account":     result(w.AddUser("12", "x")),
		"user without name":        result(w.AddUser(account, "")),
		"user with a trust policy": result(w.AddUser(account, "x", trust)),
		"policy of unknown user":   w.SetUserPolicy("nobody"),
		"key of unknown user":      result(w.AddAccessKey("nobody")),
		"device of unknown user":   w.AddMFADevice("nobody", serial+"2", seed),
		"existing device":          w.AddMFADevice(w.jill.ARN, serial, seed),
		"device with a bad seed":   w.AddMFADevice(w.jill.ARN, serial+"2", "not base32!"),
		"device with a bad serial": w.AddMFADevice(w.jill.ARN, "no serial", seed),
		"bad managed policy":       w.AddManagedPolicy("arn:aws:iam::aws:policy/x", "{}"),
		"provider without issuer": w.AddOIDCProvider(ststest.OIDCProvider{
			Account: account, Key: []byte("k")}),
		"provider without key": w.AddOIDCProvider(ststest.OIDCProvider{
			Account: account, Issuer: "https://x"}),
	} {
		if err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), "not base32!") {
			t.Errorf("%s: seed in the error: %v", name, err)
		}
	}
}
