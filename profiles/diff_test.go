package profiles

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestDiffMasksSecrets(t *testing.T) {
	const secret = "wJalrXUtnFEMI"
	credentials := "# aws_secret_access_key = " + secret + "\n[p]\na = 1\n" +
		"AWS_Secret_Access_Key=" + secret + "\r\naws_session_token = x\n  " + secret + "\n" +
		";aws_session_token " + secret
	e := mustFiles(t, "", credentials).Edit()
	if err := e.Set(CredentialsFile, "p", "a", "2"); err != nil {
		t.Fatal(err)
	}
	changes := e.Changes()
	want := "--- credentials\n+++ credentials\n@@ -1,6 +1,6 @@\n # aws_secret_access_key ***\n [p]\n" +
		"-a = 1\n+a = 2\n AWS_Secret_Access_Key = ***\r\n aws_session_token = ***\n   ***\n"
	if got := changes[0].Diff(); got != want {
		t.Errorf("the diff is\n%q, want\n%q", got, want)
	}
	text := fmt.Sprintf("%v %+v %#v", changes, changes[0], changes[0])
	if strings.Contains(text, secret) {
		t.Errorf("a change prints as %s", text)
	}
}

func TestDiffMasksCommandsAndURLs(t *testing.T) {
	config := "[profile p]\ncredential_process = x --password hush --a b\n" +
		"# mfa_process=y --pin-token=hush\nendpoint_url = https://jill:hush@h.example/x\nregion = a\ncredential_source=Environment\n"
	e := mustFiles(t, config, "").Edit()
	if err := e.Set(ConfigFile, "p", "region", "b"); err != nil {
		t.Fatal(err)
	}
	want := " credential_process = x --password *** --a b\n" +
		" # mfa_process=y --pin-token ***\n endpoint_url = https://***@h.example/x\n-region = a\n+region = b\n credential_source=Environment\n"
	if got := e.Changes()[0].Diff(); !strings.Contains(got, want) {
		t.Errorf("the diff is\n%s, want\n%s", got, want)
	}
}

func TestListMasksCommandsAndURLs(t *testing.T) {
	f := mustLoad(t, "[profile p]\ncredential_process = x --password hush\nmfa_process = TOKEN=hush y\n"+
		"endpoint_url = https://jill:hush@h.example\nregion = a\n[sso-session s]\n"+
		"sso_start_url = https://h.example/?k=hush\n", "")
	list, sessions, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal([]any{list, sessions})
	if err != nil || strings.Contains(string(b), "hush") || !strings.Contains(string(b), "x --password ***") {
		t.Errorf("%s, %v", b, err)
	}
}

// The lines are the body of a profile. A secret in them has the text "hush".
var secretBodies = map[string]string{
	"secret as ID":           "aws_access_key_id = hushHush\n",
	"secret behind the ID":   "aws_access_key_id = AKIAX aws_secret_access_key = hush\n",
	"secret after a colon":   "aws_access_key_id: AKIAX:hush\n",
	"colon":                  "credential_process: /bin/cat --password=hush\n",
	"colon, flag":            "credential_process: /bin/cat --password hush\n",
	"colon, URL":             "credential_process: curl https://u:hush@h/\n",
	"comment with a flag":    "# curl --password hush\n",
	"comment with a colon":   "# password: hush\n",
	"comment with a URL":     "# curl https://u:hush@h/\n",
	"comment after a value":  "region = x # the password is hush\n",
	"older session token":    "aws_security_token = hush\n",
	"key of a user":          "my_secret = hush\n",
	"key of another program": "x_principal_token = hush\n",
	"password":               "okta_password = hush\n",
	"API key":                "API_Key = hush\n",
	"key with a space":       "my password = hush\n",
	"URL as a key":           "https://u:hush@h\n",
	"flag before a line end": "credential_process = /bin/cat --password\n  hush\n",
	"= before a line end":    "credential_process = /bin/cat --password=\n  hush\n",
	"quote over a line end":  "credential_process = /bin/cat --password 'x\n  hush' y\n",
	"sub-property":           "s3 =\n  token = hush\n",
	"faulty line":            "region = x\nhush\n",
	"faulty continuation":    "credential_process =\n  x --password\n  hush\n",
}

func TestDiffAndListHideSecrets(t *testing.T) {
	for name, body := range secretBodies {
		text := "[profile p]\n" + body + "[profile q]\n"
		if diff := (Change{Old: Secret(text), New: Secret(body)}).Diff(); strings.Contains(diff, "hush") {
			t.Errorf("%s: the diff is\n%s", name, diff)
		}
		f := mustLoad(t, text, "")
		list, _, err := f.List()
		b, _ := json.Marshal(list)
		if all := string(b) + fmt.Sprint(err, f.Faults()); strings.Contains(all, "hush") {
			t.Errorf("%s: the list is\n%s", name, all)
		}
	}
}

func TestDiffAndListShowOtherValues(t *testing.T) {
	const values = "credential_process = /bin/cat a \\\n  b # c\n# a comment\n" +
		"credential_source=Environment\nweb_identity_token_file = /x\nregion: x\n" +
		"role_arn = arn:aws:iam::123456789012:role/ALongDivisionName/AnotherPathElement/Deployment2\n" +
		"policy = {\"Action\":\"secretsmanager:GetSecretValue\"}\ns3 =\n  max = 3\nother = a=b\n"
	text := "[profile p]\n" + values
	if got := masked(text); got != text {
		t.Errorf("the text is shown as\n%s", got)
	}
	p, err := mustLoad(t, text, "").Profile("p")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range shown(p) {
		if value != p.Get(key) {
			t.Errorf("%s: %q is shown as %q", key, p.Get(key), value)
		}
	}
}

func TestDiffHidesLinesOfASecretValue(t *testing.T) {
	const command = "[profile p]\ncredential_process = x "
	for in, want := range map[string]string{
		"--password\r\n   hush\r\n# c\n  y\na = b\n": "--password\r\n  ***\r\n# c\n  ***\na = b\n",
		// The AWS CLI reads the comment as a part of the command.
		"# --password\n  hush\n": "# --password ***\n  ***\n",
	} {
		if got := masked(command + in); got != command+want {
			t.Errorf("%q is shown as\n%q, want\n%q", in, got, command+want)
		}
	}
}
