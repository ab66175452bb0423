package cli

import (
	"strings"
	"testing"

	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

const (
	stdinID     = "AKIAIOSFODNN7EXAMPLE"
	stdinSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	stdinJSON   = `"AccessKeyId": "` + stdinID + `", "SecretAccessKey": "` + stdinSecret + `"`
	stdinLines  = "aws_access_key_id = " + stdinID + "\naws_secret_access_key = " + stdinSecret + "\n"
)

func TestParseKeys(t *testing.T) {
	for name, text := range map[string]string{
		"JSON of aws-vault":     "{\n  \"Version\": 1,\n  " + stdinJSON + "\n}\n",
		"empty session token":   `{"Version": 1, ` + stdinJSON + `, "SessionToken": "", "Expiration": null}`,
		"account":               `{"Version": 1, ` + stdinJSON + `, "AccountId": "123456789012"}`,
		"byte order mark":       "\ufeff" + `{"Version": 1, ` + stdinJSON + `}`,
		"lines":                 stdinLines,
		"lines of aws-vault":    "[profile jill]\n" + stdinLines + "region = eu-west-1\n",
		"CRLF":                  strings.ReplaceAll(stdinLines, "\n", "\r\n"),
		"comments and case":     "# key\n\n[jill]\n; x\n" + strings.Replace(stdinLines, "aws", "AWS", 1),
		"without spaces":        strings.ReplaceAll(stdinLines, " = ", "="),
		"without end of line":   strings.TrimSpace(stdinLines),
		"empty session setting": stdinLines + "aws_session_token =\n",
	} {
		id, secret, err := parseKeys([]byte(text))
		if err != nil || id != stdinID || secret != stdinSecret {
			t.Errorf("%s: %q, %v", name, id, err)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	const invalid = "invalid JSON of a credential_process"
	version := func(fields string) string { return `{"Version": 1, ` + fields + `}` }
	for text, want := range map[string]string{
		"":                                      "no access key",
		" \n":                                   "no access key",
		strings.Repeat("x", 16<<10+1):           "more than 16 KB",
		"{" + stdinJSON + "}":                   `needs "Version": 1`,
		`{"Version": 2, ` + stdinJSON + `}`:     `needs "Version": 1`,
		`{"Version": "1", ` + stdinJSON + `}`:   `needs "Version": 1`,
		version(stdinJSON) + "x":                "text after the JSON",
		version(stdinJSON) + version(stdinJSON): "text after the JSON",
		version(stdinJSON + `, "AccessKeyId": "AKIAOTHER"`): "a field appears twice",
		version(stdinJSON + `, "accesskeyid": "AKIAOTHER"`): "a field that the JSON",
		version(stdinJSON + `, "SessionToken": "t"`):        "temporary credentials",
		version(stdinJSON + `, "Expiration": "2026-01-01"`): "temporary credentials",
		version(stdinJSON + `, "SessionToken": 1`):          "temporary credentials",
		version(`"AccessKeyId": 1`):                         "AccessKeyId is not a string",
		version(`"AccessKeyId": {"a": 1}`):                  invalid,
		version(stdinJSON + `, "AccountId": ["x"]`):         invalid,
		`{"Version": 1, ` + stdinJSON:                       invalid,
		`{"Version": 1,, ` + stdinJSON + `}`:                invalid,
		`{1: 2}`:                                            invalid,
		"[jill]\n[jane]\n" + stdinLines:                     "expected one access key",
		stdinLines + "[jane]\n":                             "expected one access key",
		"[jill\n" + stdinLines:                              `expected lines with "key = value"`,
		stdinLines + stdinLines:                             "a second value",
		stdinLines + "aws_session_token = t\n":              "temporary credentials",
		stdinLines + "aws_credential_expiration = 2026\n":   "temporary credentials",
		stdinLines + "role_arn = arn:aws:iam::1:role/x\n":   "a setting that no access key",
		"AWS_ACCESS_KEY_ID " + stdinID + "\n":               `expected lines with "key = value"`,
	} {
		_, _, err := parseKeys([]byte(text))
		if err == nil || !strings.Contains(diag.Text(err), want) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
			continue
		}
		if shown := diag.Text(err); strings.Contains(shown, stdinSecret) || strings.Contains(shown, stdinID) {
			t.Errorf("%.60q: the error quotes the key: %s", text, shown)
		}
	}
}

// FuzzParseKeys checks that a text with an access key yields values that are in the text, and that
// an error quotes nothing of the text.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"Version": 1, ` + stdinJSON + `}`))
	f.Add([]byte("[jill]\r\n" + stdinLines + "region = x\n"))
	f.Add([]byte(`{"Version": 1, ` + stdinJSON + `, "SessionToken": "t"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, secret, err := parseKeys(text)
		if err != nil {
			if id != "" || secret != "" {
				t.Errorf("an access key with the error %v", err)
			}
			return
		}
		keys, err := profiles.NewKeys(id, secret)
		if err != nil {
			return
		}
		shown := string(text)
		for _, value := range []string{keys.AccessKeyID, string(keys.SecretAccessKey)} {
			// JSON may write any character of a value as an escape.
			if !strings.Contains(shown, value) && !strings.Contains(shown, `\`) {
				t.Errorf("%q has no %q", text, value)
			}
		}
	})
}
