package profiles

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// FuzzTranslate checks that Untranslate restores what Translate has changed, byte for byte, and that
// no other profile is read differently in between.
func FuzzTranslate(f *testing.F) {
	for _, test := range translations {
		f.Add(test.before, "")
		f.Add("", test.before)
		f.Add(test.before, test.before)
	}
	f.Add("[profile p]\ncredential_process = aws-sso process --arn arn:aws:iam::123456789012:role/R\n"+
		"[sso-session Default]\nnot a setting\n", "")
	f.Fuzz(func(t *testing.T, config, credentials string) { translateAndBack(t, config, credentials) })
}

// translateAndBack translates each profile that can be translated. It returns their number.
func translateAndBack(t *testing.T, config, credentials string) (translated int) {
	for _, comment := range []string{beforeSetup, translatedStart, translatedSession} {
		if strings.Contains(config+credentials, comment) {
			return 0
		}
	}
	files := textFiles(config, credentials)
	for _, name := range files.Names() {
		e := files.Edit()
		program, err := Translate(e, name)
		if err != nil || program == "" {
			continue
		}
		translated++
		for _, other := range files.Names() {
			if other == name {
				continue
			}
			p, errBefore := files.Profile(other)
			q, errAfter := e.now.Profile(other)
			if (errBefore == nil) != (errAfter == nil) || len(p.Properties) != len(q.Properties) {
				t.Errorf("profile %q has changed with %q:\n%s", other, name, e.now.config.text)
			}
		}
		changed, err := Untranslate(e, name)
		if !changed || err != nil || e.now.config.text != config ||
			e.now.credentials.text != credentials {
			t.Errorf("undo of %q: %v, %v\n%q\n%q\nwant\n%q\n%q", name, changed, err,
				e.now.config.text, e.now.credentials.text, config, credentials)
		}
	}
	return translated
}

// TestTranslateRandomFiles builds files from odd lines at random, with a fixed seed.
func TestTranslateRandomFiles(t *testing.T) {
	lines := []string{
		"[profile p]", "[profile p]", "[p]", "[profile q] # c", "[default]", "[sso-session corp]",
		"granted_sso_start_url = https://corp.awsapps.com/start",
		"  granted_sso_region=eu-west-1", "granted_sso_account_id = 123456789012\n  continued",
		"granted_sso_start_url = https://corp.awsapps.com/start\ngranted_sso_region = eu-west-1\n" +
			"granted_sso_role_name = R\ngranted_sso_account_id = 123456789012",
		"credential_process = granted credential-process --profile p", "sso_region =",
		"credential_process = aws-vault exec --json p", "credential_process = aws-vault exec --json q",
		"role_arn = arn:aws:iam::1:role/R", "source_profile = q", "include_profile = q",
		"include_profile = p", "mfa_serial = m", "mfa_serial =", "aws_access_key_id = A",
		"aws_secret_access_key = B", "# c", "", "  ", "s3 =\n  a = b", "\tregion = x", "manager = awsume",
		"credential_process = aws-sso process --sso corp --arn arn:aws:iam::123456789012:role/Dev",
	}
	random := rand.New(rand.NewPCG(1, 2))
	file := func() string {
		newline := []string{"\n", "\r\n"}[random.IntN(2)]
		var b strings.Builder
		for n := random.IntN(14); n > 0; n-- {
			b.WriteString(strings.ReplaceAll(lines[random.IntN(len(lines))], "\n", newline) + newline)
		}
		if random.IntN(3) == 0 {
			return strings.TrimSuffix(b.String(), newline)
		}
		return b.String()
	}
	translated := 0
	for range 5000 {
		if translated += translateAndBack(t, "[profile p]\n"+file(), file()); t.Failed() {
			return
		}
	}
	if translated < 500 {
		t.Errorf("only %d profiles were translated", translated)
	}
}
