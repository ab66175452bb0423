package profiles

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// sessionConfig has the profiles whose sessions the tests write.
const sessionConfig = `[profile dev]
credential_process = /bin/aws-credproc get dev-role

[profile dev-role]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base

[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = secret

[profile settings]
region = eu-west-1

[profile sso]
sso_session = corp
`

var testSession = SessionValues{
	AccessKeyID: "ASIAX", SecretAccessKey: "s3cr/et+", SessionToken: "token==",
	Expires: time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)), Region: "eu-west-1",
}

const writtenLines = `[old]
# Written by aws-credproc export: session ASIAX of profile dev
aws_access_key_id = ASIAX
aws_secret_access_key = s3cr/et+
aws_session_token = token==
x_security_token_expires = 2030-01-02T02:04:05Z
region = eu-west-1
`

// TestWriteSession: a session is written, replaced in its place, and removed. Then the file is what
// it was before.
func TestWriteSession(t *testing.T) {
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, test := range map[string]struct{ before, added, after string }{
		"empty file":          {"", "", writtenLines},
		"after a section":     {"[a]\nb = c\n", "", "[a]\nb = c\n\n" + writtenLines},
		"after a comment":     {"# c\n", "", "# c\n\n" + writtenLines},
		"CRLF":                {"[a]\r\n", "", "[a]\r\n\r\n" + crlf(writtenLines)},
		"no newline":          {"[a]", "", "[a]\n\n" + strings.TrimSuffix(writtenLines, "\n")},
		"blank lines":         {"[a]\n\n\n", "", "[a]\n\n\n\n" + writtenLines},
		"before a section":    {"[a]\n", "\n[b]\nc = d\n", "[a]\n\n" + writtenLines + "\n[b]\nc = d\n"},
		"before a comment":    {"[a]\n", "\n# b's\n[b]\n", "[a]\n\n" + writtenLines + "\n# b's\n[b]\n"},
		"indented properties": {"[a]\n  b = c\n", "", "[a]\n  b = c\n\n" + writtenLines},
	} {
		t.Run(name, func(t *testing.T) {
			e := textFiles(sessionConfig, test.before).Edit()
			if err := WriteSession(e, "old", "dev", testSession); err != nil {
				t.Fatal(err)
			}
			if got := e.now.credentials.text + test.added; got != test.after {
				t.Fatalf("written:\n%q, want\n%q", got, test.after)
			}
			e = textFiles(sessionConfig, test.after).Edit()
			other := testSession
			other.AccessKeyID, other.SessionToken, other.Region = "ASIALONGER", "t", ""
			if err := WriteSession(e, "old", "dev-role", other); err != nil {
				t.Fatal(err)
			}
			w := WrittenSessions(e.now)
			if len(w) != 1 || w[0].Edited || w[0].Name != "old" || w[0].Profile != "dev-role" ||
				!w[0].Expires.Equal(testSession.Expires.Truncate(time.Second)) {
				t.Errorf("written: %+v", w)
			}
			if err := WriteSession(e, "old", "dev", testSession); err != nil {
				t.Fatal(err)
			}
			if got := e.now.credentials.text; got != test.after {
				t.Errorf("replaced twice:\n%q, want\n%q", got, test.after)
			}
			if err := RemoveSession(e, "old"); err != nil {
				t.Fatal(err)
			}
			if got, want := e.now.credentials.text, test.before+test.added; got != want {
				t.Errorf("removed:\n%q, want\n%q", got, want)
			}
			if got := e.now.config.text; got != sessionConfig {
				t.Errorf("the config file has changed: %q", got)
			}
		})
	}
}

// TestEditedSessionStays: a section is neither replaced nor removed if it was edited.
func TestEditedSessionStays(t *testing.T) {
	replaced := func(old, with string) string {
		if !strings.Contains(writtenLines, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(writtenLines, old, with, 1)
	}
	for name, text := range map[string]string{
		"other key":           replaced("= ASIAX", "= ASIAY"),
		"other key in mark":   replaced("session ASIAX", "session ASIAY"),
		"other expiration":    replaced("2030-01-02T02:04:05Z", "tomorrow"),
		"other zone":          replaced("2030-01-02T02:04:05Z", "2030-01-02T03:04:05+01:00"),
		"no token":            replaced("aws_session_token = token==\n", ""),
		"no key":              replaced("aws_access_key_id = ASIAX\n", ""),
		"empty key":           replaced("= ASIAX", "="),
		"duplicate":           replaced("region", "region = x\nregion"),
		"added setting":       writtenLines + "output = json\n",
		"added sub-property":  writtenLines + "  a = b\n",
		"added comment":       replaced("region", "# mine\nregion"),
		"indented comment":    writtenLines + "  # mine\n",
		"spaces":              replaced("region = ", "region="),
		"upper case":          replaced("region", "Region"),
		"order":               replaced("[old]\n", "[old]\nregion = eu-west-1\n"),
		"faulty line":         replaced("region", "garbage\nregion"),
		"second section":      writtenLines + "\n[old]\n",
		"blank line":          replaced("region", "\nregion"),
		"comment after value": replaced("eu-west-1", "eu-west-1 # mine"),
	} {
		t.Run(name, func(t *testing.T) {
			f := textFiles(sessionConfig, text)
			if w := WrittenSessions(f); len(w) != 1 || !w[0].Edited || w[0].Profile != "dev" {
				t.Errorf("written: %+v", w)
			}
			e := f.Edit()
			if err := RemoveSession(e, "old"); !errHas(err, "not as aws-credproc wrote it") {
				t.Errorf("RemoveSession: %v", err)
			}
			if err := WriteSession(e, "old", "dev", testSession); err == nil {
				t.Error("WriteSession has replaced the section")
			}
			if len(e.Changes()) > 0 {
				t.Error("the file has changed")
			}
		})
	}
}

// TestWriteSessionRefuses: a section of another program stays, and no profile gets other
// credentials than before.
func TestWriteSessionRefuses(t *testing.T) {
	const credentials = "[other]\nregion = x\n[commented]\n# Written by aws-credproc.\n" +
		"[control]\n# Written by aws-credproc export: session A of profile \x1b[31m\n"
	for _, test := range []struct{ name, profile, err string }{
		{"other", "dev", "has not written this section"},
		{"commented", "dev", "has not written this section"},
		{"control", "dev", "has not written this section"},
		{"dev", "dev", "comes from this profile"},
		{"dev-role", "dev", "comes from this profile"},
		{"base", "dev", "comes from this profile"},
		{"dev", "dev-role", "has credential_process"},
		{"dev", "base", "has credential_process"},
		{"dev-role", "base", "has role_arn"},
		{"sso", "dev", "has sso_session"},
		{"", "dev", "invalid profile name"},
		{"-x", "dev", "starts with a hyphen"},
		{"a b", "dev", "invalid profile name"},
		{"a]", "dev", "invalid profile name"},
		{"a\n[b", "dev", "invalid profile name"},
		{"a\x1b[31m", "dev", "invalid profile name"},
		{"new", "nobody", "no such profile"},
	} {
		e := textFiles(sessionConfig, credentials).Edit()
		if err := WriteSession(e, test.name, test.profile, testSession); !errHas(err, test.err) {
			t.Errorf("%q of %s: %v, want %q", test.name, test.profile, err, test.err)
		}
		if len(e.Changes()) > 0 {
			t.Errorf("%q of %s: the files have changed", test.name, test.profile)
		}
	}
	for _, name := range []string{"settings", "default", "new", "profile", "a:b@c"} {
		e := textFiles(sessionConfig, credentials).Edit()
		if err := WriteSession(e, name, "dev", testSession); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWriteSessionRefusesValues: a value of a command cannot add lines to the file.
func TestWriteSessionRefusesValues(t *testing.T) {
	for _, value := range []string{
		"", "zq\nb = c", "zq\r", " zq", "zq #b", "zq\x00", "X of profile y",
	} {
		for i := range 4 {
			v := testSession
			switch i {
			case 0:
				v.AccessKeyID = value
			case 1:
				v.SecretAccessKey = Secret(value)
			case 2:
				v.SessionToken = Secret(value)
			case 3:
				v.Region = value
			}
			isFine := i > 0 && value == "X of profile y" || i == 3 && value == ""
			e := textFiles(sessionConfig, "").Edit()
			if err := WriteSession(e, "old", "dev", v); (err == nil) != isFine {
				t.Errorf("value %d is %q: %v", i, value, err)
			} else if err != nil && value != "" && strings.Contains(err.Error(), value) {
				t.Errorf("the error has the value: %v", err)
			}
		}
	}
}

// FuzzWriteSession checks that writing a session changes no other profile, and that removing it
// restores every byte of the file.
func FuzzWriteSession(f *testing.F) {
	for _, text := range slices.Concat(seeds(f), edits, oddForms) {
		f.Add(text, "old", "ASIAX", "s/+=", "token")
	}
	f.Add(writtenLines, "old", "ASIAX", "a = b", "c")
	f.Add(writtenLines+"\n[a]\n", "a:b", "ASIAX of profile x", "a", "b")
	f.Fuzz(func(t *testing.T, credentials, name, id, secret, token string) {
		files := textFiles(sessionConfig, credentials)
		v := SessionValues{
			AccessKeyID: id, SecretAccessKey: Secret(secret), SessionToken: Secret(token),
			Expires: testSession.Expires,
		}
		was := all(t, files)
		replaces := len(files.credentials.sectionsOf(profileSection, name)) > 0
		e := files.Edit()
		if WriteSession(e, name, "dev", v) != nil {
			return
		}
		p, err := e.now.Profile(name)
		if err != nil || p.Get("aws_access_key_id") != id ||
			p.Get("aws_secret_access_key") != secret || p.Get("aws_session_token") != token {
			t.Fatalf("written as %v, %v", values(p), err)
		}
		first := e.now.credentials.text
		other := v
		other.AccessKeyID, other.Region = "ASIAOTHER", "eu-west-1"
		for _, again := range []SessionValues{other, v} {
			if err := WriteSession(e, name, "dev", again); err != nil {
				t.Fatal(err)
			}
		}
		if got := e.now.credentials.text; got != first {
			t.Fatalf("replaced twice:\n%q, was\n%q", got, first)
		}
		if err := RemoveSession(e, name); err != nil {
			t.Fatal(err)
		}
		if got := e.now.credentials.text; !replaces && got != credentials {
			t.Fatalf("removed:\n%q, was\n%q", got, credentials)
		}
		now := all(t, e.now)
		delete(was, name)
		delete(now, name)
		if len(was) != len(now) {
			t.Fatalf("profiles %v, was %v", now, was)
		}
	})
}
