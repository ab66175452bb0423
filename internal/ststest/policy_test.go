package ststest

import (
	"strings"
	"testing"
	"time"

	reference "github.com/pquerna/otp/totp"
)

const jillARN = "arn:aws:iam::123456789012:user/team/jill"

// jill is a request by her for the role Dev.
func jill(context conditionContext) *access {
	return &access{
		action: "sts:AssumeRole", resource: "arn:aws:iam::123456789012:role/Dev", context: context,
		principals: []principal{{"AWS", jillARN}, {"AWS", "123456789012"}},
	}
}

func TestPolicyDocumentsThatAreRefused(t *testing.T) {
	st := func(extra string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"` + extra + `}}`
	}
	cond := func(s string) string { return st(`,"Condition":{` + s + `}`) }
	trust := func(s string) string {
		return `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole",` + s + `}}`
	}
	for _, tt := range []struct {
		name, text string
		kind       policyKind
		want       string
	}{
		{"empty", ``, identityPolicy, "not JSON"},
		{"list", `[]`, identityPolicy, "not a JSON object"},
		{"two documents", st("") + "{}", identityPolicy, "followed by something else"},
		{"too long", `{"Id":"` + strings.Repeat("x", maxPolicy) + `"}`, identityPolicy, "longer"},
		{"no statement", `{"Version":"2012-10-17"}`, identityPolicy, "no Statement"},
		{"empty statements", `{"Statement":[]}`, identityPolicy, "no Statement"},
		{"version", `{"Version":"2012-10-18","Statement":{}}`, identityPolicy, "Version"},
		{"id", `{"Id":1,"Statement":{}}`, identityPolicy, "Id"},
		{"unknown element", `{"Statements":[]}`, identityPolicy, `"Statements"`},
		{"element twice", st(`,"Action":"sts:*"`), identityPolicy, `"Action" comes twice`},
		{"unknown element of a statement", st(`,"action":"sts:*"`), identityPolicy, `"action" has no place`},
		{"sid twice", `{"Statement":[{"Sid":"A","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"*","Resource":"*"}]}`, identityPolicy, "used twice"},
		{"sid", st(`,"Sid":"a b"`), identityPolicy, "Sid"},
		{"effect in lower case", `{"Statement":{"Effect":"allow","Action":"*","Resource":"*"}}`, identityPolicy, "Effect"},
		{"no effect", `{"Statement":{"Action":"*","Resource":"*"}}`, identityPolicy, "Effect"},
		{"no action", `{"Statement":{"Effect":"Allow","Resource":"*"}}`, identityPolicy, "no Action"},
		{"no action in the list", `{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}`, identityPolicy, "empty"},
		{"null action", `{"Statement":{"Effect":"Allow","Action":[null],"Resource":"*"}}`, identityPolicy, "empty value"},
		{"action without a service", `{"Statement":{"Effect":"Allow","Action":"AssumeRole","Resource":"*"}}`, identityPolicy, "not an action"},
		{"both kinds of action", st(`,"NotAction":"s3:*"`), identityPolicy, "both"},
		{"no resource", `{"Statement":{"Effect":"Allow","Action":"*"}}`, identityPolicy, "no Resource"},
		{"resource that is no ARN", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"Dev"}}`, identityPolicy, "neither an ARN"},
		{"both kinds of resource", st(`,"NotResource":"*"`), identityPolicy, "both"},
		{"principal in an identity policy", st(`,"Principal":"*"`), identityPolicy, `"Principal" has no place`},
		{"resource in a trust policy", trust(`"Principal":"*","Resource":"*"`), trustPolicy, `"Resource" has no place`},
		{"no principal", `{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole"}}`, trustPolicy, "no Principal"},
		{"NotPrincipal", trust(`"NotPrincipal":"*"`), trustPolicy, "NotPrincipal"},
		{"empty principal", trust(`"Principal":{}`), trustPolicy, "empty"},
		{"principal as a bare ARN", trust(`"Principal":"` + jillARN + `"`), trustPolicy, "not a JSON object"},
		{"principal of unknown kind", trust(`"Principal":{"User":"x"}`), trustPolicy, "unknown kind"},
		{"principal with a wildcard", trust(`"Principal":{"AWS":"arn:aws:iam::123456789012:user/*"}`), trustPolicy, "exact ARN"},
		{"principal that is a group", trust(`"Principal":{"AWS":"arn:aws:iam::123456789012:group/x"}`), trustPolicy, "no user"},
		{"principal that is a short account", trust(`"Principal":{"AWS":"12345678901"}`), trustPolicy, "exact ARN"},
		{"federation other than OpenID Connect", trust(`"Principal":{"Federated":"www.amazon.com"}`), trustPolicy, "OpenID Connect"},
		{"service", trust(`"Principal":{"Service":"ec2"}`), trustPolicy, "service"},
		{"action of another service in a trust", `{"Statement":{"Effect":"Allow","Action":"s3:Get","Principal":"*"}}`, trustPolicy, "STS actions"},
		{"star in a trust", `{"Statement":{"Effect":"Allow","Action":"*","Principal":"*"}}`, trustPolicy, "STS actions"},

		{"unknown operator", cond(`"StringIs":{"sts:ExternalId":"x"}`), identityPolicy, "StringIs: sts:ExternalId: unknown operator"},
		{"operator in lower case", cond(`"stringEquals":{"sts:ExternalId":"x"}`), identityPolicy, "unknown operator"},
		{"Not in the wrong place", cond(`"StringEqualsNot":{"sts:ExternalId":"x"}`), identityPolicy, "unknown operator"},
		{"Not before", cond(`"NotStringEquals":{"sts:ExternalId":"x"}`), identityPolicy, "unknown operator"},
		{"not less than", cond(`"NumericNotLessThan":{"aws:MultiFactorAuthAge":"1"}`), identityPolicy, "unknown operator"},
		{"BoolNot", cond(`"BoolNot":{"aws:MultiFactorAuthPresent":"true"}`), identityPolicy, "unknown operator"},
		{"unknown set operator", cond(`"ForSomeValues:StringEquals":{"aws:TagKeys":"x"}`), identityPolicy, "unknown operator"},
		{"NullIfExists", cond(`"NullIfExists":{"sts:ExternalId":"true"}`), identityPolicy, "unknown operator"},
		{"dates", cond(`"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"}`), identityPolicy, "cannot evaluate"},
		{"unknown key", cond(`"StringEquals":{"sts:ExternalID2":"x"}`), identityPolicy, "cannot evaluate"},
		{"tag key without a tag", cond(`"StringEquals":{"aws:RequestTag/":"x"}`), identityPolicy, "cannot evaluate"},
		{"key of a provider that is not named", cond(`"StringEquals":{"token.example.com:sub":"x"}`), identityPolicy, "cannot evaluate"},
		{"boolean operator with a string", cond(`"Bool":{"sts:ExternalId":"true"}`), identityPolicy, "key that is none"},
		{"boolean that is none", cond(`"Bool":{"aws:MultiFactorAuthPresent":"yes"}`), identityPolicy, "neither true nor false"},
		{"numeric operator with a string", cond(`"NumericEquals":{"sts:ExternalId":"1"}`), identityPolicy, "key that is none"},
		{"number that is none", cond(`"NumericLessThan":{"aws:MultiFactorAuthAge":"1h"}`), identityPolicy, "not a number"},
		{"string operator with a number", cond(`"StringEquals":{"aws:MultiFactorAuthAge":"1"}`), identityPolicy, "is a number"},
		{"ARN operator with a string", cond(`"ArnLike":{"aws:username":"arn:aws:iam::1:x"}`), identityPolicy, "holds none"},
		{"ARN that is none", cond(`"ArnLike":{"aws:PrincipalArn":"*"}`), identityPolicy, "not an ARN"},
		{"ARN of fewer than six parts", cond(`"ArnLike":{"aws:PrincipalArn":"arn:aws:*:user/team/jill"}`), identityPolicy, "not an ARN"},
		{"list without a set operator", cond(`"StringEquals":{"aws:TagKeys":"x"}`), identityPolicy, "several values"},
		{"set operator without a list", cond(`"ForAllValues:StringEquals":{"sts:ExternalId":"x"}`), identityPolicy, "several values"},
		{"no value", cond(`"StringEquals":{"sts:ExternalId":[]}`), identityPolicy, "no value"},
		{"object as a value", cond(`"StringEquals":{"sts:ExternalId":{}}`), identityPolicy, "no value for a condition"},
		{"no key", cond(`"StringEquals":{}`), identityPolicy, "empty"},
		{"key twice", cond(`"StringEquals":{"sts:ExternalId":"x","sts:ExternalId":"y"}`), identityPolicy, "comes twice"},
		{"unknown variable", cond(`"StringEquals":{"sts:ExternalId":"${aws:nobody}"}`), identityPolicy, "cannot evaluate"},
		{"variable of several values", cond(`"StringEquals":{"sts:ExternalId":"${aws:TagKeys}"}`), identityPolicy, "several values"},
		{"unclosed variable", cond(`"StringEquals":{"sts:ExternalId":"${aws:username"}`), identityPolicy, "closing brace"},
		{"default without quotes", cond(`"StringEquals":{"sts:ExternalId":"${aws:username,x}"}`), identityPolicy, "quotes"},
		{"unknown variable in a resource", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam::1:role/${x}"}}`, identityPolicy, "cannot evaluate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsePolicy(tt.text, tt.kind)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestStatementsMatch(t *testing.T) {
	const allow, deny = true, false
	for _, tt := range []struct {
		statements string
		want       bool
	}{
		{`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::123456789012:role/Dev"}`, allow},
		{`{"Effect":"Allow","Action":["s3:Get","STS:assumerole"],"Resource":["*"]}`, allow},
		{`{"Effect":"Allow","Action":"sts:Assume*","Resource":"arn:aws:iam::*:role/?ev"}`, allow},
		{`{"Effect":"Allow","Action":"*","Resource":"*"}`, allow},
		{`{"Effect":"Allow","Action":"sts:TagSession","Resource":"*"}`, deny},
		{`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::123456789012:role/dev"}`, deny},
		{`{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::123456789012:role/De?v"}`, deny},
		{`{"Effect":"Allow","NotAction":"sts:AssumeRole","Resource":"*"}`, deny},
		{`{"Effect":"Allow","NotAction":["s3:*","iam:*"],"Resource":"*"}`, allow},
		{`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:iam::*:role/D*"}`, deny},
		{`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:iam::*:role/P*"}`, allow},
		{`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"sts:*","Resource":"*"}`, deny},
		{`{"Effect":"Deny","Action":"sts:*","Resource":"*"},{"Effect":"Allow","Action":"*","Resource":"*"}`, deny},
		{`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"sts:*","Resource":"arn:aws:iam::*:role/Prod"}`, allow},
		{`{"Effect":"Deny","Action":"s3:*","Resource":"*"}`, deny},
		{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam::${aws:PrincipalAccount}:role/Dev"}`, allow},
		{`{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam::*:role/${aws:username}"}`, deny},
	} {
		d, err := parsePolicy(`{"Version":"2012-10-17","Statement":[`+tt.statements+`]}`, identityPolicy)
		if err != nil {
			t.Errorf("%s: %v", tt.statements, err)
			continue
		}
		if got := allowed([]*document{d}, jill(conditionContext{"aws:principalaccount": {"123456789012"}})); got != tt.want {
			t.Errorf("%s: allowed is %v", tt.statements, got)
		}
	}
	if allowed(nil, jill(nil)) {
		t.Error("no document allows")
	}
}

func TestConditionsHold(t *testing.T) {
	ctx := conditionContext{
		"sts:externalid": {"Abc"}, "sts:rolesessionname": {"jill"}, "aws:username": {"jill"}, "aws:principalarn": {jillARN},
		"aws:multifactorauthpresent": {"true"}, "aws:multifactorauthage": {"300"},
		"aws:tagkeys": {"Team", "Cost"}, "aws:requesttag/team": {"a*b"}, "aws:userid": {"*"},
	}
	for _, tt := range []struct {
		condition string
		want      bool
	}{
		{`"StringEquals":{"sts:ExternalId":"Abc"}`, true},
		{`"StringEquals":{"STS:EXTERNALID":["x","Abc"]}`, true},
		{`"StringEquals":{"sts:ExternalId":"abc"}`, false},
		{`"StringEquals":{"sts:ExternalId":"A*"}`, false},
		{`"StringEquals":{"sts:ExternalId":"Abc","sts:RoleSessionName":"jack"}`, false},
		{`"StringEquals":{"sts:SourceIdentity":"x"}`, false},
		{`"StringEqualsIfExists":{"sts:SourceIdentity":"x"}`, true},
		{`"StringEqualsIfExists":{"sts:ExternalId":"x"}`, false},
		{`"StringEqualsIgnoreCase":{"sts:ExternalId":"aBC"}`, true},
		{`"StringNotEqualsIgnoreCase":{"sts:ExternalId":"aBC"}`, false},
		{`"StringNotEquals":{"sts:ExternalId":["Abc","x"]}`, false},
		{`"StringNotEquals":{"sts:ExternalId":["x","y"]}`, true},
		{`"StringNotEquals":{"sts:SourceIdentity":"x"}`, true},
		{`"StringLike":{"sts:ExternalId":"A?c"}`, true},
		{`"StringLike":{"sts:ExternalId":"*"}`, true},
		{`"StringLike":{"sts:ExternalId":"A?"}`, false},
		{`"StringLike":{"sts:SourceIdentity":"*"}`, false},
		{`"StringNotLike":{"sts:ExternalId":"A*"}`, false},
		{`"StringNotLike":{"sts:ExternalId":"B*"}`, true},
		{`"StringLike":{"aws:RequestTag/Team":"a${*}b"}`, true},
		{`"StringLike":{"sts:ExternalId":"A${?}c"}`, false},
		{`"StringEquals":{"sts:RoleSessionName":"${aws:username}"}`, true},
		{`"StringEquals":{"sts:RoleSessionName":"${AWS:UserName}"}`, true},
		{`"StringEquals":{"sts:ExternalId":"${aws:username}"}`, false},
		{`"StringLike":{"sts:ExternalId":"${aws:userid}"}`, false}, // its star is no wildcard
		{`"StringEquals":{"sts:RoleSessionName":"${aws:SourceIdentity}"}`, false},
		{`"StringNotEquals":{"sts:RoleSessionName":"${aws:SourceIdentity}"}`, false},
		{`"StringEquals":{"sts:RoleSessionName":"${aws:SourceIdentity, 'jill'}"}`, true},
		{`"StringEquals":{"sts:RoleSessionName":"${aws:username, 'jack'}"}`, true},
		{`"Bool":{"aws:MultiFactorAuthPresent":true}`, true},
		{`"Bool":{"aws:MultiFactorAuthPresent":"False"}`, false},
		{`"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}`, true},
		{`"NumericLessThan":{"aws:MultiFactorAuthAge":300}`, false},
		{`"NumericLessThan":{"aws:MultiFactorAuthAge":"301"}`, true},
		{`"NumericLessThanEquals":{"aws:MultiFactorAuthAge":"300"}`, true},
		{`"NumericGreaterThan":{"aws:MultiFactorAuthAge":"300"}`, false},
		{`"NumericGreaterThanEquals":{"aws:MultiFactorAuthAge":"300"}`, true},
		{`"NumericEquals":{"aws:MultiFactorAuthAge":"3e2"}`, true},
		{`"NumericNotEquals":{"aws:MultiFactorAuthAge":"300"}`, false},
		{`"Null":{"sts:ExternalId":"true"}`, false},
		{`"Null":{"sts:ExternalId":"false"}`, true},
		{`"Null":{"sts:SourceIdentity":true}`, true},
		{`"ArnEquals":{"aws:PrincipalArn":"` + jillARN + `"}`, true},
		{`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}`, true},
		{`"ArnLike":{"aws:PrincipalArn":"arn:*:*:*:*:*"}`, true},
		{`"ArnLike":{"aws:PrincipalArn":"arn:*:iam:user/team/jill:*:*"}`, false}, // a star ends at its colon
		{`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1*:user/team/jill"}`, true},
		{`"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:user/*"}`, false},
		{`"ArnNotEquals":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}`, true},
		{`"StringLike":{"aws:PrincipalArn":"arn:*jill"}`, true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["Team","Cost","Other"]}`, true},
		{`"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}`, false},
		{`"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":["Team"]}`, true},
		{`"ForAnyValue:StringEquals":{"aws:TagKeys":["Team"]}`, true},
		{`"ForAnyValue:StringLike":{"aws:TagKeys":["T*"]}`, true},
		{`"ForAnyValue:StringEquals":{"aws:TagKeys":["Other"]}`, false},
		{`"ForAnyValue:StringEquals":{"sts:TransitiveTagKeys":["Team"]}`, false},
		{`"ForAnyValue:StringNotEquals":{"aws:TagKeys":["Team"]}`, true},
		{`"ForAnyValue:StringNotEquals":{"sts:TransitiveTagKeys":["Team"]}`, false},
		{`"ForAllValues:StringNotEquals":{"aws:TagKeys":["Team"]}`, false},
		{`"StringEquals":{"aws:RequestTag/TEAM":"a*b"}`, true},
	} {
		d, err := parsePolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+tt.condition+`}}}`, identityPolicy)
		if err != nil {
			t.Errorf("%s: %v", tt.condition, err)
			continue
		}
		if got := allowed([]*document{d}, jill(ctx)); got != tt.want {
			t.Errorf("%s: holds is %v", tt.condition, got)
		}
	}
}

func TestMFAConditionsWithLongTermKeys(t *testing.T) {
	for condition, want := range map[string]bool{
		`"Bool":{"aws:MultiFactorAuthPresent":"false"}`:         false, // the key is absent: the classic trap
		`"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}`: true,
		`"Bool":{"aws:MultiFactorAuthPresent":"true"}`:          false,
		`"Null":{"aws:MultiFactorAuthAge":"true"}`:              true,
	} {
		d, err := parsePolicy(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{`+condition+`}}}`, identityPolicy)
		if err != nil {
			t.Fatal(err)
		}
		c := &caller{user: &user{arn: arn{"aws", "iam", "", "123456789012", "user/jill"}}}
		if got := allowed([]*document{d}, jill(c.context(time.Now()))); got != want {
			t.Errorf("%s: holds is %v", condition, got)
		}
	}
}

func TestVariablesArePlainTextInTheOldVersion(t *testing.T) {
	d, err := parsePolicy(`{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:userid":"${aws:username}"}}}}`, identityPolicy)
	if err != nil {
		t.Fatal(err)
	}
	if !allowed([]*document{d}, jill(conditionContext{"aws:userid": {"${aws:username}"}})) {
		t.Error("expanded")
	}
}

func TestTOTP(t *testing.T) {
	// RFC 6238, appendix B, cut to six digits. The seed is "12345678901234567890".
	const rfc = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq"
	for unix, want := range map[int64]string{59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"} {
		if got, err := TOTP(rfc, time.Unix(unix, 0)); err != nil || got != want {
			t.Errorf("at %d: %s, %v, want %s", unix, got, err, want)
		}
	}
	now := time.Now()
	want, err := reference.GenerateCode("JBSWY3DPEHPK3PXP", now)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := TOTP("JBSWY3DPEHPK3PXP", now); err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	for _, seed := range []string{"", "=", "1", "not base32!"} {
		if _, err := TOTP(seed, now); err == nil {
			t.Errorf("%q was taken for a seed", seed)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(AllowAssume("arn:aws:iam::*:role/D?v"), "arn:aws:iam::1:role/Dev")
	f.Add(TrustPolicy("123456789012", MFA(), Condition{"StringLike", "sts:RoleSessionName", []string{"${aws:username}*"}}), "x")
	f.Add(`{"Statement":[{"Effect":"Deny","NotAction":"s3:*","NotResource":"*","Condition":{"ForAllValues:StringLike":{"aws:TagKeys":["a*"]},"Null":{"sts:ExternalId":true}}}]}`, "")
	f.Add(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:*:*:*:*:${aws:username, '*'}"},"NumericLessThan":{"aws:MultiFactorAuthAge":-1e3}}}}`, "arn:aws:iam::1:a")
	f.Fuzz(func(t *testing.T, text, value string) {
		ctx := conditionContext{"aws:username": {value}, "aws:principalarn": {value}, "sts:rolesessionname": {value}, "aws:tagkeys": {value, "b"}}
		for _, kind := range []policyKind{identityPolicy, trustPolicy} {
			d, err := parsePolicy(text, kind)
			if err != nil {
				continue
			}
			a := jill(ctx)
			a.resource = value
			got := allowed([]*document{d}, a)
			if again, err := parsePolicy(text, kind); err != nil || allowed([]*document{again}, a) != got {
				t.Error("the same document decides otherwise")
			}
			// A denial of everything beats whatever else there is.
			deny := &document{[]statement{{deny: true, actions: patterns{values: []pattern{{text: "*", wild: true}}}}}}
			if allowed([]*document{d, deny}, a) {
				t.Error("allowed against a denial")
			}
		}
	})
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("**", "")
	f.Add("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaa")
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 12 || len(s) > 12 {
			return // the check below is exponential
		}
		g, ok := pattern{text: p, wild: true}.expand(nil)
		if !ok {
			t.Fatal("no variables, and yet no value")
		}
		if got, want := glob(g, []rune(s)), globPlainly([]rune(p), []rune(s)); got != want {
			t.Errorf("glob(%q, %q) is %v", p, s, got)
		}
	})
}

// globPlainly is the definition.
func globPlainly(p, s []rune) bool {
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == '*':
		return globPlainly(p[1:], s) || len(s) > 0 && globPlainly(p, s[1:])
	case len(s) == 0:
		return false
	}
	return (p[0] == '?' || p[0] == s[0]) && globPlainly(p[1:], s[1:])
}

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIA/20300101/eu-west-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=00")
	f.Add("AWS4-HMAC-SHA256 Credential=,=,=")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseAuthorization(header)
		if (a == nil) == (err == nil) {
			t.Error("neither one nor the other")
		}
		if a != nil {
			_ = isRegion(a.region) // which must not panic
		}
	})
}

func FuzzWebIdentityToken(f *testing.F) {
	token, err := SignToken("k", []byte("secret"), map[string]any{"iss": "https://a", "aud": []string{"b"}, "sub": "c", "exp": 1, "iat": 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, text string) {
		tok, err := parseToken(text)
		if err != nil {
			return
		}
		if verify("none", []byte("secret"), tok.signed, tok.signature) {
			t.Error("verified without an algorithm")
		}
	})
}
