package profiles

import (
	"fmt"
	"strings"
	"testing"
)

const (
	testHelper = "/bin/aws-credproc"
	testPair   = "aws_access_key_id = AKIAX\naws_secret_access_key = hush\n"
	testWire   = "credential_process = /bin/aws-credproc get p\n"
)

// TakeKeys leaves the given texts, and PutKeys restores the original ones.
func TestPutKeysRestoresBytes(t *testing.T) {
	for name, test := range map[string]struct {
		config, credentials, leftConfig, leftCredentials string
	}{
		"plain": {"", "[p]\n" + testPair, "[profile p]\n" + testWire, "[p]\n"},
		"among settings": {
			"[profile p]\nregion = x\n",
			"# a\n[p] # b\noutput = json\n" + testPair + "# c\nregion = y\n\n[q]\n",
			"[profile p]\nregion = x\n" + testWire,
			"# a\n[p] # b\noutput = json\n# c\nregion = y\n\n[q]\n",
		},
		"separate lines": {
			"[default]\n",
			"[p]\naws_secret_access_key=hush # mine\n# c\n\nx=y\nAWS_ACCESS_KEY_ID   =AKIAX\n\n",
			"[default]\n\n[profile p]\n" + testWire, "[p]\n# c\n\nx=y\n\n",
		},
		"CRLF": {
			"[profile q]\r\n", "[p]\r\n" + crlf(testPair) + "a = b\r\n",
			"[profile q]\r\n\r\n[profile p]\r\n" + crlf(testWire), "[p]\r\na = b\r\n",
		},
		"no newline at end": {
			"[profile q]", "[p]\n" + strings.TrimSuffix(testPair, "\n"),
			"[profile q]\n\n[profile p]\n" + strings.TrimSuffix(testWire, "\n"), "[p]",
		},
		"no newline, separate lines": {
			"", "[p]\naws_access_key_id = AKIAX\na = b\naws_secret_access_key = hush",
			"[profile p]\n" + testWire, "[p]\na = b",
		},
		"config file": {
			"[profile p]\na = b\n" + testPair + "region = x\n\n[profile q]\n", "",
			"[profile p]\na = b\nregion = x\n" + testWire + "\n[profile q]\n", "",
		},
		"config file, bare": {
			"[profile p]\n" + strings.TrimSuffix(testPair, "\n"), "",
			"[profile p]\n" + strings.TrimSuffix(testWire, "\n"), "",
		},
		"both files": {
			"[profile p]\naws_access_key_id = AKIAOLD\naws_secret_access_key = old\n", "[p]\n" + testPair,
			"[profile p]\n" + testWire, "[p]\n",
		},
		"half a pair in the config file": {
			"[profile p]\naws_access_key_id = AKIAOLD\n", "[p]\n" + testPair,
			"[profile p]\n" + testWire, "[p]\n",
		},
		"twice": {
			"", "[p]\n" + testPair + "[q]\n[p]\naws_secret_access_key = hush\nx = y\n",
			"[profile p]\n" + testWire, "[p]\n[q]\n[p]\nx = y\n",
		},
		"not UTF-8": {
			"", "[p]\n# \xff\n" + testPair[:26] + "aws_secret_access_key = hush ; \xfe\n",
			"[profile p]\n" + testWire, "[p]\n# \xff\n",
		},
		"default": {
			"[default]\nregion = x\n", "[default]\n" + testPair,
			"[default]\nregion = x\n" + strings.ReplaceAll(testWire, "get p", "get default"),
			"[default]\n",
		},
		"my proj": {
			"", "[my proj]\n" + testPair, "[profile 'my proj']\n" +
				strings.ReplaceAll(testWire, "get p", `get my\ proj`), "[my proj]\n",
		},
		"it's $a": {
			"[profile \"it's $a\"]\nregion = x\n", "[it's $a]\n" + testPair,
			"[profile \"it's $a\"]\nregion = x\n" +
				strings.ReplaceAll(testWire, "get p", `get it\'s\ \$a`), "[it's $a]\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			profile := "p"
			if strings.Contains(test.leftCredentials, "["+name+"]") {
				profile = name
			}
			e := mustFiles(t, test.config, test.credentials).Edit()
			k, ok, err := TakeKeys(e, profile, testHelper)
			if err != nil || !ok || k.AccessKeyID != "AKIAX" || string(k.SecretAccessKey) != "hush" {
				t.Fatalf("%v, %v, %s", ok, err, k.AccessKeyID)
			}
			if got := e.now.config.text; got != test.leftConfig {
				t.Errorf("config\n%q, want\n%q", got, test.leftConfig)
			}
			if got := e.now.credentials.text; got != test.leftCredentials {
				t.Errorf("credentials\n%q, want\n%q", got, test.leftCredentials)
			}
			for _, c := range e.Changes() {
				if diff := c.Diff(); strings.Contains(diff, "hush") || strings.Contains(diff, "= old") {
					t.Errorf("the diff shows a secret:\n%s", diff)
				}
			}
			if shown := fmt.Sprintf("%v %+v %#v", k, k, k); strings.Contains(shown, "hush") {
				t.Errorf("printed: %s", shown)
			}
			back := e.now.Edit()
			if changed, err := PutKeys(back, profile, k); err != nil || !changed {
				t.Fatal(changed, err)
			}
			if back.now.config.text != test.config || back.now.credentials.text != test.credentials {
				t.Errorf(
					"put back\n%q\n%q, want\n%q\n%q", back.now.config.text, back.now.credentials.text, test.config,
					test.credentials,
				)
			}
			// A process was killed between writing the two files. In both orders the credentials
			// file then has the keys.
			between := (&Files{config: e.now.config, credentials: e.before.credentials}).Edit()
			if _, err := PutKeys(between, profile, k); err != nil {
				t.Error(err)
			}
			if between.now.config.text != test.config || between.now.credentials.text != test.credentials {
				t.Errorf(
					"killed between, put back\n%q\n%q, want\n%q\n%q", between.now.config.text,
					between.now.credentials.text, test.config, test.credentials,
				)
			}
			again := back.now.Edit()
			if changed, err := PutKeys(again, profile, k); err != nil || changed {
				t.Errorf("again: %v, %v", changed, err)
			}
		})
	}
}

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// The keys are added after the last setting, and the edits are kept.
func TestPutKeysIntoEditedSection(t *testing.T) {
	e := mustFiles(t, "[profile q]\n", "[p]\n"+testPair+"a = b\n").Edit()
	k, _, err := TakeKeys(e, "p", testHelper)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ config, credentials, wantConfig, want string }{
		"setting added": {
			"[profile p]\n" + testWire, "[p]\na = b\nc = d\n# e\n", "",
			"[p]\na = b\nc = d\n" + testPair + "# e\n",
		},
		"profile below": {
			"[profile p]\n" + testWire, "[p]\na = b\n\n[q]\n", "",
			"[p]\n" + testPair + "a = b\n\n[q]\n",
		},
		"other line ends": {"", "[p]\r\na = b\r\n", "", "[p]\r\na = b\r\n" + crlf(testPair)},
		"the section is gone": {
			"[profile p]\n" + testWire + "region = x\n", "[q]\n", "[profile p]\nregion = x\n",
			"[q]\n\n[p]\n" + testPair,
		},
		"both are gone": {"", "", "", "[p]\n" + testPair},
		"a comment is there": {
			"[profile p]\n" + testWire + "# c\n", "[p]\na = b\n", "[profile p]\n# c\n",
			"[p]\n" + testPair + "a = b\n",
		},
		"the keys are there": {
			"[profile p]\n" + testWire, "[p]\nx = y\n" + testPair, "", "[p]\nx = y\n" + testPair,
		},
		"wired to another one": {
			"[profile p]\ncredential_process = aws-credproc get q\n", "[p]\na = b\n",
			"[profile p]\ncredential_process = aws-credproc get q\n",
			"[p]\n" + testPair + "a = b\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustFiles(t, test.config, test.credentials).Edit()
			if _, err := PutKeys(e, "p", k); err != nil {
				t.Fatal(err)
			}
			if e.now.config.text != test.wantConfig || e.now.credentials.text != test.want {
				t.Errorf(
					"put back\n%q\n%q, want\n%q\n%q", e.now.config.text, e.now.credentials.text, test.wantConfig,
					test.want,
				)
			}
		})
	}
	for _, credentials := range []string{
		"[p]\naws_access_key_id = AKIAY\naws_secret_access_key = other\n",
		"[p]\naws_access_key_id = AKIAX\naws_secret_access_key = other\n",
	} {
		_, err := PutKeys(mustFiles(t, "", credentials).Edit(), "p", k)
		if !errHas(err, "the access key is not the one in the keyring\n"+
			"hint: aws-credproc import p replaces") {
			t.Errorf("%v", err)
		}
	}
}

func TestTakeKeysRefuses(t *testing.T) {
	for name, test := range map[string]struct{ config, credentials, want string }{
		"temporary": {
			"", "[p]\n" + testPair + "aws_session_token = t\n", "credentials:4: temporary keys",
		},
		"token in the config": {
			"[profile p]\naws_session_token = t\n", "[p]\n" + testPair, "config:2: temporary keys",
		},
		"in two files": {
			"[profile p]\naws_access_key_id = AKIAX\n", "[p]\naws_secret_access_key = hush\n",
			"credentials:2: aws_access_key_id and aws_secret_access_key are in different files",
		},
		"half": {
			"", "[p]\naws_access_key_id = AKIAX\n",
			"aws_access_key_id without aws_secret_access_key",
		},
		"a role": {
			"[profile p]\nrole_arn = " + arnA + "\nsource_profile = p\n", "[p]\n" + testPair,
			"config:2: both keys and role_arn",
		},
		"SSO": {
			"[profile p]\nsso_session = s\n", "[p]\n" + testPair, "both keys and sso_session",
		},
		"a login": {
			"[profile p]\nlogin_session = s\n", "[p]\n" + testPair, "both keys and login_session",
		},
		"a process": {
			"[profile p]\ncredential_process = /bin/x\n", "[p]\n" + testPair,
			"both keys and credential_process",
		},
		"wired": {
			"[profile p]\ncredential_process = aws-credproc get q\n", "[p]\n" + testPair,
			"both keys and credential_process",
		},
		"two lines": {
			"", "[p]\naws_access_key_id = AKIAX\naws_secret_access_key = hush\n  more\n",
			"aws_secret_access_key has characters that no access key has",
		},
		"the secret as ID": {
			"",
			"[p]\naws_access_key_id = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n" +
				"aws_secret_access_key = hush\n",
			"it may be the secret access key",
		},
		"no profile": {"", "", "no such profile"},
	} {
		t.Run(name, func(t *testing.T) {
			_, ok, err := TakeKeys(mustFiles(t, test.config, test.credentials).Edit(), "p", testHelper)
			if ok || !errHas(err, test.want) || errHas(err, "hush") || errHas(err, "wJalr") {
				t.Errorf("%v, %v; want %q", ok, err, test.want)
			}
		})
	}
	e := mustFiles(t, "[profile p]\nregion = x\n", "").Edit()
	if _, ok, err := TakeKeys(e, "p", testHelper); ok || err != nil || len(e.Changes()) > 0 {
		t.Errorf("without keys: %v, %v", ok, err)
	}
}

// A profile that is wired to itself gets new keys.
func TestTakeKeysOfWiredProfile(t *testing.T) {
	config := "[profile p]\n" + testWire
	e := mustFiles(t, config, "[p]\n"+testPair).Edit()
	k, ok, err := TakeKeys(e, "p", "/elsewhere/aws-credproc")
	if err != nil || !ok || k.Added ||
		e.now.config.text != config || e.now.credentials.text != "[p]\n" {
		t.Errorf("%v, %v, added %v:\n%q\n%q", ok, err, k.Added, e.now.config.text, e.now.credentials.text)
	}
}

func TestImportedKeysEndChain(t *testing.T) {
	config := "[profile p]\n" + testWire + "aws_account_id = 1\nmfa_serial = GAHT12345678\n[profile tools]\n" +
		"credential_process = aws-credproc get p\n[profile r]\nrole_arn = " + arnA + "\n" +
		"source_profile = p\n" +
		"[profile s]\nrole_arn = " + arnB + "\nsource_profile = tools\n" +
		"[profile x]\ncredential_process = aws-credproc get x\n"
	f := mustFiles(t, config, "[p]\n")
	f.Imported = func(profile string) (string, bool) { return "AKIAX", profile == "p" }
	for profile, want := range map[string]string{
		"p": "keyring p", "tools": "keyring p", "r": "keyring p > " + arnA + " (r)",
		"s": "keyring p > " + arnB + " (s)",
	} {
		c, err := f.Chain(profile)
		if err != nil || summary(c) != want ||
			c.Source.AccessKeyID != "AKIAX" || c.Source.AccountID != "1" ||
			c.Source.IsTemporary() || c.Source.RunsCommand() {
			t.Errorf("%s: %s, %v; want %s", profile, summary(c), err, want)
		}
		if hasMFA := c.MFA.Serial != ""; hasMFA != (profile == "p" || profile == "tools") {
			t.Errorf("%s: MFA is %v", profile, c.MFA)
		}
	}
	_, err := f.Chain("x")
	if !errHas(err, "config:14: credential_process gets the credentials of the profile itself\n"+
		"hint: if its keys were imported, aws-credproc import x finds them") {
		t.Errorf("%v", err)
	}
	hyphen := mustFiles(t, "[profile -x]\ncredential_process = aws-credproc get -- -x\n", "")
	if _, err := hyphen.Chain("-x"); !errHas(err, "aws-credproc import -- -x finds") {
		t.Errorf("%v", err)
	}
	_, _, err = Unwire(hyphen.Edit(), "-x")
	if !errHas(err, "hint: aws-credproc import --undo -- -x") {
		t.Errorf("%v", err)
	}
	all, _, err := f.List()
	if err != nil || all[0].Kind != "keyring" || !all[0].Wired || all[0].Source != "" ||
		all[1].Kind != "process" || all[1].Source != "p" || all[4].Kind != "process" {
		t.Errorf("listed %+v, %v", all, err)
	}
	// Keys in the file take precedence.
	f = mustFiles(t, config, "[p]\n"+testPair)
	f.Imported = func(string) (string, bool) { return "AKIAOLD", true }
	if c, err := f.Chain("r"); err != nil || c.Source.Type != Static {
		t.Errorf("%s, %v", summary(c), err)
	}
	// Wire works for a role with imported keys; Unwire refuses the profile of the keys.
	f = mustFiles(t, config, "")
	f.Imported = func(profile string) (string, bool) { return "AKIAX", profile == "p" }
	e := f.Edit()
	if _, _, err := Wire(e, "r", testHelper); err != nil {
		t.Error(err)
	}
	if _, _, err := Unwire(e, "p"); !errHas(err, "hint: aws-credproc import --undo p") {
		t.Errorf("%v", err)
	}
}
