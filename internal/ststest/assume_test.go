package ststest_test

import (
	"context"
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

func TestAssumeRoleChecksItsParameters(t *testing.T) {
	w := newWorld(t)
	w.role(ststest.Role{ARN: roleARN, Trust: trustAll(w.jill.ARN), MaxSessionDuration: 2 * time.Hour})
	must(t, w.AddManagedPolicy("arn:aws:iam::aws:policy/ReadOnlyAccess", allowAll))
	s, n := aws.String, aws.Int32
	arns := func(n int, arn string) (out []types.PolicyDescriptorType) {
		for range n {
			out = append(out, types.PolicyDescriptorType{Arn: s(arn)})
		}
		return out
	}
	const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

	for _, tt := range []struct {
		name          string
		in            sts.AssumeRoleInput
		code, message string
	}{
		{"nothing more", sts.AssumeRoleInput{}, "", ""},
		{"role ARN too short", sts.AssumeRoleInput{RoleArn: s("arn:aws:iam::1:role")}, "ValidationError",
			"1 validation error detected: Value 'arn:aws:iam::1:role' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20"},
		{"not a role", sts.AssumeRoleInput{RoleArn: s(w.jill.ARN)}, "ValidationError", "is invalid"},
		{"not an ARN", sts.AssumeRoleInput{RoleArn: s("a role that is no ARN")}, "ValidationError", "is invalid"},
		{"session name of one", sts.AssumeRoleInput{RoleSessionName: s("j")}, "ValidationError", "at 'roleSessionName' failed"},
		{"session name of 64", sts.AssumeRoleInput{RoleSessionName: s(strings.Repeat("j", 64))}, "", ""},
		{"session name of 65", sts.AssumeRoleInput{RoleSessionName: s(strings.Repeat("j", 65))}, "ValidationError", "less than or equal to 64"},
		{"session name with all it may hold", sts.AssumeRoleInput{RoleSessionName: s("jI_1+=,.@-")}, "", ""},
		{"session name with a space", sts.AssumeRoleInput{RoleSessionName: s("j j")}, "ValidationError", `Member must satisfy regular expression pattern: [\w+=,.@-]*`},
		{"session name beyond ASCII", sts.AssumeRoleInput{RoleSessionName: s("jürg")}, "ValidationError", "pattern"},
		{"two faults", sts.AssumeRoleInput{RoleSessionName: s("j"), DurationSeconds: n(1)}, "ValidationError", "2 validation errors detected: "},
		{"external ID", sts.AssumeRoleInput{ExternalId: s("a:b/c-1")}, "", ""},
		{"external ID too short", sts.AssumeRoleInput{ExternalId: s("a")}, "ValidationError", "'externalId'"},
		{"external ID too long", sts.AssumeRoleInput{ExternalId: s(strings.Repeat("a", 1225))}, "ValidationError", "1224"},
		{"899 s", sts.AssumeRoleInput{DurationSeconds: n(899)}, "ValidationError",
			"Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"900 s", sts.AssumeRoleInput{DurationSeconds: n(900)}, "", ""},
		{"the role's maximum", sts.AssumeRoleInput{DurationSeconds: n(7200)}, "", ""},
		{"above it", sts.AssumeRoleInput{DurationSeconds: n(7201)}, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"above all", sts.AssumeRoleInput{DurationSeconds: n(43201)}, "ValidationError", "Member must have value less than or equal to 43200"},
		{"source identity", sts.AssumeRoleInput{SourceIdentity: s("jill@example.com")}, "", ""},
		{"source identity of AWS", sts.AssumeRoleInput{SourceIdentity: s("aws:jill")}, "ValidationError", "'sourceIdentity'"},
		{"policy", sts.AssumeRoleInput{Policy: s(allowAll)}, "", ""},
		{"policy too long", sts.AssumeRoleInput{Policy: s(strings.Repeat(" ", 2049))}, "ValidationError", "2048"},
		{"policy that is none", sts.AssumeRoleInput{Policy: s("{")}, "MalformedPolicyDocument", "not JSON"},
		{"policy with a condition unheard of", sts.AssumeRoleInput{Policy: s(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}}`)},
			"MalformedPolicyDocument", "cannot evaluate"},
		{"10 policy ARNs", sts.AssumeRoleInput{PolicyArns: arns(10, readOnly)}, "", ""},
		{"11 policy ARNs", sts.AssumeRoleInput{PolicyArns: arns(11, readOnly)}, "ValidationError", "'policyArns'"},
		{"unknown policy ARN", sts.AssumeRoleInput{PolicyArns: arns(1, "arn:aws:iam::aws:policy/Nothing")}, "ValidationError", "does not exist"},
		{"no tags", sts.AssumeRoleInput{Tags: []types.Tag{}}, "", ""},
		{"50 tags", sts.AssumeRoleInput{Tags: tags(50, "")}, "", ""},
		{"51 tags", sts.AssumeRoleInput{Tags: tags(51, "")}, "ValidationError", "'tags'"},
		{"tags too large", sts.AssumeRoleInput{Tags: tags(50, strings.Repeat("v", 100))}, "PackedPolicyTooLarge", "%"},
		{"tag key with a forbidden character", sts.AssumeRoleInput{Tags: []types.Tag{tag("a*", "b")}}, "ValidationError", "'tags.member.1.Key'"},
		{"tag value too long", sts.AssumeRoleInput{Tags: []types.Tag{tag("a", strings.Repeat("v", 257))}}, "ValidationError", "256"},
		{"tag beyond ASCII", sts.AssumeRoleInput{Tags: []types.Tag{tag("équipe", "zürich ß")}}, "", ""},
		{"tag twice", sts.AssumeRoleInput{Tags: []types.Tag{tag("Team", "a"), tag("team", "b")}}, "InvalidParameterValue", "case insensitive"},
		{"tag of AWS", sts.AssumeRoleInput{Tags: []types.Tag{tag("aws:x", "a")}}, "InvalidParameterValue", "reserved"},
		{"transitive tag", sts.AssumeRoleInput{Tags: tags(2, "v"), TransitiveTagKeys: []string{"k1"}}, "", ""},
		{"transitive without tag", sts.AssumeRoleInput{Tags: tags(2, "v"), TransitiveTagKeys: []string{"k2"}}, "InvalidParameterValue", "must be included"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := assume(w.asJill(), tt.in)
			wantError(t, err, tt.code, tt.message)
		})
	}
}

func TestBothDocumentsMustAllow(t *testing.T) {
	w := newWorld(t)
	jack, err := w.AddUser(account, "jack", allowAll)
	must(t, err)
	stranger, err := w.AddUser(other, "eve", allowAll)
	must(t, err)
	gov, err := w.AddUserARN("arn:aws-us-gov:iam::"+other+":user/gov", allowAll)
	must(t, err)
	poor, err := w.AddUser(account, "poor")
	must(t, err)
	barred, err := w.AddUser(account, "barred", allowAll, `{"Statement":[{"Effect":"Deny","Action":"sts:Assume*","Resource":"*"}]}`)
	must(t, err)
	narrow, err := w.AddUser(account, "narrow", ststest.AllowAssume("arn:aws:iam::123456789012:role/team/D?v"))
	must(t, err)
	s := aws.String
	trust := func(principal string, cs ...ststest.Condition) string { return ststest.TrustPolicy(principal, cs...) }
	external := ststest.Condition{Operator: "StringEquals", Key: "sts:ExternalId", Values: []string{"secret-handshake", "other"}}
	named := ststest.Condition{Operator: "StringEquals", Key: "sts:RoleSessionName", Values: []string{"${aws:username}"}}
	const no = "AccessDenied"

	for _, tt := range []struct {
		name, trust string
		user        *ststest.User
		in          sts.AssumeRoleInput
		code        string
	}{
		{"the user by ARN", trust(w.jill.ARN), w.jill, sts.AssumeRoleInput{}, ""},
		{"another user", trust(jack.ARN), w.jill, sts.AssumeRoleInput{}, no},
		{"no policy of the user's own", trust(poor.ARN), poor, sts.AssumeRoleInput{}, no},
		{"no policy, account trusted", trust(account), poor, sts.AssumeRoleInput{}, no},
		{"denied by the user's policy", trust(barred.ARN), barred, sts.AssumeRoleInput{}, no},
		{"policy for this role", trust(narrow.ARN), narrow, sts.AssumeRoleInput{}, ""},
		{"account", trust(account), w.jill, sts.AssumeRoleInput{}, ""},
		{"account root", trust("arn:aws:iam::123456789012:root"), w.jill, sts.AssumeRoleInput{}, ""},
		{"account of another", trust(other), w.jill, sts.AssumeRoleInput{}, no},
		{"stranger by account", trust(other), stranger, sts.AssumeRoleInput{}, ""},
		{"stranger by ARN", trust(stranger.ARN), stranger, sts.AssumeRoleInput{}, ""},
		{"stranger", trust(account), stranger, sts.AssumeRoleInput{}, no},
		{"other partition", trust(gov.ARN), gov, sts.AssumeRoleInput{}, ""},
		{"anyone", trust("*"), stranger, sts.AssumeRoleInput{}, ""},
		{"service", `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}}`, w.jill, sts.AssumeRoleInput{}, no},
		{"denied by the trust", `{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"},{"Effect":"Deny","Action":"sts:*","Principal":{"AWS":"` + w.jill.ARN + `"}}]}`,
			w.jill, sts.AssumeRoleInput{}, no},
		{"no role", trust(account), w.jill, sts.AssumeRoleInput{RoleArn: s("arn:aws:iam::123456789012:role/Nobody")}, no},
		{"path left out", trust(account), w.jill, sts.AssumeRoleInput{RoleArn: s("arn:aws:iam::123456789012:role/Dev")}, no},
		{"external ID", trust(account, external), w.jill, sts.AssumeRoleInput{ExternalId: s("secret-handshake")}, ""},
		{"wrong external ID", trust(account, external), w.jill, sts.AssumeRoleInput{ExternalId: s("Secret-handshake")}, no},
		{"external ID missing", trust(account, external), w.jill, sts.AssumeRoleInput{}, no},
		{"external ID not asked for", trust(account), w.jill, sts.AssumeRoleInput{ExternalId: s("whatever")}, ""},
		{"session name as it must be", trust(account, named), w.jill, sts.AssumeRoleInput{RoleSessionName: s("jill")}, ""},
		{"another session name", trust(account, named), w.jill, sts.AssumeRoleInput{RoleSessionName: s("jack")}, no},
		{"tags without leave", trust(account), w.jill, sts.AssumeRoleInput{Tags: tags(1, "v")}, no},
		{"tags without own leave", trustAll(account), narrow, sts.AssumeRoleInput{Tags: tags(1, "v")}, no},
		{"tags", trustAll(account), w.jill, sts.AssumeRoleInput{Tags: tags(1, "v")}, ""},
		{"source identity without leave", trust(account), w.jill, sts.AssumeRoleInput{SourceIdentity: s("jill")}, no},
		{"source identity without own leave", trustAll(account), narrow, sts.AssumeRoleInput{SourceIdentity: s("jill")}, no},
		{"source identity", trustAll(account), w.jill, sts.AssumeRoleInput{SourceIdentity: s("jill")}, ""},
		{"no token code", trust(account, ststest.MFA()), w.jill, sts.AssumeRoleInput{}, no},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.role(ststest.Role{ARN: roleARN, Trust: tt.trust})
			_, err := assume(w.as(tt.user.Key.ID, tt.user.Key.Secret, ""), tt.in)
			message := "User: " + tt.user.ARN + " is not authorized to perform: sts:"
			if tt.code == "" {
				message = ""
			}
			wantError(t, err, tt.code, message)
		})
	}
}

func TestPoliciesChangeAtOnce(t *testing.T) {
	w := newWorld(t)
	must(t, w.SetUserPolicy(w.jill.ARN))
	_, err := assume(w.asJill(), sts.AssumeRoleInput{})
	wantError(t, err, "AccessDenied", "")
	must(t, w.SetUserPolicy(w.jill.ARN, ststest.Document(ststest.Statement{Action: []string{"sts:AssumeRole"}, Resource: []string{"*"},
		Condition: map[string]map[string][]string{"StringEquals": {"aws:PrincipalTag/Team": {"a"}, "aws:ResourceTag/Team": {"a"}}}})))
	must(t, w.SetUserTags(w.jill.ARN, map[string]string{"team": "a"}))
	w.role(ststest.Role{ARN: roleARN, Trust: trustAll(w.jill.ARN), Tags: map[string]string{"Team": "a"}})
	_, err = assume(w.asJill(), sts.AssumeRoleInput{})
	must(t, err)
}

func TestTokenCodes(t *testing.T) {
	w := newWorld(t)
	forward := w.stop()
	w.role(ststest.Role{ARN: roleARN, Trust: ststest.TrustPolicy(account, ststest.MFA()), MaxSessionDuration: 12 * time.Hour})
	const theirs = "arn:aws:iam::123456789012:mfa/jack"
	jack, err := w.AddUser(account, "jack", allowAll)
	must(t, err)
	must(t, w.AddMFADevice(jack.ARN, theirs, seed))
	at := func(d time.Duration) string {
		code, err := ststest.TOTP(seed, w.Now().Add(d))
		must(t, err)
		return code
	}
	with := func(serial, code string) error {
		_, err := assume(w.asJill(), sts.AssumeRoleInput{SerialNumber: &serial, TokenCode: &code})
		return err
	}
	const invalid = "MultiFactorAuthentication failed with invalid MFA one time pass code. "

	must(t, with(serial, at(0)))
	wantError(t, with(serial, at(0)), "AccessDenied", invalid)
	must(t, with(serial, at(-30*time.Second)))
	must(t, with(serial, at(30*time.Second)))
	wantError(t, with(serial, at(60*time.Second)), "AccessDenied", invalid)
	wantError(t, with(serial, at(-60*time.Second)), "AccessDenied", invalid)
	forward(30 * time.Second)
	wantError(t, with(serial, at(0)), "AccessDenied", invalid) // accepted ahead of its time
	forward(30 * time.Second)
	must(t, with(serial, at(0)))

	forward(5 * time.Minute)
	wantError(t, with(theirs, at(0)), "AccessDenied", "unable to validate MFA code")
	wantError(t, with("arn:aws:iam::123456789012:mfa/nobody", at(0)), "AccessDenied", "unable to validate MFA code")
	err = with(serial, "12345x")
	wantError(t, err, "ValidationError", "'tokenCode'")
	if strings.Contains(err.Error(), "12345x") {
		t.Errorf("code in the error: %v", err)
	}
	_, err = assume(w.asJill(), sts.AssumeRoleInput{SerialNumber: aws.String(serial)})
	wantError(t, err, "AccessDenied", "must provide both")

	// A code with the call itself is not bound to an hour; a session that was made with one is.
	code := at(0)
	_, err = assume(w.asJill(), sts.AssumeRoleInput{SerialNumber: aws.String(serial), TokenCode: &code, DurationSeconds: aws.Int32(43200)})
	must(t, err)
}

func TestOneTokenCodeServesOneOfMany(t *testing.T) {
	w := newWorld(t)
	code := w.code()
	var ok atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := w.asJill().GetSessionToken(context.Background(), &sts.GetSessionTokenInput{SerialNumber: aws.String(serial), TokenCode: &code}); err == nil {
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
	forward := w.stop()
	poor, err := w.AddUser(account, "poor")
	must(t, err)
	ctx := context.Background()
	get := func(c *sts.Client, seconds int32, code string) (*types.Credentials, error) {
		in := &sts.GetSessionTokenInput{}
		if seconds != 0 {
			in.DurationSeconds = &seconds
		}
		if code != "" {
			in.SerialNumber, in.TokenCode = aws.String(serial), &code
		}
		out, err := c.GetSessionToken(ctx, in)
		if err != nil {
			return nil, err
		}
		return out.Credentials, nil
	}

	_, err = get(w.as(poor.Key.ID, poor.Key.Secret, ""), 0, "") // needs no permission
	must(t, err)
	_, err = get(w.asJill(), 899, "")
	wantError(t, err, "ValidationError", "greater than or equal to 900")
	_, err = get(w.asJill(), 129601, "")
	wantError(t, err, "ValidationError", "less than or equal to 129600")
	_, err = get(w.asJill(), 129600, "")
	must(t, err)
	plain, err := get(w.asJill(), 0, "")
	must(t, err)
	_, err = get(w.with(plain), 0, "")
	wantError(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	role, err := assume(w.asJill(), sts.AssumeRoleInput{})
	must(t, err)
	_, err = get(w.with(role.Credentials), 0, "")
	wantError(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")

	withMFA, err := get(w.asJill(), 0, w.code())
	must(t, err)
	fresh := ststest.Condition{Operator: "NumericLessThan", Key: "aws:MultiFactorAuthAge", Values: []string{"3600"}}
	w.role(ststest.Role{ARN: roleARN, Trust: ststest.TrustPolicy(account, ststest.MFA(), fresh), MaxSessionDuration: 12 * time.Hour})
	_, err = assume(w.with(plain), sts.AssumeRoleInput{})
	wantError(t, err, "AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: "+roleARN)
	forward(time.Hour - time.Second)
	_, err = assume(w.with(withMFA), sts.AssumeRoleInput{DurationSeconds: aws.Int32(3600)})
	must(t, err)
	_, err = assume(w.with(withMFA), sts.AssumeRoleInput{DurationSeconds: aws.Int32(3601)})
	wantError(t, err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	forward(time.Second)
	_, err = assume(w.with(withMFA), sts.AssumeRoleInput{})
	wantError(t, err, "AccessDenied", "")
	code := w.code()
	_, err = assume(w.with(withMFA), sts.AssumeRoleInput{SerialNumber: aws.String(serial), TokenCode: &code}) // a new code makes it young
	must(t, err)
}

func TestRoleChaining(t *testing.T) {
	w := newWorld(t)
	const prodARN = "arn:aws:iam::999999999999:role/Prod"
	w.role(ststest.Role{ARN: roleARN, Trust: trustAll(w.jill.ARN), Policy: allowAll, MaxSessionDuration: 12 * time.Hour})
	w.role(ststest.Role{ARN: prodARN, Trust: trustAll(roleARN), MaxSessionDuration: 12 * time.Hour})
	s := aws.String
	first := func(in sts.AssumeRoleInput) *sts.Client {
		t.Helper()
		out, err := assume(w.asJill(), in)
		must(t, err)
		return w.with(out.Credentials)
	}
	prod := func(c *sts.Client, in sts.AssumeRoleInput) error {
		in.RoleArn = s(prodARN)
		_, err := assume(c, in)
		return err
	}
	long := first(sts.AssumeRoleInput{DurationSeconds: aws.Int32(43200)})
	must(t, prod(long, sts.AssumeRoleInput{DurationSeconds: aws.Int32(3600)}))
	wantError(t, prod(long, sts.AssumeRoleInput{DurationSeconds: aws.Int32(3601)}), "ValidationError", "roles assumed by role chaining")
	wantError(t, prod(w.asJill(), sts.AssumeRoleInput{}), "AccessDenied", "User: "+w.jill.ARN)
	code := w.code()
	wantError(t, prod(long, sts.AssumeRoleInput{SerialNumber: s(serial), TokenCode: &code}), "AccessDenied", "unable to validate MFA code")

	t.Run("trust names the session", func(t *testing.T) {
		w.role(ststest.Role{ARN: prodARN, Trust: trustAll("arn:aws:sts::123456789012:assumed-role/Dev/s1")})
		must(t, prod(long, sts.AssumeRoleInput{}))
		wantError(t, prod(first(sts.AssumeRoleInput{RoleSessionName: s("s2")}), sts.AssumeRoleInput{}), "AccessDenied", "assumed-role/Dev/s2 is not authorized")
	})
	w.role(ststest.Role{ARN: prodARN, Trust: trustAll(roleARN)})
	t.Run("session policy bounds the role's", func(t *testing.T) {
		wantError(t, prod(first(sts.AssumeRoleInput{Policy: s(ststest.AllowAssume("arn:aws:iam::*:role/Test"))}), sts.AssumeRoleInput{}), "AccessDenied", "")
		must(t, prod(first(sts.AssumeRoleInput{Policy: s(ststest.AllowAssume("arn:aws:iam::*:role/P*"))}), sts.AssumeRoleInput{}))
	})
	t.Run("transitive tags stay", func(t *testing.T) {
		c := first(sts.AssumeRoleInput{Tags: []types.Tag{tag("Team", "a"), tag("Own", "b")}, TransitiveTagKeys: []string{"Team"}})
		wantError(t, prod(c, sts.AssumeRoleInput{Tags: []types.Tag{tag("team", "b")}}), "InvalidParameterValue", "conflicts with a transitive tag key")
		must(t, prod(c, sts.AssumeRoleInput{Tags: []types.Tag{tag("Own", "c")}}))

		// Through a second session into a third, which asks for the first one's tag.
		const lastARN = "arn:aws:iam::999999999999:role/Last"
		team := ststest.Statement{Action: stsActions, Principal: map[string][]string{"AWS": {prodARN}}, Condition: map[string]map[string][]string{
			"StringEquals": {"aws:PrincipalTag/Team": {"a"}}, "Null": {"aws:PrincipalTag/Own": {"true"}}}}
		w.role(ststest.Role{ARN: lastARN, Trust: ststest.Document(team)})
		w.role(ststest.Role{ARN: prodARN, Trust: trustAll(roleARN), Policy: allowAll})
		out, err := assume(c, sts.AssumeRoleInput{RoleArn: s(prodARN)})
		must(t, err)
		_, err = assume(w.with(out.Credentials), sts.AssumeRoleInput{RoleArn: s(lastARN)})
		must(t, err)
		_, err = assume(w.with(out.Credentials), sts.AssumeRoleInput{RoleArn: s(lastARN), Tags: []types.Tag{tag("Team", "b")}})
		wantError(t, err, "InvalidParameterValue", "conflicts")
		out, err = assume(first(sts.AssumeRoleInput{Tags: []types.Tag{tag("Team", "a")}}), sts.AssumeRoleInput{RoleArn: s(prodARN)})
		must(t, err)
		_, err = assume(w.with(out.Credentials), sts.AssumeRoleInput{RoleArn: s(lastARN)})
		wantError(t, err, "AccessDenied", "") // not transitive, not handed on
		w.role(ststest.Role{ARN: prodARN, Trust: ststest.TrustPolicy(roleARN)})
		wantError(t, prod(c, sts.AssumeRoleInput{}), "AccessDenied", "sts:TagSession")
	})
	t.Run("source identity stays", func(t *testing.T) {
		w.role(ststest.Role{ARN: prodARN, Trust: trustAll(roleARN)})
		c := first(sts.AssumeRoleInput{SourceIdentity: s("jill")})
		must(t, prod(c, sts.AssumeRoleInput{SourceIdentity: s("jill")}))
		wantError(t, prod(c, sts.AssumeRoleInput{SourceIdentity: s("jack")}), "AccessDenied", "sts:SetSourceIdentity")
		w.role(ststest.Role{ARN: prodARN, Trust: ststest.TrustPolicy(roleARN)})
		wantError(t, prod(c, sts.AssumeRoleInput{}), "AccessDenied", "sts:SetSourceIdentity")
	})
	t.Run("a role session has no MFA", func(t *testing.T) {
		w.role(ststest.Role{ARN: prodARN, Trust: ststest.TrustPolicy(roleARN, ststest.Condition{Operator: "BoolIfExists", Key: "aws:MultiFactorAuthPresent", Values: []string{"true"}})})
		wantError(t, prod(long, sts.AssumeRoleInput{}), "AccessDenied", "")
	})
}

func TestRefusesWhatCannotBe(t *testing.T) {
	w := newWorld(t)
	trust := trustAll(account)
	for name, err := range map[string]error{
		"role that is a user":      w.AddRole(ststest.Role{ARN: w.jill.ARN, Trust: trust}),
		"role of no account":       w.AddRole(ststest.Role{ARN: "arn:aws:iam::1:role/x", Trust: trust}),
		"role without trust":       w.AddRole(ststest.Role{ARN: "arn:aws:iam::123456789012:role/x"}),
		"role with a bad policy":   w.AddRole(ststest.Role{ARN: "arn:aws:iam::123456789012:role/x", Trust: trust, Policy: "{}"}),
		"role of half an hour":     w.AddRole(ststest.Role{ARN: "arn:aws:iam::123456789012:role/x", Trust: trust, MaxSessionDuration: 30 * time.Minute}),
		"role of 13 hours":         w.AddRole(ststest.Role{ARN: "arn:aws:iam::123456789012:role/x", Trust: trust, MaxSessionDuration: 13 * time.Hour}),
		"role name twice":          w.AddRole(ststest.Role{ARN: "arn:aws:iam::123456789012:role/Dev", Trust: trust}),
		"user twice":               second(w.AddUser(account, "team/jill")),
		"user of no account":       second(w.AddUser("12", "x")),
		"user without a name":      second(w.AddUser(account, "")),
		"user with a trust policy": second(w.AddUser(account, "x", trust)),
		"policy of nobody":         w.SetUserPolicy("nobody"),
		"tags of nobody":           w.SetUserTags("nobody", nil),
		"key of nobody":            second(w.AddAccessKey("nobody")),
		"device of nobody":         w.AddMFADevice("nobody", serial+"2", seed),
		"device twice":             w.AddMFADevice(w.jill.ARN, serial, seed),
		"device with a bad seed":   w.AddMFADevice(w.jill.ARN, serial+"2", "not base32!"),
		"device with a bad serial": w.AddMFADevice(w.jill.ARN, "no serial", seed),
		"managed policy's name":    w.AddManagedPolicy(roleARN, allowAll),
		"managed policy":           w.AddManagedPolicy("arn:aws:iam::aws:policy/x", "{}"),
		"provider without issuer":  w.AddOIDCProvider(ststest.OIDCProvider{Account: account, ClientIDs: []string{"a"}}),
		"provider with a bad key": w.AddOIDCProvider(ststest.OIDCProvider{Account: account, Issuer: "https://x", ClientIDs: []string{"a"},
			Keys: map[string]any{"": "secret"}}),
	} {
		if err == nil {
			t.Errorf("%s was accepted", name)
		} else if strings.Contains(err.Error(), "not base32!") {
			t.Errorf("%s: a seed in the error: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
