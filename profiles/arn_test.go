package profiles

import (
	"regexp"
	"strings"
	"testing"
)

func TestCheckARNs(t *testing.T) {
	for _, test := range []struct {
		check func(string) error
		arn   string
		bad   bool
	}{
		{CheckRoleARN, "arn:aws:iam::123456789012:role/Dev", false},
		{CheckRoleARN, "arn:aws-us-gov:iam::123456789012:role/a/path/Dev_1+=,.@-", false},
		{
			CheckRoleARN,
			"arn:aws-eusc:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_X_0123456789abcdef",
			false,
		},
		{CheckRoleARN, "Dev", true},
		{CheckRoleARN, "arn:aws:iam::12345678901:role/A", true},
		{CheckRoleARN, "arn:aws:iam::ACCOUNT:role/A", true},
		{CheckRoleARN, "arn:aws:iam:::role/A", true},
		{CheckRoleARN, "arn:aws:iam::123456789012:user/A", true},
		{CheckRoleARN, "arn:aws:iam::123456789012:role/", true},
		{CheckRoleARN, "arn:aws:iam::123456789012:role/path/", true},
		{CheckRoleARN, "arn:aws:iam::123456789012:role/*", true},
		{CheckRoleARN, "arn:aws:iam:us-east-1:123456789012:role/A", true},
		{CheckRoleARN, "arn:aws:sts::123456789012:assumed-role/A/x", true},
		{CheckRoleARN, "arn:aws:s3:::bucket", true},
		{CheckRoleARN, "arn:awss:iam::123456789012:role/A", true},
		{CheckRoleARN, "arn:aws-:iam::123456789012:role/A", true},
		{CheckMFAARN, "arn:aws:iam::123456789012:mfa/jill", false},
		{CheckMFAARN, "arn:aws-cn:iam::123456789012:mfa/jill@example.com", false},
		{CheckMFAARN, "GAHT12345678", false},
		{CheckMFAARN, "arn:aws:iam::12345678901:mfa/jill", true},
		{CheckMFAARN, "arn:aws:iam::123456789012:user/jill", true},
		{CheckMFAARN, "arn:aws:iam::123456789012:mfa/", true},
		{CheckMFAARN, "arn:aws:iam::123456789012:u2f/user/jill/k", true},
		{CheckMFAARN, "mfa/jill-smith", true},
		{CheckMFAARN, "arn:aws", true},
	} {
		if err := test.check(test.arn); (err != nil) != test.bad {
			t.Errorf("%s: %v", test.arn, err)
		}
	}
}

func TestFormsAreThoseOfExpressions(t *testing.T) {
	words := strings.Split(`|aws|aws-|-|-a|-a-bc|AWS|1|é|_|_+=,.@-|:|/|*| `, "|")
	words = append(words, "\n", "\x80", strings.Repeat("0", 12), strings.Repeat("a", 63))
	for _, form := range []struct {
		is         func(string) bool
		expression string
	}{
		{isPartition, `^aws(-[a-z]+)*$`},
		{IsAccountID, `^[0-9]{12}$`},
		{isRoleName, `^[A-Za-z0-9_+=,.@-]{1,64}$`},
	} {
		expression := regexp.MustCompile(form.expression)
		for _, first := range words {
			for _, second := range words {
				for _, s := range []string{first + second, second + first + second} {
					if got, want := form.is(s), expression.MatchString(s); got != want {
						t.Errorf("%q: %t, want %t as for %s", s, got, want, form.expression)
					}
				}
			}
		}
	}
}
