package warm

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/keyringapi"
)

const (
	config = `[profile dev]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
`
	credentials = `[base]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hush
`
)

func TestOnlyGetWithOneProfileIsWarm(t *testing.T) {
	for _, args := range [][]string{
		{"aws-credproc", "get", "dev"}, {"/usr/bin/aws-credproc", "get", "dev"},
		{"aws-credproc.exe", "get", "my profile"},
	} {
		if profile, ok := profileOf(args); !ok || profile != args[2] {
			t.Errorf("%q: %q, %v", args, profile, ok)
		}
	}
	for _, args := range [][]string{
		nil, {"aws-credproc"}, {"aws-credproc", "get"}, {"aws-credproc", "get", ""},
		{"aws-credproc", "get", "-h"}, {"aws-credproc", "get", "dev", "more"},
		{"aws-credproc", "list", "dev"}, {"other", "get", "dev"},
	} {
		if _, ok := profileOf(args); ok {
			t.Errorf("%q is warm", args)
		}
	}
}

// env returns the variables of a home in which the profile dev has a session.
func env(t *testing.T, s cache.Session) map[string]string {
	t.Helper()
	dir := t.TempDir()
	env := map[string]string{
		"AWS_CONFIG_FILE":             filepath.Join(dir, "config"),
		"AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
		"AWS_CREDPROC_STATE_DIR":      filepath.Join(dir, "state"),
		"AWS_CREDPROC_STORE":          "file",
	}
	for name, text := range map[string]string{
		"AWS_CONFIG_FILE": config, "AWS_SHARED_CREDENTIALS_FILE": credentials,
	} {
		if err := os.WriteFile(env[name], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(t, env, s)
	return env
}

func put(t *testing.T, env map[string]string, s cache.Session) {
	t.Helper()
	putIn(t, env, s, cache.File, nil)
}

func putIn(
	t *testing.T, env map[string]string, s cache.Session, choice cache.Choice, k cache.OSKeyring,
) {
	t.Helper()
	getenv := func(name string) string { return env[name] }
	files, err := plan.Files(getenv, plan.StateDir(getenv), t.Errorf)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := files.Chain("dev")
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(chain, getenv)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.Open(cache.Options{
		Dir: plan.StateDir(getenv), Choice: choice, Warnf: t.Errorf, Keyring: k,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Put(t.Context(), p.Key(p.Last()), s, p.Facts(p.Last())); err != nil {
		t.Fatal(err)
	}
}

func fresh() cache.Session {
	now := time.Now().UTC().Truncate(time.Second)
	return cache.Session{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "hush", SessionToken: "hush",
		AccountID: "123456789012", Issued: now, Expiration: now.Add(time.Hour),
	}
}

func TestGetPrintsUsableSession(t *testing.T) {
	s := fresh()
	env := env(t, s)
	var out bytes.Buffer
	if !Get("dev", func(name string) string { return env[name] }, nil, &out) {
		t.Fatal("nothing was printed")
	}
	want, err := plan.Output(s, time.Now())
	if err != nil || !bytes.Equal(out.Bytes(), want) {
		t.Errorf("it printed %d bytes, want %d", out.Len(), len(want))
	}
}

// oneItem is a keyring that has one session.
type oneItem struct {
	cache.OSKeyring
	item []byte
}

func (k *oneItem) MaxItem() int { return 8 << 10 }

func (k *oneItem) Put(_ context.Context, _ keyringapi.Item, _ string, value []byte) error {
	k.item = value
	return nil
}

func (k *oneItem) Get(context.Context, keyringapi.Item) ([][]byte, error) {
	if k.item == nil {
		return nil, keyringapi.ErrNotFound
	}
	return [][]byte{k.item}, nil
}

func (k *oneItem) Status(context.Context, time.Duration) error { return nil }

func TestGetPrintsSessionInTheKeyring(t *testing.T) {
	for _, choice := range []cache.Choice{cache.Auto, cache.Keyring} {
		t.Run(string(choice), func(t *testing.T) {
			s, k := fresh(), new(oneItem)
			env := env(t, s)
			env["AWS_CREDPROC_STORE"] = string(choice)
			putIn(t, env, s, choice, k)
			var out bytes.Buffer
			if !Get("dev", func(name string) string { return env[name] }, k, &out) {
				t.Fatal("nothing was printed")
			}
			want, err := plan.Output(s, time.Now())
			if err != nil || !bytes.Equal(out.Bytes(), want) {
				t.Errorf("it printed %d bytes, want %d", out.Len(), len(want))
			}
		})
	}
}

func TestGetPrintsNothingUnlessAllIsWell(t *testing.T) {
	other, due, expired := fresh(), fresh(), fresh()
	other.AccountID = "210987654321"
	due.Issued, due.Expiration = due.Issued.Add(-40*time.Minute), due.Expiration.Add(-40*time.Minute)
	expired.Issued = expired.Issued.Add(-time.Hour)
	expired.Expiration = expired.Expiration.Add(-55 * time.Minute)
	for name, tc := range map[string]struct {
		session cache.Session
		profile string
		set     map[string]string
		break_  func(t *testing.T, env map[string]string)
	}{
		"unknown profile":    {fresh(), "nobody", nil, nil},
		"static keys":        {fresh(), "base", nil, nil},
		"another account":    {other, "dev", nil, nil},
		"due for renewal":    {due, "dev", nil, nil},
		"nearly expired":     {expired, "dev", nil, nil},
		"verbose":            {fresh(), "dev", map[string]string{"AWS_CREDPROC_VERBOSE": "1"}, nil},
		"a time limit":       {fresh(), "dev", map[string]string{"AWS_CREDPROC_TIMEOUT": "5"}, nil},
		"unknown store":      {fresh(), "dev", map[string]string{"AWS_CREDPROC_STORE": "disk"}, nil},
		"no store":           {fresh(), "dev", map[string]string{"AWS_CREDPROC_STORE": "none"}, nil},
		"another key":        {fresh(), "dev", map[string]string{"AWS_ENDPOINT_URL_STS": "https://x.y"}, nil},
		"no state directory": {fresh(), "dev", map[string]string{"AWS_CREDPROC_STATE_DIR": "/nowhere"}, nil},
		"a warning": {fresh(), "dev", nil, func(t *testing.T, env map[string]string) {
			facts, err := filepath.Glob(filepath.Join(env["AWS_CREDPROC_STATE_DIR"], "facts", "*"))
			if err != nil || len(facts) != 1 {
				t.Fatal(facts, err)
			}
			if err := os.WriteFile(facts[0], []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			env := env(t, tc.session)
			maps.Copy(env, tc.set)
			if tc.break_ != nil {
				tc.break_(t, env)
			}
			var out bytes.Buffer
			getenv := func(name string) string { return env[name] }
			if Get(tc.profile, getenv, nil, &out) || out.Len() > 0 {
				t.Errorf("%d bytes were printed", out.Len())
			}
		})
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestGetReportsThatItCouldNotPrint(t *testing.T) {
	env := env(t, fresh())
	if Get("dev", func(name string) string { return env[name] }, nil, brokenWriter{}) {
		t.Error("it reports success")
	}
}
