package printable

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
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

		// A public name before a secret one
		"AccessKeyId=A,SecretAccessKey=hush":         "AccessKeyId=A,SecretAccessKey=***",
		"token_type=bearer&access_token=hush":        "token_type=bearer&access_token=***",
		"SharedAccessKeyName=R;SharedAccessKey=hush": "SharedAccessKeyName=R;SharedAccessKey=***",
		"TOKEN_FILE=/x:password=hush":                "TOKEN_FILE=/x:password=***",
		"SECRET_NAME='x TOKEN=hush' y":               "SECRET_NAME='x TOKEN=***' y",

		// Quotes and escapes
		"'--password' hush x":                          "'--password' *** x",
		`"--password" "hu sh" x`:                       `"--password" *** x`,
		`["--password", "hush"] x`:                     `["--password", *** x`,
		`["--password","hush"] x`:                      `["--password",*** x`,
		`tool "--password=hush hush" x`:                `tool "--password=***" x`,
		`--password 'hu'"sh" x`:                        "--password *** x",
		`--password my\ hush x`:                        "--password *** x",
		`--password a'b hush' x`:                       "--password *** x",
		`--password 'it'\''s hush' x`:                  "--password *** x",
		`--password a\"hush x`:                         "--password *** x",
		`--password a\\ x`:                             "--password *** x",
		`sh -c "tool --password \"hu sh\" x" y`:        `sh -c "tool --password *** x" y`,
		`sh -c 'tool --password "hu sh"hush x' y`:      `sh -c 'tool --password *** x' y`,
		`tool -d '{"password":"hu sh","user":"jill"}'`: `tool -d '{"password":***,"user":"jill"}'`,
		`{\"password\":\"hu sh\",\"user\":\"jill\"}`:   `{\"password\":***,\"user\":\"jill\"}`,
		`{\"password\":\"hu\\\"sh\",\"user\":\"j\"}`:   `{\"password\":***,\"user\":\"j\"}`,

		// Headers
		"Authorization: Token hush":                `Authorization: ***`,
		`Authorization: Digest a="hush", b="hush"`: `Authorization: ***`,
		`curl -H "authorization: Token hush" x`:    `curl -H "authorization: ***" x`,
		`{"Authorization": "Token hush", "a": 1}`:  `{"Authorization": ***, "a": 1}`,
		"password=Authorization:Basic hush x":      "password=*** x",

		// Other names, and separators
		"tool --pass hush -x":          "tool --pass *** -x",
		"DB_PASS=hush PASS=hush tool":  "DB_PASS=*** PASS=*** tool",
		"tool --token --Hush -x":       "tool --token *** -x",
		"tool --token --token hush -x": "tool --token --token *** -x",
		"tool --password\n  hush\n-x":  "tool --password\n  ***\n-x",
		"tool --password=\n  hush\n-x": "tool --password=\n  ***\n-x",
		"password = hush":              "password = ***",

		"env SSHPASS=hush sshpass -e ssh h":           "env SSHPASS=*** sshpass -e ssh h",
		"oathtool --totp --base32 HUSH":               "oathtool --totp --base32 ***",
		"otp --seed hush":                             "otp --seed ***",
		"keytool -storepass hush -keypass hush -list": "keytool -storepass *** -keypass *** -list",

		"env MFA_SEED=HUSH BW_SESSION=hush tool": "env MFA_SEED=*** BW_SESSION=*** tool",
		"tool eyJhbGciOi.eyJzdWIi.c2ln_-x y":     "tool *** y",

		// These are no secrets.
		"tool eyJhbGciOi eyJ.x a.b.c":                                "",
		"gpg --passphrase-fd 0 --password-stdin x":                   "",
		"PASSWORD_STORE_DIR=/srv pass show x":                        "",
		"tool --pass-prefix x --token-duration 3600":                 "",
		"tool --no-credentials -- x":                                 "",
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
		"tool --bypass x --compass=y":                                "",
		"tool --token --role x":                                      "",
		"--credential-source x":                                      "",
		`{"Action":"secretsmanager:GetSecretValue"}`:                 "",
		`tool "TOKEN=" x`:                                            "",
		"tool --token= ":                                             "",
	} {
		if want == "" {
			want = in
		}
		if got := Mask(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestIsSecretName(t *testing.T) {
	for name, want := range map[string]bool{
		"aws_secret_access_key": true, "aws_session_token": true, "aws_security_token": true,
		"okta_password": true, "api_key": true, "My_Secret": true, "pass": true,
		"aws_access_key_id": false, "credential_process": false, "credential_source": false,
		"web_identity_token_file": false, "web_identity_token_process": false, "region": false,
		"role_arn": false, "bypass": false,
	} {
		if got := IsSecretName(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

// The parts of Mask are written by hand because package regexp would delay credproc/warm.
func TestPartsOfMaskAreThoseOfExpressions(t *testing.T) {
	const (
		parts = `passw(?:or)?d|passphrase|passcode|pwd|secret|token|api[_-]?key|access[_-]?key|` +
			`private[_-]?key|credential|authorization|bw[_-]session`
		words   = `pass|sshpass|storepass|keypass|base32|seed`
		closing = `(?:\\*["'])`
	)
	url := regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)
	key := regexp.MustCompile(`[A-Za-z0-9/+]{40,}`)
	name := regexp.MustCompile(`(?i)^(?:[\w-]*(?:` + parts + `)[\w-]*|(?:[\w-]*[_-])?(?:` + words +
		`)(?:[_-][\w-]*)?)$`)
	public := regexp.MustCompile(`(?i)(?:` + strings.Join(publicEnds, "|") + `)$`)
	separator := regexp.MustCompile(`^(?:` + closing + `?[ \t]*[:=][ \t\r\n]*|` +
		closing + `?,?[ \t\r\n]+|` + closing + `,)`)
	inNames := strings.Split("pass,wd,word,phrase,code,pwd,secret,token,credential,authorization,"+
		"api,access,private,key,ssh,store,base,32,seed,file,bw,session,-,-,-,_,_,_,a,Z,0", ",")
	others := append(strings.Split(`: : = = " ' \ \\ , + / . ? < é :// `+strings.Repeat("aB3/", 10), " "),
		" ", "\t", "\n", "\r", "\f", "\v", "\x80")
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 100_000 {
		pieces, s := inNames, ""
		if i%2 == 0 {
			pieces = append(inNames, others...)
		}
		for range 1 + random.IntN(6) {
			s += pieces[random.IntN(len(pieces))]
		}
		if got, want := maskURLs(s), url.ReplaceAllStringFunc(s, maskURL); got != want {
			t.Errorf("URLs in %q: %q, want %q", s, got, want)
		}
		got, want := maskWords(s, isKeyByte, isKey), key.ReplaceAllStringFunc(s, func(word string) string {
			if isKey(word) {
				return masked
			}
			return word
		})
		if got != want {
			t.Errorf("keys in %q: %q, want %q", s, got, want)
		}
		if got, want := isSecretName(s), name.MatchString(s) && !public.MatchString(s); got != want &&
			!strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 || !isNameByte(byte(r)) }) {
			t.Errorf("%q is the name of a secret: %t, want %t", s, got, want)
		}
		if got, want := separatorLength(s), len(separator.FindString(s)); got != want {
			t.Errorf("separator of %q: %d bytes, want %d", s, got, want)
		}
	}
}

// Quadratic time would be minutes here.
func TestMaskTakesLinearTime(t *testing.T) {
	for _, part := range []string{
		"token:", "token_file=", "token: ", "--token ", "token", `\`, `token=\"`, `"token":"`, "'token='",
		"authorization: ", "authorization:", "--token --a'", `token=bearer `, `--token="`, `token='`, "-",
		"://", "1://", "a://", "a:// ", "token ,", "token\\",
	} {
		start := time.Now()
		Mask(strings.Repeat(part, 200_000/len(part)))
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%q takes %v", part, took)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("tool --password ", "https://jill:", "@h/?k=")
	f.Add("password:", "", "")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		in := a + " --token hush-1 " + b + " x://hush-2@h/?hush-3 " + c +
			` '--token' hush-4 ` + b + ` --token 'hu'"sh-5" ` + a
		once := Mask(in)
		if !strings.ContainsAny(a+b+c, `"'\`) &&
			(strings.Contains(once, "hush") || strings.Contains(once, "sh-5")) {
			t.Errorf("%q: %q", in, once)
		}
		if twice := Mask(once); len(twice) > len(once)+8 {
			t.Errorf("%q: %q, again %q", in, once, twice)
		}
	})
}
