//go:build unix

package doctor

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache"
	oskeyring "aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/credproc"
	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

// TestMain keeps the tests from the user's keyring and from the network: every host but loopback is
// behind a proxy that does not exist.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"DBUS_SESSION_BUS_ADDRESS": "",
		"XDG_RUNTIME_DIR":          "",
		"HTTP_PROXY":               "http://127.0.0.1:9",
		"HTTPS_PROXY":              "http://127.0.0.1:9",
		"NO_PROXY":                 "",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// cleanConfig has no problems. HELPER is replaced by the path of the program.
const cleanConfig = `[profile dev]
credential_process = HELPER get dev-role
region = eu-west-1

[profile dev-role]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = corp
role_session_name = jill
duration_seconds = 3600

[profile corp]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Dev

[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://example.awsapps.com/start

[profile settings]
output = json
`

const (
	// jillsKeys are the keys of a user, as settings of a profile.
	jillsKeys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush/hush\n"
	role      = "role_arn = arn:aws:iam::123456789012:role/Dev\n"
	// cloud is a role that is assumed with the keys in the environment.
	cloud = "[profile cloud]\n" + role + "credential_source = Environment\n"
)

// fixture is a setup to examine.
type fixture struct {
	config      string // after cleanConfig
	whole       string // if set, instead of cleanConfig and config
	credentials string
	env         map[string]string
	choice      cache.Choice
	profile     string
	online      bool
	ahead       time.Duration // of this machine's clock
	// prepare changes the files; dir contains config, credentials, state and bin.
	prepare func(t *testing.T, dir string)
	health  *cache.Health // if set, instead of the cache's own
	keyring error         // why keys cannot be imported
	sts     func(t *testing.T, s *ststest.Server)
}

func (f fixture) examine(t *testing.T) Report {
	t.Helper()
	dir := t.TempDir()
	f.writeFiles(t, dir)
	t.Setenv("PATH", filepath.Join(dir, "bin")+":/usr/bin:/bin")
	if f.prepare != nil {
		f.prepare(t, dir)
	}
	env := maps.Clone(f.env)
	if f.sts != nil {
		env = f.startSTS(t)
	}
	if f.choice == "" {
		f.choice = cache.File
	}
	state := filepath.Join(dir, "state")
	c, err := cache.Open(cache.Options{
		Dir: state, Choice: f.choice, Keyring: new(oskeyring.Keyring),
	})
	if err != nil {
		t.Fatal(err)
	}
	discard := func(string, ...any) {}
	o := Options{
		Profile:         f.profile,
		ConfigPath:      filepath.Join(dir, "config"),
		CredentialsPath: filepath.Join(dir, "credentials"),
		StateDir:        state,
		Helper:          filepath.Join(dir, "bin", "aws-credproc"),
		Executable:      filepath.Join(dir, "bin", "aws-credproc"),
		Online:          f.online,
		Resolver: &credproc.Resolver{
			Cache:  c,
			Getenv: func(name string) string { return env[name] },
			Now:    func() time.Time { return time.Now().Add(f.ahead) },
			Warnf:  discard,
			Tracef: discard,
		},
	}
	if files, err := profiles.Load(o.ConfigPath, o.CredentialsPath); err == nil {
		o.Files = files
		files.Imported = func(profile string) (string, bool) {
			i, err := statedir.ReadImported(state, o.ConfigPath, profile)
			return i.AccessKeyID, err == nil
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	x := newExamination(ctx, o)
	if f.health != nil {
		x.health = *f.health
	}
	x.keyring = f.keyring
	return x.report()
}

func (f fixture) writeFiles(t *testing.T, dir string) {
	t.Helper()
	text := f.whole
	if text == "" {
		text = cleanConfig + f.config
	}
	helper := filepath.Join(dir, "bin", "aws-credproc")
	for name, text := range map[string]string{
		"bin/aws-credproc": "#!/bin/sh\n",
		"bin/other":        "#!/bin/sh\n",
		"bin/with space":   "#!/bin/sh\n",
		"config":           strings.ReplaceAll(text, "HELPER", helper),
		"credentials":      f.credentials,
	} {
		mode := os.FileMode(0o600)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o700
		}
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), mode))
	}
	chmod(".", 0o700)(t, dir)
}

// startSTS starts an STS that knows the user jill. It returns the environment with the endpoint and
// jill's keys, unless the fixture has others.
func (f fixture) startSTS(t *testing.T) map[string]string {
	t.Helper()
	s, err := ststest.Start()
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	f.sts(t, s)
	jill, err := s.AddUser("123456789012", "jill", ststest.AllowAssume("*"))
	must(t, err)
	env := map[string]string{
		"AWS_ENDPOINT_URL_STS":  s.URL,
		"AWS_ACCESS_KEY_ID":     jill.Key.ID,
		"AWS_SECRET_ACCESS_KEY": jill.Key.Secret,
	}
	maps.Copy(env, f.env)
	return env
}

func addRole(t *testing.T, s *ststest.Server) {
	must(t, s.AddRole(ststest.Role{
		ARN:   "arn:aws:iam::123456789012:role/Dev",
		Trust: ststest.TrustPolicy("arn:aws:iam::123456789012:user/jill"),
	}))
}

// execEnv is the environment within `exec dev`, with a session of this lifetime.
func execEnv(life time.Duration) map[string]string {
	return map[string]string{
		credproc.ExecVariable:       "dev",
		"AWS_ACCESS_KEY_ID":         "ASIAIOSFODNN7EXAMPLE",
		"AWS_SECRET_ACCESS_KEY":     "hush",
		"AWS_SESSION_TOKEN":         "hush",
		"AWS_CREDENTIAL_EXPIRATION": time.Now().Add(life).UTC().Format(time.RFC3339),
	}
}

// serveEnv is the environment within `exec --serve dev`.
var serveEnv = map[string]string{
	credproc.ExecVariable:                "dev",
	"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/credentials",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN":  "hush",
}

func with(env map[string]string, name, value string) map[string]string {
	env = maps.Clone(env)
	env[name] = value
	return env
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// The functions below return a prepare function, or are one.

func removeFiles(t *testing.T, dir string) {
	must(t, os.Remove(filepath.Join(dir, "config")), os.Remove(filepath.Join(dir, "credentials")))
}

// makeDirectory replaces the credentials file by a directory.
func makeDirectory(t *testing.T, dir string) {
	path := filepath.Join(dir, "credentials")
	must(t, os.Remove(path), os.Mkdir(path, 0o700))
}

// importBase records in the state directory that the key of base was imported.
func importBase(t *testing.T, dir string) {
	must(t, statedir.WriteImported(filepath.Join(dir, "state"), statedir.Imported{
		Profile: "base", Config: filepath.Join(dir, "config"), AccessKeyID: "AKIAIOSFODNN7EXAMPLE",
	}))
}

// interruptRotation records in the state directory that the key of base is being replaced.
func interruptRotation(t *testing.T, dir string) {
	must(t, statedir.WriteRotation(filepath.Join(dir, "state"), statedir.Rotation{
		Profile: "base", Config: filepath.Join(dir, "config"), Old: "AKIAIOSFODNN7EXAMPLE",
		User: "arn:aws:iam::123456789012:user/jill", Started: time.Now(), New: "AKIAI44QH8DHBEXAMPLE",
	}))
}

// openState creates a state directory that other users can write to.
func openState(t *testing.T, dir string) {
	must(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	chmod("state", 0o777)(t, dir)
}

// writeNewer writes the facts of a session of a newer version.
func writeNewer(t *testing.T, dir string) {
	facts := filepath.Join(dir, "state", "facts")
	name := filepath.Join(facts, strings.Repeat("ab", 32)+".json")
	must(t, os.MkdirAll(facts, 0o700), os.WriteFile(name, []byte(`{"v":99}`), 0o600))
}

func leaveBehind(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600))
		age(name, 2*time.Hour)(t, dir)
	}
}

func chmod(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, name), mode)) }
}

func age(name string, d time.Duration) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		then := time.Now().Add(-d)
		must(t, os.Chtimes(filepath.Join(dir, name), then, then))
	}
}

// script creates a program in bin. BIN in the config is replaced by the path of bin.
func script(name string) func(*testing.T, string) {
	return scriptWithMode(name, 0o700)
}

func scriptWithMode(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path, bin := filepath.Join(dir, "config"), filepath.Join(dir, "bin")
		text, err := os.ReadFile(path)
		must(t, err)
		text = []byte(strings.ReplaceAll(string(text), "BIN", bin))
		must(t, os.WriteFile(path, text, 0o600),
			os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"), mode))
	}
}
