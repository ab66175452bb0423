package cli

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/tui"
)

func TestExplainNamesSourcesInWords(t *testing.T) {
	for _, test := range []struct {
		step credproc.Element
		want string
	}{
		{credproc.Element{Type: "static", AccessKeyID: "AKIA1"}, "Access key AKIA1"},
		{credproc.Element{Type: "keyring", AccessKeyID: "AKIA1"}, "Access key AKIA1, in the keyring"},
		{credproc.Element{Type: "environment"}, "Credentials in environment variables"},
		{credproc.Element{Type: "ec2_instance_metadata"}, "Credentials of the EC2 instance"},
		{credproc.Element{Type: "ecs_container"}, "Credentials of the container"},
		{credproc.Element{Type: "web_identity", RoleARN: "arn:R"},
			"Assume role arn:R with a web identity token"},
		{credproc.Element{Type: "sso", SSORoleName: "Admin", SSOAccountID: "123"},
			"IAM Identity Center role Admin in account 123"},
		{credproc.Element{Type: "login"}, "Credentials of aws login"},
		{credproc.Element{Type: "process"}, "Credentials of a command"},
		{credproc.Element{Type: "session_token", MFASerial: "arn:mfa/jill"},
			"Get a session with a code of MFA device arn:mfa/jill, for all roles"},
		{credproc.Element{Type: "assume_role", RoleARN: "arn:R"}, "Assume role arn:R"},
	} {
		if got := stepTitle(test.step); got != test.want {
			t.Errorf("%s: %q, want %q", test.step.Type, got, test.want)
		}
	}
}

// explainedMFA is a chain with an MFA session, cached.
func explainedMFA() credproc.Explanation {
	const device = "arn:aws:iam::123456789012:mfa/jill"
	mfa, role := statusNow.Add(11*time.Hour), statusNow.Add(time.Hour)
	key := "5f"
	return credproc.Explanation{
		Profile: "dev-role", Region: "us-east-1", STSEndpoint: "https://sts.us-east-1.amazonaws.com",
		Store: "kernel", StoreReason: "no keyring: no D-Bus session bus",
		CacheKey: &key, Expires: &role,
		Chain: []credproc.Element{
			{Type: "keyring", Profile: "base", AccessKeyID: "AKIAIOSFODNN7EXAMPLE"},
			{Type: "session_token", Profile: "base", MFASerial: device, Expires: &mfa},
			{
				Type: "assume_role", Profile: "dev-role", RoleARN: testRole, MFASerial: device,
				Expires: &role,
			},
		},
	}
}

func TestExplainPage(t *testing.T) {
	const want = `
 1. Access key AKIAIOSFODNN7EXAMPLE, in the keyring
     profile: base
 2. Get a session with a code of MFA device arn:aws:iam::123456789012:mfa/jill, for all roles
     profile: base
     cached: 11h00m left
 3. Assume role arn:aws:iam::123456789012:role/Dev
     profile: dev-role

profile  dev-role
region   us-east-1 (default)
STS      https://sts.us-east-1.amazonaws.com (default of the region)
store    kernel (no keyring: no D-Bus session bus)
session  cached, 60m left (until DATE)
`
	x := explainedMFA()
	page := "\n" + string(explanation(x, statusNow, tui.Screen{}))
	page = strings.Replace(page, x.Expires.Local().Format("2006-01-02 15:04:05 MST"), "DATE", 1)
	if page != want {
		t.Errorf("got %s\nwant %s", page, want)
	}
	if n := strings.Count(page, "60m left"); n != 1 {
		t.Errorf("the expiry of the session is shown %d times", n)
	}
	for line := range strings.Lines(string(explanation(x, statusNow, tui.Screen{Width: 80}))) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns on a screen of 80: %s", n, line)
		}
	}
	colored := string(explanation(x, statusNow, tui.Screen{Width: 120, Colors: true}))
	if !strings.Contains(colored, "\x1b[1mAssume role arn:aws:iam::123456789012:role/Dev") {
		t.Errorf("the title of a step is not bold: %q", colored)
	}
}

func TestExplainShowsTheMFADeviceOfARoleWithoutASession(t *testing.T) {
	x := explainedMFA()
	role := x.Chain[2]
	if d := stepDetails(role, x.Chain[:2]); len(d) != 1 {
		t.Errorf("after an MFA session: %v", d)
	}
	if d := stepDetails(role, x.Chain[:1]); len(d) != 2 || d[1][0] != "MFA device" {
		t.Errorf("without one: %v", d)
	}
}

func TestPoliciesHaveHeadings(t *testing.T) {
	policies := []plan.RolePolicies{{Caller: jillARN, RoleARN: testRole}}
	text, err := policiesText(policies, tui.Screen{Colors: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\n\x1b[1mIdentity policy of the caller, arn:aws:iam::123456789012:user/jill:\x1b[0m\n\n{",
		"\n\x1b[1mTrust policy of the role, arn:aws:iam::123456789012:role/Dev:\x1b[0m\n\n{",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
}
