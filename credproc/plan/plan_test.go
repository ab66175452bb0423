package plan

import (
	"aws-credproc/cache"
	"aws-credproc/profiles"
	"os"
	"path/filepath"
	"testing"
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
