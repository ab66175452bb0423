package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"aws-credproc/internal/tui"
	"aws-credproc/profiles"
)

// listConfig has a profile of each kind.
const listConfig = `
[profile dev]
credential_process = aws-credproc get dev-role
region = eu-west-1
[profile dev-role]
role_arn = arn:aws:iam::123456789012:role/team/Dev
source_profile = base
region = eu-central-1
[profile prod]
sso_session = corp
sso_account_id = 210987654321
sso_role_name = AdministratorAccess
region = us-east-1
[profile old-sso]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 210987654321
sso_role_name = ReadOnly
[profile base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
aws_account_id = 123456789012
[profile lost]
credential_process = aws-credproc get nothing
[profile saml]
credential_process = "/opt/my tools/saml2aws" script --profile x
[profile ci]
role_arn = arn:aws:iam::123456789012:role/CI
web_identity_token_file = /var/run/token
[profile box]
role_arn = arn:aws:iam::123456789012:role/Box
credential_source = Ec2InstanceMetadata
[profile plain]
region = eu-west-1
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
`

// listOf returns the rows of listConfig that contain filter.
func listOf(t *testing.T, filter string) (rows []listRow, sessions []profiles.SessionSummary) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(listConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := profiles.Load(path, os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	all, sessions, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range listRows(all) {
		if r.contains(filter) {
			rows = append(rows, r)
		}
	}
	return rows, sessions
}

func TestListPage(t *testing.T) {
	rows, sessions := listOf(t, "")
	const want = `
PROFILE          ACCOUNT       ROLE                 SOURCE            REGION
dev -> dev-role  123456789012  Dev                  base              eu-west-1
prod             210987654321  AdministratorAccess  SSO corp          us-east-1
old-sso          210987654321  ReadOnly             SSO               -
base             123456789012  -                    access key        -
lost -> nothing  -             -                    not found         -
saml             -             -                    command saml2aws  -
ci               123456789012  CI                   web identity      -
box              123456789012  Box                  EC2 instance      -
plain            -             -                    settings only     eu-west-1

SSO sessions: corp
`
	if got := "\n" + string(listPage(rows, sessions, "", tui.Screen{})); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	for line := range strings.Lines(string(listPage(rows, sessions, "", tui.Screen{Width: 80}))) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns on a screen of 80: %s", n, line)
		}
	}
}

func TestListFilter(t *testing.T) {
	for filter, want := range map[string]string{
		"dev":          "dev -> dev-role",
		"DEV-ROLE":     "dev -> dev-role",
		"210987654321": "prod old-sso",
		"administ":     "prod",
		"us-east":      "prod",
		"sso":          "prod old-sso",
		"saml":         "saml",
		"nowhere":      "",
	} {
		rows, _ := listOf(t, filter)
		var names []string
		for _, r := range rows {
			names = append(names, r.name())
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
	for filter, want := range map[string]string{
		"nowhere": "No profiles with \"nowhere\"\n", "": "No profiles. aws-credproc doctor shows why.\n",
	} {
		if got := string(listPage(nil, nil, filter, tui.Screen{})); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWiredProfilesThatShareATarget(t *testing.T) {
	wired := func(name, target string) profiles.Summary {
		return profiles.Summary{Name: name, Kind: "process", Wired: true, Source: target}
	}
	role := profiles.Summary{
		Name: "role", Kind: "assume_role", Source: "base",
		Properties: map[string]string{"role_arn": "arn:aws:iam::123456789012:role/Dev"},
	}
	for name, test := range map[string]struct {
		all  []profiles.Summary
		want string
	}{
		"two of one target": {
			[]profiles.Summary{wired("a", "role"), wired("b", "role"), role}, "a -> role, b -> role",
		},
		"the target comes first": {[]profiles.Summary{role, wired("a", "role")}, "a -> role"},
		"a target that is wired": {
			[]profiles.Summary{wired("a", "b"), wired("b", "role"), role}, "a -> b, b -> role",
		},
		"wired to itself": {[]profiles.Summary{wired("a", "a")}, "a"},
		"imported keys":   {[]profiles.Summary{{Name: "k", Kind: "keyring", Wired: true}}, "k"},
		"two wired to one another": {
			[]profiles.Summary{wired("a", "b"), wired("b", "a")}, "a -> b, b -> a",
		},
	} {
		var names []string
		for _, r := range listRows(test.all) {
			names = append(names, r.name())
		}
		if got := strings.Join(names, ", "); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
