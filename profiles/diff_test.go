package profiles

import (
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
