package doctor

import "testing"

func TestQuotingFindsWhatSDKsReadDifferently(t *testing.T) {
	for _, test := range []struct {
		command, goos string
		odd           bool
	}{
		{"aws-credproc get dev-role", "linux", false},
		{"/opt/bin/aws-credproc --store=file get dev-role", "darwin", false},
		{`"/my bin/aws-credproc" get dev-role`, "linux", false},
		{`'/my bin/aws-credproc' get dev-role`, "linux", false},
		{`/my\ bin/aws-credproc get dev-role`, "linux", false},
		{`tool '$5' "a;b" get~me`, "linux", false},
		{`"/my bin/aws-credproc" get "dev-role"`, "linux", true},
		{`'/my bin/aws-credproc'`, "linux", true},
		{"~/bin/aws-credproc get dev-role", "linux", true},
		{"tool ~/x", "linux", true},
		{"$HOME/bin/aws-credproc get dev-role", "linux", true},
		{`tool "$(pass aws)" x`, "linux", true},
		{"tool `pass aws` x", "linux", true},
		{"tool | jq .", "linux", true},
		{"tool; tool", "linux", true},
		{"tool && tool", "linux", true},
		{"tool > /dev/stderr", "linux", true},
		{"AWS_REGION=eu-west-1 tool", "linux", true},
		{`tool "x`, "linux", true},
		{"tool get\ndev-role", "linux", true},
		{`C:\bin\aws-credproc.exe get dev-role`, "windows", false},
		{`C:\Users\JILL~1\aws-credproc.exe get dev-role`, "windows", false},
		{`"C:\my bin\aws-credproc.exe" get dev-role`, "windows", true},
		{`C:\bin\aws-credproc.exe get "dev-role"`, "windows", true},
		{`'C:\my bin\aws-credproc.exe' get dev-role`, "windows", true},
		{`"%USERPROFILE%\aws-credproc.exe" get dev-role`, "windows", true},
		{"tool & tool", "windows", true},
	} {
		if odd := quoting(test.command, test.goos); (odd.what != "") != test.odd {
			t.Errorf("%s on %s: %q", test.command, test.goos, odd.what)
		}
	}
}
