package plan

import (
	"strings"
	"testing"
)

func TestPoliciesNameCallerAsFarAsKnown(t *testing.T) {
	const r = "[profile p]\nrole_arn = arn:aws-cn:iam::222222222222:role/X\n"
	for want, config := range map[string]string{
		"arn:aws-cn:iam::ACCOUNT:user/USER": r + "source_profile = base",
		"arn:aws-cn:iam::111111111111:user/USER": r +
			"source_profile = base\nmfa_serial = arn:aws-cn:iam::111111111111:mfa/jill",
		"arn:aws-cn:iam::ACCOUNT:role/ROLE": r + "credential_source = Ec2InstanceMetadata",
		"arn:aws-cn:iam::111111111111:role/W": r +
			"source_profile = w\n[profile w]\nweb_identity_token_file = x\n" +
			"role_arn = arn:aws-cn:iam::111111111111:role/W",
		"arn:aws-cn:iam::111111111111:role/aws-reserved/sso.amazonaws.com/*AWSReservedSSO_Admin_*": r +
			"source_profile = s\n[profile s]\nsso_account_id = 111111111111\nsso_role_name = Admin\n" +
			"sso_region = x\nsso_start_url = x",
	} {
		p := Policies(chainOf(t, config, base))[0]
		if p.Caller != want {
			t.Errorf("caller %s, want %s", p.Caller, want)
		}
		if principal := p.Trust.Statement[0].Principal["AWS"]; strings.Contains(principal, "*") {
			t.Errorf("a principal with a wildcard: %s", principal)
		}
	}
}
