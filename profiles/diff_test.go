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
