package printable

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	const key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	for in, want := range map[string]string{
		"tool --password hush --role Dev":             "tool --password *** --role Dev",
		"tool --password=hush -x":                     "tool --password=*** -x",
		`tool --api-key "hush \" hush" x`:             "tool --api-key *** x",
		"tool --token 'hush hush' x":                  "tool --token *** x",
		"TOKEN=hush tool":                             "TOKEN=*** tool",
		"tool --pwd hush -p":                          "tool --pwd *** -p",
		"sh -c 'DB_PASSWORD=hush tool'":               "sh -c 'DB_PASSWORD=*** tool'",
		`curl -H "Authorization: Bearer hush" x`:      `curl -H "Authorization: ***" x`,
		"curl -u x https://jill:hush@h.example/p?k=h": "curl -u x https://***@h.example/p?***",
		"password: --token hush":                      "password: *** ***",
		"PASSWORD=--token hush":                       "PASSWORD=*** ***",
		"tool --token Authorization: hush":            "tool --token *** ***",
		"token: secret: hush":                         "token: *** ***",
		"https://h.example/p#hush":                    "https://h.example/p?***",
		"https://a@hush:hush@h.example:8443":          "https://***@h.example:8443",
		"tool " + key + " x":                          "tool *** x",

		// These are no secrets.
		"aws-credproc get dev-role":                                  "",
		"tool --token-file /run/token --secret-id prod/db":           "",
		"tool --mfa-serial arn:aws:iam::1:mfa/j --region x":          "",
		"https://sts.eu-west-1.amazonaws.com/path":                   "",
		"https://corp.awsapps.com/start#/":                           "",
		"https://corp.awsapps.com/start#":                            "",
		"/usr/local/Cellar/saml2aws/2-36-19/libexec/Bin/saml2aws -a": "",
		"op read op://vault/item/password":                           "",
		"git show " + strings.Repeat("0a", 20):                       "",
		"aws sts get-session-token --serial-number x":                "",
	} {
		if want == "" {
			want = in
		}
		if got := Mask(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("tool --password ", "https://jill:", "@h/?k=")
	f.Add("password:", "", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		in := a + " --token hush-1 " + b + " x://hush-2@h/?hush-3 " + c
		once := Mask(in)
		if !strings.ContainsAny(a+b+c, `"'\`) && strings.Contains(once, "hush") {
			t.Errorf("%q: %q", in, once)
		}
		if twice := Mask(once); len(twice) > len(once)+8 {
			t.Errorf("%q: %q, again %q", in, once, twice)
		}
	})
}
