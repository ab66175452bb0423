package profiles

import (
	"errors"
	"strings"
	"testing"

	"aws-credproc/internal/diag"
)

const givenSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

func mustNewKeys(t *testing.T) Keys {
	t.Helper()
	k, err := NewKeys("AKIAIOSFODNN7EXAMPLE", givenSecret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// GiveKeys leaves the given config file; PutKeys leaves the last one, and the key in the
// credentials file.
func TestGiveKeys(t *testing.T) {
	wired := "credential_process = " + testHelper + " get p\n"
	pair := "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = " + givenSecret + "\n"
	vault := "credential_process = aws-vault export --format=json --no-session p\n"
	for name, test := range map[string]struct {
		config, credentials, given, put, credentialsPut string
	}{
		"no profile": {
			"", "", "[profile p]\n" + wired, "", "[p]\n" + pair,
		},
		"another profile": {
			"[profile q]\nregion = x\n", "[q]\na = 1", "[profile q]\nregion = x\n\n[profile p]\n" + wired,
			"[profile q]\nregion = x\n", "[q]\na = 1\n\n[p]\n" + strings.TrimSuffix(pair, "\n"),
		},
		"profile of aws-vault without credentials": {
			"[profile p]\nmfa_serial = m\n", "", "[profile p]\nmfa_serial = m\n" + wired,
			"[profile p]\nmfa_serial = m\n", "[p]\n" + pair,
		},
		"process of aws-vault": {
			"[profile p]\n" + vault + "region = x\n", "",
			"[profile p]\n# before import: " + vault + "region = x\n" + wired,
			"[profile p]\n# before import: " + vault + "region = x\n", "[p]\n" + pair,
		},
		"section in the credentials file": {
			"", "[p]\nregion = x\n", "[profile p]\n" + wired, "", "[p]\nregion = x\n" + pair,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustFiles(t, test.config, test.credentials).Edit()
			k := mustNewKeys(t)
			if err := GiveKeys(e, "p", testHelper, &k); err != nil {
				t.Fatal(err)
			}
			if got := e.now.config.text; got != test.given {
				t.Errorf("config after GiveKeys:\n%s\nwant\n%s", got, test.given)
			}
			if e.now.credentials.text != test.credentials {
				t.Error("GiveKeys has changed the credentials file")
			}
			if _, err := PutKeys(e, "p", k); err != nil {
				t.Fatal(err)
			}
			if got := e.now.config.text; got != test.put {
				t.Errorf("config after PutKeys:\n%s\nwant\n%s", got, test.put)
			}
			if got := e.now.credentials.text; got != test.credentialsPut {
				t.Errorf("credentials after PutKeys:\n%s\nwant\n%s", got, test.credentialsPut)
			}
		})
	}
}

func TestGiveKeysRefuses(t *testing.T) {
	for _, test := range []struct{ profile, config, credentials, want string }{
		{"p", "", "[p]\n" + testPair, "the profile has an access key in the file already"},
		{"p", "", "[p]\naws_access_key_id = AKIA\n", "already"},
		{"p", "[profile p]\naws_session_token = t\n", "", "temporary keys"},
		{"p", "[profile p]\nrole_arn = r\n", "", "both keys and role_arn"},
		{"p", "[profile p]\nsso_session = s\n", "", "both keys and sso_session"},
		{"p", "[profile p]\ncredential_process = other aws-vault\n", "", "both keys and credential_process"},
		{"-p", "", "", "starts with a hyphen"},
		{"", "", "", "starts with a hyphen"},
		{"a\nb", "", "", "invalid profile name"},
	} {
		k := mustNewKeys(t)
		err := GiveKeys(mustFiles(t, test.config, test.credentials).Edit(), test.profile, testHelper, &k)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.config, err, test.want)
		}
	}
}

func TestNewKeysRefuses(t *testing.T) {
	for _, test := range []struct{ id, secret, want string }{
		{"", givenSecret, "expected both"},
		{"AKIAIOSFODNN7EXAMPLE", "", "expected both"},
		{givenSecret, "AKIAIOSFODNN7EXAMPLE", "too long"},
		{"AKIAIOSFODNN7EXAMPLE", strings.Repeat("x", 129), "more than 128"},
		{"AKIA\x1b[31m", givenSecret, "characters"},
		{"AKIAIOSFODNN7EXAMPLE", "a\nb", "characters"},
		{"ASIAIOSFODNN7EXAMPLE", givenSecret, "temporary"},
	} {
		_, err := NewKeys(test.id, test.secret)
		var e *diag.Error
		if !errors.As(err, &e) || !strings.Contains(e.Problem, test.want) {
			t.Errorf("%q, %q: %v, want %q", test.id, test.secret, err, test.want)
		}
	}
}
