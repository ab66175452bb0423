package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

const base = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = s\n"

const role = "role_arn = arn:aws:iam::111111111111:role/A\nsource_profile = base\n"

// chainOf resolves the profile p of a config file and a credentials file.
func chainOf(t *testing.T, config, credentials string) profiles.Chain {
	t.Helper()
	dir := t.TempDir()
	c, k := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	for path, text := range map[string]string{c: config, k: credentials} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f, err := profiles.Load(c, k)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := f.Chain("p")
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// getenv returns a lookup in env.
func getenv(env map[string]string) func(string) string {
	return func(name string) string { return env[name] }
}

// keyOf returns the cache key of a profile's session.
func keyOf(t *testing.T, chain profiles.Chain, env map[string]string) cache.Key {
	t.Helper()
	p, err := New(chain, getenv(env))
	if err != nil || !p.IsCached(p.Last()) {
		t.Fatalf("plan: %v, %+v", err, p)
	}
	return p.Key(p.Last())
}

func TestSessionMustBelongToAccountOfItsLink(t *testing.T) {
	const web = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/A\n" +
		"web_identity_token_file = /a\n"
	const sso = "[profile p]\nsso_session = s\nsso_account_id = 111111111111\n" +
		"sso_role_name = r\n[sso-session s]\nsso_region = x\nsso_start_url = u\n"
	const login = "[profile p]\nlogin_session = arn:aws:iam::111111111111:user/jill\n"
	for name, test := range map[string]struct {
		config, account string
		ok              bool
	}{
		"role":                       {"[profile p]\n" + role, "111111111111", true},
		"role of another account":    {"[profile p]\n" + role, "666666666666", false},
		"role of an unknown account": {"[profile p]\n" + role, "", true},
		"role, not an account":       {"[profile p]\n" + role, "secret", false},
		"web identity":               {web, "111111111111", true},
		"web identity, another":      {web, "666666666666", false},
		"SSO":                        {sso, "111111111111", true},
		"SSO, another":               {sso, "666666666666", false},
		"login":                      {login, "111111111111", true},
		"login, another":             {login, "666666666666", false},
		"login without an account":   {"[profile p]\nlogin_session = arn:x", "666666666666", true},
		"process":                    {"[profile p]\ncredential_process = x", "666666666666", true},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(chainOf(t, test.config, base), getenv(nil))
			if err != nil {
				t.Fatal(err)
			}
			err = p.CheckAccount(p.Last(), cache.Session{AccountID: test.account})
			if (err == nil) != test.ok || err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want none: %v", err, test.ok)
			}
		})
	}
}

// TestDurationOfRoleChaining: only AWS is known to refuse more than an hour.
func TestDurationOfRoleChaining(t *testing.T) {
	const chained = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/B\nsource_profile = q\n" +
		"duration_seconds = 7200\n[profile q]\n" + role
	const byWeb = "[profile p]\nrole_arn = arn:aws:iam::111111111111:role/B\nsource_profile = w\n" +
		"duration_seconds = 7200\n[profile w]\nrole_arn = arn:aws:iam::111111111111:role/W\n" +
		"web_identity_token_file = /t\n"
	endpoint := map[string]string{"AWS_ENDPOINT_URL_STS": "http://localhost:4566"}
	for name, test := range map[string]struct {
		config string
		env    map[string]string
		wantOK bool
	}{
		"chained":                {config: chained},
		"by web identity":        {config: byWeb},
		"an hour":                {strings.Replace(chained, "7200", "3600", 1), nil, true},
		"not chained":            {"[profile p]\nduration_seconds = 7200\n" + role, nil, true},
		"chained, endpoint":      {chained, endpoint, true},
		"web identity, endpoint": {byWeb, endpoint, true},
	} {
		_, err := New(chainOf(t, test.config, base), getenv(test.env))
		const want = "p: the duration is 7200 seconds, and AWS allows 3600 for a role that another role"
		if (err == nil) != test.wantOK || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
