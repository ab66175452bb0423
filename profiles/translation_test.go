package profiles

import (
	"strings"
	"testing"

	"aws-credproc/internal/diag"
)

// translations are configs of other programs, with what setup makes of their profile "dev".
var translations = map[string]struct{ program, target, before, after string }{
	"granted": {
		"granted", "dev-sso", `[profile dev]
granted_sso_start_url      = https://corp.awsapps.com/start
granted_sso_region         = eu-west-1
granted_sso_account_id     = 123456789012
granted_sso_role_name      = Developer
common_fate_generated_from = aws-sso
credential_process         = granted credential-process --profile dev
region = eu-west-1

[profile other]
region = eu-west-1
`, `[profile dev]
credential_process = HELPER get dev-sso
common_fate_generated_from = aws-sso
region = eu-west-1

[profile dev-sso]
# Translated by aws-credproc setup; setup --undo restores it (added 3, HASH)
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Developer
# before setup: granted_sso_start_url      = https://corp.awsapps.com/start
# before setup: granted_sso_region         = eu-west-1
# before setup: granted_sso_account_id     = 123456789012
# before setup: granted_sso_role_name      = Developer
common_fate_generated_from = aws-sso
# before setup: credential_process         = granted credential-process --profile dev
region = eu-west-1

[profile other]
region = eu-west-1

[sso-session corp]
# Created by aws-credproc setup for a translated profile.
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
`,
	},
	"granted with an SSO session of the AWS CLI, without end of line": {
		"granted", "dev-sso", `[sso-session work]
sso_start_url = https://corp.awsapps.com/start/#
sso_region = eu-west-1

[profile dev]
granted_sso_start_url = https://corp.awsapps.com/start
granted_sso_region = eu-west-1
granted_sso_account_id = 123456789012
granted_sso_role_name = Developer`, `[sso-session work]
sso_start_url = https://corp.awsapps.com/start/#
sso_region = eu-west-1

[profile dev]
credential_process = HELPER get dev-sso

[profile dev-sso]
# Translated by aws-credproc setup; setup --undo restores it (added 3, HASH)
sso_session = work
sso_account_id = 123456789012
sso_role_name = Developer
# before setup: granted_sso_start_url = https://corp.awsapps.com/start
# before setup: granted_sso_region = eu-west-1
# before setup: granted_sso_account_id = 123456789012
# before setup: granted_sso_role_name = Developer`,
	},
	"aws-vault: include_profile": {
		"aws-vault", "dev-role", `[profile base]
mfa_serial = arn:aws:iam::123456789012:mfa/jill
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret

[profile dev]
include_profile = base
role_arn = arn:aws:iam::123456789012:role/Dev
region = eu-west-1
`, `[profile base]
mfa_serial = arn:aws:iam::123456789012:mfa/jill
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret

[profile dev]
credential_process = HELPER get dev-role
region = eu-west-1

[profile dev-role]
# Translated by aws-credproc setup; setup --undo restores it (added 2, HASH)
mfa_serial = arn:aws:iam::123456789012:mfa/jill
source_profile = base
# before setup: include_profile = base
role_arn = arn:aws:iam::123456789012:role/Dev
region = eu-west-1
`,
	},
	"aws-vault: credential_process of the profile itself": {
		"aws-vault", "dev-role", `[profile base]
credential_process = pass-helper
[profile dev]
	role_arn = arn:aws:iam::123456789012:role/Dev
	source_profile = base
	credential_process = /usr/bin/aws-vault --prompt=zenity exec --json -d 1h dev
`, `[profile base]
credential_process = pass-helper
[profile dev]
credential_process = HELPER get dev-role

[profile dev-role]
	role_arn = arn:aws:iam::123456789012:role/Dev
	source_profile = base
# Translated by aws-credproc setup; setup --undo restores it (added 0, HASH)
# before setup: 	credential_process = /usr/bin/aws-vault --prompt=zenity exec --json -d 1h dev
`,
	},
	"aws-vault: credential_process of another profile": {
		"aws-vault", "dev-role", `[profile base]
credential_process = pass-helper

[profile vault]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
external_id = xyz

[profile dev]
credential_process = aws-vault export --format=json vault
output = json
`, `[profile base]
credential_process = pass-helper

[profile vault]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
external_id = xyz

[profile dev]
credential_process = HELPER get dev-role
output = json

[profile dev-role]
# Translated by aws-credproc setup; setup --undo restores it (added 3, HASH)
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
external_id = xyz
# before setup: credential_process = aws-vault export --format=json vault
output = json
`,
	},
	"aws-sso-cli": {
		"aws-sso-cli", "dev-sso", `[sso-session Default]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1

# BEGIN_AWS_SSO_CLI

[profile dev]
credential_process = /usr/bin/aws-sso process --sso Default --arn arn:aws:iam::000056789012:role/Dev

# END_AWS_SSO_CLI
`, `[sso-session Default]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1

# BEGIN_AWS_SSO_CLI

[profile dev]
credential_process = HELPER get dev-sso

[profile dev-sso]
# Translated by aws-credproc setup; setup --undo restores it (added 3, HASH)
sso_session = Default
sso_account_id = 000056789012
sso_role_name = Dev
# before setup: credential_process = /usr/bin/aws-sso process --sso Default --arn arn:aws:iam::000056789012:role/Dev

# END_AWS_SSO_CLI
`,
	},
	"awsume: mfa_serial of the source profile": {
		"awsume", "dev-role", `[profile base]
mfa_serial = arn:aws:iam::123456789012:mfa/jill
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret
[profile dev]
role_arn = arn:aws:iam::123456789012:role/Dev
mfa_serial =
source_profile = base
[profile awsumed]
manager = awsume
`, `[profile base]
mfa_serial = arn:aws:iam::123456789012:mfa/jill
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = secret
[profile dev]
credential_process = HELPER get dev-role

[profile dev-role]
role_arn = arn:aws:iam::123456789012:role/Dev
# Translated by aws-credproc setup; setup --undo restores it (added 1, HASH)
mfa_serial = arn:aws:iam::123456789012:mfa/jill
# before setup: mfa_serial =
source_profile = base
[profile awsumed]
manager = awsume
`,
	},
}

// TestTranslate checks what setup makes of other programs' configs, and that the undo restores them
// byte for byte.
func TestTranslate(t *testing.T) {
	for name, test := range translations {
		t.Run(name, func(t *testing.T) {
			for _, newline := range []string{"\n", "\r\n"} {
				before := strings.ReplaceAll(test.before, "\n", newline)
				e := mustFiles(t, before, "").Edit()
				target, program, err := TryWire(e, "dev", testHelper)
				if err != nil || program != test.program || target != test.target {
					t.Fatalf("%q, %q, %v", target, program, err)
				}
				got := strings.ReplaceAll(withoutHash(e.now.config.text), newline, "\n")
				if want := strings.ReplaceAll(test.after, "HELPER", testHelper); got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
				after := e.now.config.text
				if _, program, err := TryWire(e, "dev", testHelper); program != "" || err != nil ||
					e.now.config.text != after {
					t.Errorf("again: %q, %v", program, err)
				}
				if _, changed, err := TryUnwire(e, "dev"); !changed || err != nil {
					t.Fatalf("undo: %v, %v", changed, err)
				}
				if e.now.config.text != before {
					t.Errorf("after undo\n%s\nwant\n%s", e.now.config.text, before)
				}
			}
		})
	}
}

// withoutHash replaces the hash in a comment of Translate.
func withoutHash(text string) string {
	before, after, ok := strings.Cut(text, " (added ")
	if !ok {
		return text
	}
	return before + " (added " + after[:1] + ", HASH" + after[11:]
}

// Edits after the translation are kept by the undo.
func TestUntranslateKeepsEdits(t *testing.T) {
	e := mustFiles(t, translations["granted"].before, "").Edit()
	if _, _, err := TryWire(e, "dev", testHelper); err != nil {
		t.Fatal(err)
	}
	if err := e.Set(ConfigFile, "dev-sso", "sso_role_name", "Admin"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := TryUnwire(e, "dev"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Admin\n" +
			"granted_sso_start_url ", "\n[sso-session corp]\n",
	} {
		if !strings.Contains(e.now.config.text, want) {
			t.Errorf("after undo\n%s\nwant %q", e.now.config.text, want)
		}
	}
}

// Two profiles share the SSO session, which is removed with the last of them.
func TestTranslatedSessionIsShared(t *testing.T) {
	one := translations["granted"].before
	before := one + "\n" + strings.ReplaceAll(strings.Split(one, "\n\n")[0], "dev", "two") + "\n"
	e := mustFiles(t, before, "").Edit()
	for _, name := range []string{"dev", "two"} {
		if _, _, err := TryWire(e, name, testHelper); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(e.now.config.text, "[sso-session "); n != 1 {
		t.Errorf("%d SSO sessions, want 1", n)
	}
	for i, name := range []string{"dev", "two"} {
		if _, _, err := TryUnwire(e, name); err != nil {
			t.Fatal(err)
		}
		if has := strings.Contains(e.now.config.text, "[sso-session "); has == (i == 1) {
			t.Errorf("after the undo of %s: session is there: %v", name, has)
		}
	}
	if e.now.config.text != before {
		t.Errorf("after undo\n%s", e.now.config.text)
	}
}

// A line that cannot be read was added to the SSO session that Translate has created.
func TestUntranslateNamesFaultOfItsSession(t *testing.T) {
	e := textFiles("[profile dev]\ngranted_sso_start_url = https://corp.awsapps.com/start\n"+
		"granted_sso_region = eu-west-1\ngranted_sso_account_id = 123456789012\n"+
		"granted_sso_role_name = Dev\n", "").Edit()
	if _, err := Translate(e, "dev"); err != nil {
		t.Fatal(err)
	}
	e = textFiles(e.now.config.text+"not a setting\n", "").Edit()
	_, err := Untranslate(e, "dev")
	if err == nil || !strings.Contains(err.Error(), "expected \"key = value\"") {
		t.Errorf("%v\n%s", err, e.now.config.text)
	}
}

func TestTranslationRefuses(t *testing.T) {
	const role = "role_arn = arn:aws:iam::123456789012:role/Dev\n"
	export := "hint: aws-vault export --no-session --format=json jill | aws-credproc import jill --stdin"
	for _, test := range []struct{ config, want string }{
		{"[profile dev]\ngranted_sso_start_url = https://x\n", "without granted_sso_region"},
		{"[profile dev]\ncredential_process = aws-sso process --sso Corp --arn arn:aws:iam::123456789012:role/Dev\n",
			"add [sso-session Corp]"},
		{"[profile dev]\ncredential_process = aws-sso process --sso Corp\n", "no account and role"},
		{"[profile dev]\ninclude_profile = gone\n" + role, "gone, which does not exist"},
		{"[profile jill]\n[profile dev]\ninclude_profile = jill\n" + role, export},
		{"[profile dev]\nsource_profile = jill\n" + role + "credential_process = aws-vault exec --json dev\n", export},
		{"# aws-vault\n[profile dev]\nsource_profile = jill\n" + role + "[profile jill]\nregion = x\n", export},
		{"[profile dev]\ncredential_process = aws-vault export --no-session dev\n", "the access key is in no file"},
		{"[profile dev]\nmanager = awsume\nsource_profile = jill\n", "hint: aws-credproc setup jill"},
	} {
		_, _, err := mustFiles(t, test.config, "").Translation("dev")
		if shown := diag.Text(err); !strings.Contains(shown, test.want) {
			t.Errorf("%s: %s, want %q", test.config, shown, test.want)
		}
	}
}

// Settings that the program of a profile reads, or that have another meaning, are not translated.
func TestNotTranslated(t *testing.T) {
	for _, config := range []string{
		"[profile dev]\nregion = x\n",
		"[profile dev]\nrole_arn = r\nsource_profile = b\n[profile b]\nmfa_serial = m\n" +
			"aws_access_key_id = a\naws_secret_access_key = b\n", // no sign of another program
		"[profile dev]\ncredential_process = other --profile dev\ngranted_sso_role_name = x\n",
		"[profile dev]\ncredential_process = granted credential-process --profile dev\n",
		"[profile dev]\ncredential_process = aws-vault exec --json --unknown jill\n",
		"[profile dev]\ncredential_process = aws-vault exec --json jill\n[profile jill]\nregion = x\n",
		"[profile dev]\ncredential_process = aws-credproc get dev-role\ninclude_profile = b\n" +
			"[profile b]\nregion = x\n",
	} {
		if tr, ok, err := mustFiles(t, config, "").Translation("dev"); ok || err != nil {
			t.Errorf("%s: %+v, %v", config, tr, err)
		}
	}
}
