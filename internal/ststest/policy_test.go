package ststest

import (
	"strings"
	"testing"
)

const jillARN = "arn:aws:iam::123456789012:user/team/jill"

// assumeDev returns the access of jill assuming the role Dev.
func assumeDev(context map[string]string) *access {
	return &access{
		action: "sts:AssumeRole", resource: "arn:aws:iam::123456789012:role/Dev", context: context,
		principals: Principal{"AWS": {jillARN, "123456789012"}},
	}
}

func TestInvalidPoliciesAreRefused(t *testing.T) {
	statement := func(s string) string { return `{"Statement": {"Effect": "Allow", ` + s + `}}` }
	identity := func(s string) string { return statement(`"Action": "*", "Resource": "*"` + s) }
	condition := func(s string) string { return identity(`, "Condition": {` + s + `}`) }
	trust := func(s string) string { return statement(`"Action": "sts:AssumeRole", ` + s) }
	for _, tt := range []struct{ name, document, want string }{
		{"empty", ``, "EOF"},
		{"list", `[]`, "cannot unmarshal"},
		{"two documents", identity("") + "{}", "after the JSON value"},
		{"no statement", `{"Version": "2012-10-17"}`, "no Statement"},
		{"empty list of statements", `{"Statement": []}`, "no Statement"},
		{"null statement", `{"Statement": null}`, "Effect"},
		{"old version", `{"Version": "2008-10-17", "Statement": {}}`, "Version"},
		{"unknown element", `{"Statements": []}`, `"Statements"`},
		{"unknown element of a statement", identity(`, "NotAction": "s3:*"`), `"NotAction"`},
		{"deny", `{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}`, "Effect"},
		{"no effect", `{"Statement": {"Action": "*", "Resource": "*"}}`, "Effect"},
		{"no action", statement(`"Resource": "*"`), "no Action"},
		{"empty list of actions", statement(`"Action": [], "Resource": "*"`), "no Action"},
		{"null action", statement(`"Action": [null], "Resource": "*"`), "not an action"},
		{"action without service", statement(`"Action": "AssumeRole", "Resource": "*"`),
			"not an action"},
		{"no resource", statement(`"Action": "*"`), "needs a Resource"},
		{"resource not an ARN", statement(`"Action": "*", "Resource": "Dev"`), "not an ARN"},
		{"question mark", statement(`"Action": "*", "Resource": "arn:aws:iam::1:role/?"`), "wildcard"},
		{"variable", statement(`"Action": "*", "Resource": "arn:aws:iam::1:role/${x}"`), "wildcard"},
		{"principal", identity(`, "Principal": "*"`), "no Principal"},

		{"trust: resource", trust(`"Principal": "*", "Resource": "*"`), "no Resource"},
		{"trust: no principal", trust(`"Sid": "A"`), "needs a Principal"},
		{"trust: NotPrincipal", trust(`"NotPrincipal": "*"`), "NotPrincipal"},
		{"trust: empty principal", trust(`"Principal": {}`), "needs a Principal"},
		{"trust: empty list", trust(`"Principal": {"AWS": []}`), "unsupported Principal"},
		{"trust: bare ARN", trust(`"Principal": "` + jillARN + `"`), "cannot unmarshal"},
		{"trust: service", trust(`"Principal": {"Service": "ec2.amazonaws.com"}`),
			"unsupported Principal"},
		{"trust: wildcard", trust(`"Principal": {"AWS": "arn:aws:iam::123456789012:user/*"}`),
			"exact ARN"},
		{"trust: short account", trust(`"Principal": {"AWS": "12345678901"}`), "exact ARN"},

		{"unknown operator", condition(`"StringIs": {"sts:ExternalId": "x"}`),
			"unsupported condition StringIs sts:ExternalId"},
		{"unknown key", condition(`"StringEquals": {"sts:ExternalId2": "x"}`),
			"unsupported condition"},
		{"wrong operator", condition(`"Bool": {"sts:ExternalId": "true"}`),
			"unsupported condition"},
		{"not an integer", condition(`"NumericLessThan": {"aws:MultiFactorAuthAge": "1h"}`),
			"not an integer"},
		{"no value", condition(`"StringEquals": {"sts:ExternalId": []}`), "no value"},
		{"object as value", condition(`"StringEquals": {"sts:ExternalId": {}}`),
			"cannot unmarshal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parse := parsePolicy
			if strings.HasPrefix(tt.name, "trust: ") {
				parse = parseTrustPolicy
			}
			if _, err := parse(tt.document); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestPolicyAllows(t *testing.T) {
	for statement, want := range map[string]bool{
		`"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::123456789012:role/Dev"`:  true,
		`"Action": ["s3:Get", "sts:AssumeRole"], "Resource": ["*"]`:                     true,
		`"Action": "sts:Assume*", "Resource": "arn:aws:iam::*:role/*ev"`:                true,
		`"Action": "*", "Resource": "*"`:                                                true,
		`"Action": "sts:TagSession", "Resource": "*"`:                                   false,
		`"Action": "sts:Assume", "Resource": "*"`:                                       false,
		`"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::123456789012:role/dev"`:  false,
		`"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::123456789012:role/Dev2"`: false,
	} {
		p, err := parsePolicy(`{"Statement": [{"Effect": "Allow", ` + statement + `}]}`)
		if err != nil {
			t.Errorf("%s: %v", statement, err)
		} else if got := p.allows(assumeDev(nil)); got != want {
			t.Errorf("%s: allowed is %v", statement, got)
		}
	}
	if policy(nil).allows(assumeDev(nil)) {
		t.Error("no policy allows")
	}
}

func TestConditionsHold(t *testing.T) {
	context := map[string]string{
		"sts:ExternalId": "Abc", "aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "300",
	}
	for condition, want := range map[string][2]bool{ // with these keys, and without any
		`"StringEquals": {"sts:ExternalId": ["x", "Abc"]}`:     {true, false},
		`"StringEquals": {"sts:ExternalId": "abc"}`:            {false, false},
		`"StringEquals": {"sts:ExternalId": "A*"}`:             {false, false},
		`"Bool": {"aws:MultiFactorAuthPresent": "true"}`:       {true, false},
		`"Bool": {"aws:MultiFactorAuthPresent": "false"}`:      {false, false},
		`"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}`: {false, false},
		`"NumericLessThan": {"aws:MultiFactorAuthAge": "301"}`: {true, false},
		`"StringEquals": {"sts:ExternalId": "Abc"}, ` +
			`"NumericLessThan": {"aws:MultiFactorAuthAge": "300"}`: {false, false},
	} {
		p, err := parsePolicy(`{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", ` +
			`"Condition": {` + condition + `}}}`)
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		got := [2]bool{p.allows(assumeDev(context)), p.allows(assumeDev(nil))}
		if got != want {
			t.Errorf("%s: holds is %v, want %v", condition, got, want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add(AllowAssume("arn:aws:iam::*:role/D*v"), "arn:aws:iam::1:role/Dev")
	f.Add(TrustPolicy("123456789012", MFA()), "x")
	f.Fuzz(func(t *testing.T, document, value string) {
		for _, parse := range []func(string) (policy, error){parsePolicy, parseTrustPolicy} {
			p, err := parse(document)
			if err != nil {
				continue
			}
			a := assumeDev(map[string]string{keyExternalID: value, keyMFAAge: value})
			a.resource = value
			again, err := parse(Document(p...))
			if err != nil || again.allows(a) != p.allows(a) {
				t.Errorf("Document of a parsed policy: %v", err)
			}
		}
	})
}

func FuzzAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIA/20300101/eu-west-1/sts/aws4_request, " +
		"SignedHeaders=host;x-amz-date, Signature=00")
	f.Add("AWS4-HMAC-SHA256 Credential=,=,=")
	f.Fuzz(func(t *testing.T, header string) {
		a, err := parseAuthorization([]string{header})
		if (a == nil) == (err == nil) {
			t.Error("both or neither of result and error")
		}
		if a != nil {
			isRegion(a.region)
		}
	})
}

func FuzzWebIdentityToken(f *testing.F) {
	key := []byte("secret")
	token, err := SignToken(key, map[string]any{"iss": "https://a", "aud": []string{"b"}, "sub": "c"})
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
		tok.algorithm = "none"
		if (&call{}).verifyToken(tok, OIDCProvider{Key: key}) == nil {
			t.Error("verified without an algorithm")
		}
	})
}
