package cli

import (
	"os"
	"path/filepath"
	"testing"

	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

func TestIdentityOfEachStep(t *testing.T) {
	const config = `
[profile mfa]
role_arn = arn:aws:iam::210987654321:role/team/Ops
source_profile = base
mfa_serial = arn:aws:iam::123456789012:mfa/jill
[profile base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
aws_account_id = 123456789012
[profile sso]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 345678901234
sso_role_name = ReadOnly
[profile web]
role_arn = arn:aws-cn:iam::456789012345:role/Web
web_identity_token_file = /token
[profile box]
role_arn = arn:aws:iam::210987654321:role/Ops
credential_source = Ec2InstanceMetadata
[profile command]
credential_process = command
`
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := profiles.Load(path, os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]identity{
		"mfa": {
			{"123456789012", "(access key)"}, {"123456789012", "(MFA session)"}, {"210987654321", "Ops"},
		},
		"sso":     {{"345678901234", "ReadOnly"}},
		"web":     {{"456789012345", "Web"}},
		"box":     {{"", "(EC2 instance)"}, {"210987654321", "Ops"}},
		"command": {{"", "(command)"}},
	} {
		chain, err := f.Chain(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.New(chain, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Links) != len(want) {
			t.Fatalf("%s: %d links, want %d", name, len(p.Links), len(want))
		}
		for n := range p.Links {
			if got := linkIdentity(p, n); got != want[n] {
				t.Errorf("%s, step %d: %+v, want %+v", name, n, got, want[n])
			}
		}
	}
}
