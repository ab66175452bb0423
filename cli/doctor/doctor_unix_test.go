//go:build unix

package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aws-credproc/cache"
	"aws-credproc/credproc"
	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

func TestMain(m *testing.M) {
	// No test reaches the keyring of who runs it, and none the network: a proxy is asked for every host but loopback.
	for name, value := range map[string]string{"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": "", "HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// clean is a config in which nothing is wrong. HELPER stands for the path of this program.
const clean = `[profile dev]
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

// jillsKeys are keys as a profile holds them.
const jillsKeys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush/hush\n"

const role = "role_arn = arn:aws:iam::123456789012:role/Dev\n"

// fixture is a set-up to be examined.
type fixture struct {
	config      string // after clean
	whole       string // in place of clean, if it is set
	credentials string
	env         map[string]string
	choice      cache.Choice
	profile     string
	online      bool
	ahead       time.Duration // of this machine's clock
	// prepare does what text cannot; dir holds config, credentials, state and bin.
	prepare func(t *testing.T, dir string)
	health  *cache.Health // if set, in place of the cache's own
	keyring error         // why keys cannot be imported
	sts     func(t *testing.T, s *ststest.Server)
}

func (p fixture) examine(t *testing.T) Report {
	t.Helper()
	dir := t.TempDir()
	helper := filepath.Join(dir, "bin", "aws-credproc")
	text := p.whole
	if text == "" {
		text = clean + p.config
	}
	for name, text := range map[string]string{
		"bin/aws-credproc": "#!/bin/sh\n", "bin/other": "#!/bin/sh\n", "bin/with space": "#!/bin/sh\n",
		"config": strings.ReplaceAll(text, "HELPER", helper), "credentials": p.credentials,
	} {
		mode := os.FileMode(0o600)
		if strings.HasPrefix(name, "bin/") {
			mode = 0o700
		}
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), mode)); err != nil {
			t.Fatal(err)
		}
	}
	chmod(".", 0o700)(t, dir)
	t.Setenv("PATH", filepath.Join(dir, "bin")+":/usr/bin:/bin")
	if p.prepare != nil {
		p.prepare(t, dir)
	}
	env := map[string]string{}
	for name, value := range p.env {
		env[name] = value
	}
	if p.sts != nil {
		s, err := ststest.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		p.sts(t, s)
		jill, err := s.AddUser("123456789012", "jill", ststest.AllowAssume("*"))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{"AWS_ENDPOINT_URL_STS": s.URL, "AWS_ACCESS_KEY_ID": jill.Key.ID, "AWS_SECRET_ACCESS_KEY": jill.Key.Secret} {
			if env[name] == "" {
				env[name] = value
			}
		}
	}
	if p.choice == "" {
		p.choice = cache.File
	}
	c, err := cache.Open(cache.Options{Dir: filepath.Join(dir, "state"), Choice: p.choice})
	if err != nil {
		t.Fatal(err)
	}
	discard := func(string, ...any) {}
	r := &credproc.Resolver{Cache: c, Getenv: func(name string) string { return env[name] }, Now: func() time.Time { return time.Now().Add(p.ahead) }, Warnf: discard, Tracef: discard}
	o := Options{Profile: p.profile, ConfigPath: filepath.Join(dir, "config"), CredentialsPath: filepath.Join(dir, "credentials"), Helper: helper, Resolver: r, Online: p.online}
	if f, err := profiles.Load(o.ConfigPath, o.CredentialsPath); err == nil {
		o.Files = f
		f.Imported = func(profile string) (string, bool) {
			i, err := cache.ReadImported(filepath.Join(dir, "state"), o.ConfigPath, profile)
			return i.AccessKeyID, err == nil
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	x := newExamination(ctx, o)
	if p.health != nil {
		x.health = *p.health
	}
	x.keyring = p.keyring
	return x.report()
}

func TestACleanSetUpHasNoFindings(t *testing.T) {
	for name, p := range map[string]fixture{
		"as setup writes it": {},
		"one profile":        {profile: "dev", config: "[bare]\n"},
		"keys for the environment": {config: "[profile cloud]\n" + role + "credential_source = Environment\n",
			env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "hush"}},
		"inside exec":                        {env: execEnv(time.Hour)},
		"inside exec, told the same profile": {env: with(execEnv(time.Hour), "AWS_PROFILE", "dev")},
		"inside exec --serve":                {env: serveEnv},
		"AWS_PROFILE that is wired":          {env: map[string]string{"AWS_PROFILE": "dev"}},
		"AWS_PROFILE and profile":            {env: map[string]string{"AWS_PROFILE": "corp"}, profile: "dev"},
		"sections of other tools":            {config: "[plugins]\ncli_legacy_plugin_path = /x\n[services s]\n[common-fate x y]\n"},
		"a session that is good": {credentials: "[pasted]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush\naws_session_token = hush\n" +
			"expiration = " + time.Now().Add(time.Hour).Format(time.RFC3339) + "\n"},
		"no keyring, with the kernel's": {health: &cache.Health{Choice: cache.Auto, Store: cache.Kernel, StoreErr: cache.ErrUnavailable}},
		"another command":               {config: "[profile other]\ncredential_process = \"/bin/sh\" -c 'exit 1'\n[profile known]\ncredential_process = BIN/aws configure export-credentials --profile corp\n", prepare: script("aws")},
		"--profile of another program":  {config: "[profile x]\ncredential_process = BIN/granted credential-process --profile x\n[profile y]\ncredential_process = BIN/granted --profile gone\n", prepare: script("granted")},
		"a path in single quotes":       {config: "[profile x]\ncredential_process = '/bin/sh' x\n[profile y]\ncredential_process = 'HELPER' get dev-role\n"},
		"the AWS CLI in a shell":        {config: "[profile x]\ncredential_process = /bin/sh -c \"aws configure export-credentials --profile corp; true\"\n[profile y]\ncredential_process = /bin/sh -c \"AWS_PROFILE=corp aws configure export-credentials\"\n"},
		"roles of other partitions": {config: "[profile x]\nrole_arn = arn:aws-us-gov:iam::123456789012:role/A\nsource_profile = corp\nregion = us-gov-west-1\n" +
			"[profile y]\nrole_arn = arn:aws-iso:iam::123456789012:role/A\nsource_profile = corp\nregion = us-iso-east-1\n[profile z]\nrole_arn = arn:aws-cn:iam::123456789012:role/A\nsource_profile = corp\n"},
		"a role of another STS":          {config: "[profile x]\nrole_arn = arn:aws:iam:::role/A\nsource_profile = corp\nendpoint_url = https://ceph.test\n"},
		"flags of get":                   {config: "[profile x]\ncredential_process = HELPER --store=file get --verbose --timeout 5s -- dev-role\n"},
		"an hour from an instance":       {config: "[profile x]\n" + role + "credential_source = Ec2InstanceMetadata\nduration_seconds = 3600\n[profile y]\n" + role + "credential_source = Environment\nduration_seconds = 7200\n"},
		"nested settings, and quotes":    {config: "[profile x]\ns3 =\n  max_concurrent_requests = 10\n  # ten\ncredential_process = /bin/sh -c 'echo \"#x\"'\n"},
		"a sticky directory":             {prepare: chmod(".", 0o777|os.ModeSticky)},
		"settings that nothing asks for": {config: "[profile x]\ncredential_process = /bin/sh x\nretry_mode = foo\nca_bundle = /gone\n"},
		"STS is well": {config: "[profile cloud]\n" + role + "credential_source = Environment\n", profile: "cloud", online: true,
			sts: addRole},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.examine(t)
			if r.Findings == nil || len(r.Findings) > 0 {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

// execEnv is the environment inside `exec dev`, with a session of so long.
func execEnv(life time.Duration) map[string]string {
	return map[string]string{credproc.ExecVariable: "dev", "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_SESSION_TOKEN": "hush",
		"AWS_CREDENTIAL_EXPIRATION": time.Now().Add(life).UTC().Format(time.RFC3339)}
}

// serveEnv is the environment inside `exec --serve dev`.
var serveEnv = map[string]string{credproc.ExecVariable: "dev", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "hush"}

func with(env map[string]string, name, value string) map[string]string {
	env = maps.Clone(env)
	env[name] = value
	return env
}

func TestInsideExecAFactSaysWhoseTheCredentialsAre(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"dev (tools use its session, which expires at ": execEnv(time.Hour),
		"dev (tools use its keys)":                      with(execEnv(0), "AWS_CREDENTIAL_EXPIRATION", ""),
		"dev (tools get its credentials from an":        serveEnv,
	} {
		facts := fixture{env: env}.examine(t).Facts
		if last := facts[len(facts)-1]; last.Name != "exec" || !strings.HasPrefix(last.Text, want) {
			t.Errorf("%+v; want %s", last, want)
		}
	}
}

func addRole(t *testing.T, s *ststest.Server) {
	if err := s.AddRole(ststest.Role{ARN: "arn:aws:iam::123456789012:role/Dev", Trust: ststest.TrustPolicy("arn:aws:iam::123456789012:user/jill")}); err != nil {
		t.Fatal(err)
	}
}

// cloud is a role that is assumed with the environment's keys.
const cloud = "[profile cloud]\n" + role + "credential_source = Environment\n"

type problem struct {
	name string
	fixture
	want string
}

// problems has for each check what it finds, and nothing else does. Each finding is given as "check", or as "check profile"
// where it is about one.
var problems = []problem{
	{"nothing in the files", fixture{whole: "# nothing\n"}, "no-config"},
	{"no files", fixture{prepare: removeFiles}, "no-config"},
	{"no files, one profile", fixture{prepare: removeFiles, profile: "dev"}, "no-config"},
	{"a line without =", fixture{config: "[profile x]\nregion\n"}, "file-form"},
	{"a section without end, and keys in the other file", fixture{config: "[profile x\n", credentials: "[base]\n" + jillsKeys}, "file-form, long-term-keys base"},
	{"every such line", fixture{config: "[profile x\nregion\n= 5\n"}, "file-form, file-form, file-form"},
	{"a broken header, and what follows", fixture{whole: "[profile a\nregion = eu-west-1\nregion = eu-west-1\nrole_arn = x\n"}, "file-form, duplicate-key"},
	{"Latin-1", fixture{config: "# Andr\xe9\n[profile x]\n# Ren\xe9\nregion = eu-west-1\n"}, "file-form"},
	{"a directory", fixture{prepare: func(t *testing.T, dir string) {
		path := filepath.Join(dir, "credentials")
		if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
			t.Fatal(err)
		}
	}}, "file-form"},
	{"a byte order mark", fixture{whole: "\ufeff" + clean}, "byte-order-mark"},
	{"[x]", fixture{config: "[bare]\nregion = eu-west-1\n"}, "section-name bare"},
	{"[x] as a source", fixture{config: "[bare]\nregion = eu-west-1\n[profile lost]\n" + role + "source_profile = bare\n"}, "section-name bare"},
	{"[x] as a wired role", fixture{config: "[bare]\n" + role + "[profile lost]\ncredential_process = HELPER get bare\n"}, "section-name bare"},
	{"[x] asked for", fixture{config: "[bare]\nregion = eu-west-1\n", profile: "bare"}, "section-name bare"},
	{"[Default]", fixture{config: "[Default]\nregion = eu-west-1\n"}, "section-name default"},
	{"[Profile x]", fixture{config: "[Profile x]\nregion = eu-west-1\n"}, "section-name x"},
	{"[profile 'x']", fixture{config: "[profile 'x']\nregion = eu-west-1\n"}, "section-name x"},
	{"[profile a b]", fixture{config: "[profile a b]\nregion = eu-west-1\n"}, "section-name a b"},
	{"[ profile x]", fixture{config: "[ profile x]\nregion = eu-west-1\n"}, "section-name x"},
	{"[profile  x]", fixture{config: "[profile  x]\nregion = eu-west-1\n"}, "section-name x"},
	{"[profile x] in the credentials file", fixture{credentials: "[profile x]\n"}, "section-name x"},
	{"[x ] in the credentials file", fixture{credentials: "[x ]\n"}, "section-name x"},
	{"[a b] in the credentials file", fixture{credentials: "[a b]\n"}, "section-name a b"},
	{"[DEFAULT]", fixture{config: "[DEFAULT]\nregion = eu-west-1\n"}, "default-section"},
	{"a section twice", fixture{config: "[profile x]\n[profile y]\n[profile x]\n"}, "duplicate-section"},
	{"an SSO session twice", fixture{config: "[sso-session corp]\n"}, "duplicate-section"},
	{"both forms of default", fixture{config: "[default]\n[profile default]\n"}, "duplicate-section"},
	{"a key twice", fixture{config: "[profile x]\nregion = eu-west-1\nRegion = us-east-1\n"}, "duplicate-key"},
	{"a comment behind a value", fixture{config: "[profile x]\nregion = eu-west-1 ; Ireland\n"}, "inline-comment x"},
	{"a comment in a block", fixture{config: "[profile x]\ns3 =\n  max_concurrent_requests = 10 # ten\n"}, "inline-comment x"},
	{"a comment in a services section", fixture{config: "[services x]\nsts =\n  endpoint_url = https://sts.test # hush\n"}, "inline-comment"},
	{"a comment sign within quotes", fixture{config: "[profile x]\ncredential_process = /bin/sh -c 'echo \"#x\" ; cat /tmp/j'\n"}, "inline-comment x"},
	{"a comment behind a command that may hold a secret", fixture{config: "[profile x]\n" + role + "source_profile = corp\nmfa_process = otp --seed hush # hush\n[profile y]\ncredential_process = /bin/sh hush # hush\n"}, "inline-comment x, inline-comment y"},
	{"a config that others read", fixture{prepare: chmod("config", 0o644)}, "file-access"},
	{"a config that others write", fixture{prepare: chmod("config", 0o606)}, "file-access"},
	{"a config that the group writes", fixture{prepare: chmod("config", 0o660)}, "file-access"},
	{"keys that others read", fixture{credentials: "[base]\n" + jillsKeys, prepare: chmod("credentials", 0o640)}, "file-access, long-term-keys base"},

	{"a directory that others write", fixture{prepare: chmod(".", 0o703)}, "directory-access"},
	{"a directory that the group writes", fixture{prepare: chmod(".", 0o770)}, "directory-access"},
	{"[sso_session x]", fixture{config: "[sso_session bad]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n[profile x]\nsso_session = bad\nsso_account_id = 123456789012\nsso_role_name = Dev\n"}, "section-name"},

	{"a role and a process", fixture{config: "[profile x]\n" + role + "credential_process = other\n"}, "role-and-process x"},
	{"a role, a source and this helper for itself", fixture{config: "[profile x]\n" + role + "source_profile = corp\ncredential_process = aws-credproc get x\n"}, "role-and-process x"},
	{"a role, a credential_source and a process", fixture{config: "[profile x]\n" + role + "credential_source = EcsContainer\ncredential_process = other\n"}, "role-and-process x"},
	{"a source and a process", fixture{config: "[profile x]\nsource_profile = corp\ncredential_process = HELPER get dev-role\n"}, "role-and-process x"},
	{"keys and a process", fixture{config: "[profile x]\ncredential_process = HELPER get dev-role\n", credentials: "[x]\n" + jillsKeys}, "shadowed-process x, long-term-keys x"},
	{"keys and a process in the config", fixture{config: "[profile x]\ncredential_process = HELPER get dev-role\n" + jillsKeys}, "shadowed-process x, long-term-keys x"},
	{"SSO and a process", fixture{config: "[profile x]\ncredential_process = HELPER get dev-role\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n"}, "shadowed-process x"},
	{"a sign-in and a process", fixture{config: "[profile x]\ncredential_process = HELPER get dev-role\nlogin_session = arn:aws:iam::123456789012:user/jill\n"}, "shadowed-process x"},
	{"this helper for itself", fixture{config: "[profile x]\ncredential_process = HELPER get x\n"}, "process-recursion x"},
	{"this helper, round a corner", fixture{config: "[profile x]\n" + role + "source_profile = y\n[profile y]\ncredential_process = HELPER get x\n"}, "process-recursion y"},
	{"another program for itself", fixture{config: "[profile x]\ncredential_process = BIN/aws configure export-credentials --profile=x\n", prepare: script("aws")}, "process-recursion x"},
	{"another program, round a corner", fixture{config: "[profile x]\n" + role + "source_profile = y\n[profile y]\ncredential_process = BIN/aws configure export-credentials --profile x\n", prepare: script("aws")}, "process-recursion y"},
	{"the AWS CLI for itself, in a shell", fixture{config: "[profile x]\ncredential_process = /bin/sh -c \"aws configure export-credentials --profile x\"\n"}, "process-recursion x"},
	{"the AWS CLI for itself, in single quotes", fixture{config: "[profile x]\ncredential_process = /bin/sh -c 'aws configure export-credentials --profile x'\n"}, "process-recursion x"},
	{"the AWS CLI without a profile", fixture{config: "[profile x]\ncredential_process = BIN/aws configure export-credentials\n", prepare: script("aws")}, "process-recursion x"},
	{"the AWS CLI without a profile, by default", fixture{config: "[default]\ncredential_process = BIN/aws configure export-credentials\n", prepare: script("aws")}, "process-recursion default"},
	{"a profile that is not there", fixture{config: "[profile x]\ncredential_process = HELPER get gone\n"}, "process-profile x"},
	{"a profile that is not there, for another program", fixture{config: "[profile x]\ncredential_process = BIN/aws configure export-credentials --profile gone\n", prepare: script("aws")}, "process-profile x"},
	{"this helper without get", fixture{config: "[profile x]\ncredential_process = HELPER dev-role\n"}, "process-usage x"},
	{"a flag that get has not", fixture{config: "[profile x]\ncredential_process = HELPER get --bogus dev-role\n"}, "process-usage x"},
	{"a relative path", fixture{config: "[profile x]\ncredential_process = bin/aws-credproc get dev-role\n"}, "process-relative x"},
	{"quotes at both ends", fixture{config: "[profile x]\ncredential_process = \"HELPER\" get \"dev-role\"\n"}, "process-quoting x"},
	{"~", fixture{config: "[profile x]\ncredential_process = ~/bin/aws-credproc get dev-role\n"}, "process-quoting x"},
	{"a variable in a path", fixture{config: "[profile x]\ncredential_process = \"$HOME/bin/aws-credproc\" get dev-role\n"}, "process-quoting x"},
	{"a pipe", fixture{config: "[profile x]\ncredential_process = HELPER get dev-role | tee /dev/stderr\n"}, "process-quoting x"},
	{"a variable that is set", fixture{config: "[profile x]\ncredential_process = AWS_REGION=eu-west-1 HELPER get dev-role\n"}, "process-quoting x"},
	{"a quote without end", fixture{config: "[profile x]\ncredential_process = 'HELPER get dev-role\n"}, "process-quoting x"},
	{"two lines", fixture{config: "[profile x]\ncredential_process = HELPER get\n  dev-role\n"}, "process-quoting x"},
	{"a space without quotes", fixture{config: "[profile x]\ncredential_process = BIN/with space --now\n", prepare: script("other")}, "process-quoting x"},
	{"no such program", fixture{config: "[profile x]\ncredential_process = gone --now\n"}, "process-not-found x"},
	{"no such path", fixture{config: "[profile x]\ncredential_process = /gone/aws-credproc get dev-role\n"}, "process-not-found x"},
	{"no program", fixture{config: "[profile x]\ncredential_process = BIN/text\n", prepare: func(t *testing.T, dir string) {
		script("text")(t, dir)
		chmod("bin/text", 0o600)(t, dir)
	}}, "process-not-found x"},
	{"on this PATH only", fixture{config: "[profile x]\ncredential_process = aws-credproc get dev-role\n"}, "process-path x"},

	{"no such profile", fixture{profile: "dve"}, "no-such-profile dve"},
	{"a source that is not there", fixture{config: "[profile x]\n" + role + "source_profile = gone\n"}, "missing-source x"},
	{"a role without a source", fixture{config: "[profile x]\n" + role}, "missing-source x"},
	{"one fault for many", fixture{config: "[profile x]\n" + role + "source_profile = gone\n[profile y]\n" + role + "source_profile = x\n"}, "missing-source x"},
	{"a circle", fixture{config: "[profile x]\n" + role + "source_profile = y\n[profile y]\n" + role + "source_profile = x\n[profile z]\n" + role + "source_profile = x\n"}, "cycle x"},
	{"half a key", fixture{credentials: "[x]\naws_secret_access_key = hush\n"}, "half-key-pair x"},
	{"no ARN", fixture{config: "[profile x]\nrole_arn = Dev\nsource_profile = corp\n"}, "bad-arn x"},
	{"no ARN of a policy", fixture{config: "[profile x]\n" + role + "source_profile = corp\npolicy_arns = ReadOnly\n"}, "bad-arn x"},
	{"no role's ARN", fixture{config: "[profile x]\nrole_arn = arn:aws:iam::12345678901:role/A\nsource_profile = corp\n[profile y]\nrole_arn = arn:aws:iam::123456789012:user/B\nsource_profile = x\n"}, "bad-arn x, bad-arn y"},
	{"no device's ARN", fixture{config: "[profile x]\n" + role + "credential_source = Environment\nmfa_serial = arn:aws:iam::123456789012:user/jill\n"}, "bad-arn x"},
	{"a role of another partition than its region", fixture{config: "[profile x]\nrole_arn = arn:aws-us-gov:iam::123456789012:role/A\nsource_profile = corp\nregion = eu-west-1\n"}, "bad-arn x"},
	{"a role of another partition than AWS_REGION", fixture{config: "[profile x]\nrole_arn = arn:aws:iam::123456789012:role/A\nsource_profile = corp\n", profile: "x", env: map[string]string{"AWS_REGION": "cn-north-1"}}, "bad-arn x"},
	{"no session name", fixture{config: "[profile x]\n" + role + "source_profile = corp\nrole_session_name = Jill Doe\n"}, "session-name x"},
	{"no duration", fixture{config: "[profile x]\n" + role + "source_profile = corp\nduration_seconds = 1h\n"}, "duration x"},
	{"more than an hour in a chain", fixture{config: "[profile x]\n" + role + "source_profile = dev\nduration_seconds = 7200\n"}, "duration x"},
	{"more than an hour from SSO", fixture{config: "[profile x]\n" + role + "source_profile = corp\nduration_seconds = 7200\n"}, "duration x"},
	{"more than an hour from an instance", fixture{config: "[profile x]\n" + role + "credential_source = Ec2InstanceMetadata\nduration_seconds = 7200\n[profile y]\n" + role + "credential_source = EcsContainer\nduration_seconds = 7200\n"}, "duration x, duration y"},
	{"no SSO session", fixture{config: "[profile x]\nsso_session = gone\nsso_account_id = 123456789012\nsso_role_name = Dev\n"}, "unusable-profile x"},
	{"no region", fixture{config: "[profile x]\n" + role + "source_profile = corp\nregion = Ireland!\n"}, "unusable-profile x"},
	{"no region of the tools", fixture{config: "[profile x]\ncredential_process = HELPER get dev-role\nregion = eu west 1\n[profile y]\nregion = eu-west-1\n  output = json\n"}, "unusable-profile x, unusable-profile y"},
	{"no region, and another by variable", fixture{config: "[profile x]\n" + role + "source_profile = corp\nregion = Ireland!\n", env: map[string]string{"AWS_REGION": "eu-west-1"}}, "unusable-profile x"},
	{"a variable that is no region", fixture{env: map[string]string{"AWS_REGION": "bad region"}}, "unusable-profile"},
	{"a variable that is no endpoint, online", fixture{env: map[string]string{"AWS_ENDPOINT_URL_STS": "foo"}, online: true}, "unusable-profile"},
	{"no FIPS at an endpoint of one's own", fixture{config: "[profile x]\n" + role + "source_profile = corp\nuse_fips_endpoint = true\nendpoint_url = http://127.0.0.1:1\n"}, "unusable-profile x"},
	{"a variable that is no retry mode", fixture{env: map[string]string{"AWS_RETRY_MODE": "foo"}}, "unusable-profile"},
	{"no token file", fixture{config: "[profile x]\n" + role + "web_identity_token_file = /gone/token\n[profile y]\n" + role + "source_profile = x\n"}, "unusable-profile x"},
	{"no retry mode", fixture{config: "[profile x]\n" + role + "source_profile = corp\nretry_mode = foo\n"}, "unusable-profile x"},
	{"no number of attempts", fixture{config: "[profile x]\n" + role + "source_profile = corp\nmax_attempts = many\n"}, "unusable-profile x"},
	{"no CA bundle", fixture{config: "[profile x]\n" + role + "source_profile = corp\nca_bundle = /gone\n"}, "unusable-profile x"},
	{"no account of SSO", fixture{config: "[profile x]\nsso_session = corp\nsso_account_id = 12345\nsso_role_name = Dev\n"}, "unusable-profile x"},
	{"no URL of SSO", fixture{config: "[profile x]\nsso_session = more\nsso_account_id = 123456789012\nsso_role_name = Dev\n[profile y]\nsso_session = more\nsso_account_id = 123456789012\nsso_role_name = Ops\n" +
		"[sso-session more]\nsso_region = eu-west-1\nsso_start_url = x.awsapps.com/start\n[profile z]\nsso_region = eu-west-1\nsso_start_url = x.awsapps.com/start\nsso_account_id = 123456789012\nsso_role_name = Dev\n"}, "unusable-profile, unusable-profile z"},
	{"no command", fixture{config: "[profile x]\ncredential_process =\n"}, "unusable-profile x"},
	{"no credentials in the source", fixture{config: "[profile x]\n" + role + "source_profile = settings\n"}, "unusable-profile settings"},
	{"no credentials, asked for", fixture{profile: "settings"}, "unusable-profile settings"},
	{"an MFA device in the source", fixture{config: "[profile x]\n" + role + "source_profile = base\n[profile base]\nmfa_serial = arn:aws:iam::123456789012:mfa/jill\n", credentials: "[base]\n" + jillsKeys},
		"mfa-unread base, long-term-keys base"},
	{"an MFA device in the wired profile", fixture{config: "[profile x]\ncredential_process = HELPER get dev-role\nmfa_serial = arn:aws:iam::123456789012:mfa/jill\n"}, "mfa-unread x"},
	{"an MFA device of SSO", fixture{config: "[profile x]\n" + role + "source_profile = corp\nmfa_serial = arn:aws:iam::123456789012:mfa/jill\n"}, "mfa-no-device x"},
	{"an MFA device of a role", fixture{config: "[profile y]\n" + role + "source_profile = dev\nmfa_serial = arn:aws:iam::123456789012:mfa/jill\n[profile z]\n" + role + "source_profile = y\n"}, "mfa-no-device y"},

	{"an MFA device beside a token", fixture{config: "[profile x]\n" + role + "web_identity_token_file = HELPER\nmfa_serial = arn:aws:iam::123456789012:mfa/jill\n"}, "mfa-unread x"},

	{"keys that bear a role's name", fixture{config: "[profile x]\n" + role + "source_profile = corp\n", credentials: "[x]\n" + jillsKeys}, "keys-and-role x, long-term-keys x"},
	{"keys for the role of their own profile", fixture{config: "[profile x]\n" + role + "source_profile = x\n", credentials: "[x]\n" + jillsKeys}, "long-term-keys x"},
	{"keys in a file", fixture{credentials: "[base]\n" + jillsKeys}, "long-term-keys base"},
	{"a session that is over", fixture{credentials: "[base]\n" + jillsKeys + "aws_session_token = hush\nx_security_token_expires = 2020-01-01T00:00:00+02:00\n"}, "temporary-keys base"},
	{"a session that is over, by seconds", fixture{credentials: "[base]\n" + jillsKeys + "aws_session_token = hush\nexpiration = 1577836800\n"}, "temporary-keys base"},
	{"a session that is older than any", fixture{credentials: "[base]\n" + jillsKeys + "aws_session_token = hush\n", prepare: age("credentials", 37*time.Hour)}, "temporary-keys base"},
	{"a session without its token", fixture{credentials: "[base]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush\n"}, "temporary-keys base"},

	{"exported keys", fixture{env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "hush"}}, "environment-keys"},
	{"half of a key, exported", fixture{env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}}, "environment-keys"},
	{"the session of exec, over", fixture{env: execEnv(-time.Minute)}, "environment-keys"},
	{"keys inside exec --serve", fixture{env: with(serveEnv, "AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")}, "environment-keys"},
	{"an exported token", fixture{env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"}}, "environment-web-identity"},
	{"AWS_PROFILE that is not there", fixture{env: map[string]string{"AWS_PROFILE": "gone"}}, "environment-profile"},
	{"AWS_PROFILE that is not wired", fixture{env: map[string]string{"AWS_PROFILE": "dev-role"}}, "environment-profile"},
	{"AWS_PROFILE that is another", fixture{env: map[string]string{"AWS_PROFILE": "settings"}, profile: "dev"}, "environment-profile"},
	{"AWS_PROFILE that is not exec's", fixture{env: with(execEnv(time.Hour), "AWS_PROFILE", "dev-role")}, "environment-profile"},
	{"AWS_PROFILE that is not exec --serve's", fixture{env: with(serveEnv, "AWS_PROFILE", "corp")}, "environment-profile"},
	{"two variables for a profile", fixture{env: map[string]string{"AWS_PROFILE": "dev", "AWS_DEFAULT_PROFILE": "corp"}}, "environment-profile"},

	{"a state directory that others write to", fixture{prepare: func(t *testing.T, dir string) {
		if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
			t.Fatal(err)
		}
		chmod("state", 0o777)(t, dir)
	}}, "state-directory"},
	{"a state directory that cannot be made, and no keyring", fixture{health: &cache.Health{Choice: cache.Auto, Store: cache.None, StateDir: errors.New("no"), StoreErr: cache.ErrUnavailable}}, "state-directory"},
	{"a locked keyring", fixture{health: &cache.Health{Choice: cache.Auto, Store: cache.Keyring, StoreErr: cache.ErrLocked}}, "keyring"},
	{"a wedged keyring", fixture{health: &cache.Health{Choice: cache.Auto, Store: cache.Keyring, StoreErr: cache.ErrTimeout}}, "keyring"},
	{"a locked keyring, with the kernel's", fixture{health: &cache.Health{Choice: cache.Auto, Store: cache.Kernel, StoreErr: cache.ErrLocked}}, "keyring"},
	{"a broken keyring", fixture{health: &cache.Health{Choice: cache.Keyring, Store: cache.Keyring, StoreErr: errors.New("no")}}, "keyring"},
	{"no keyring", fixture{health: &cache.Health{Choice: cache.Auto, Store: cache.None, StoreErr: cache.ErrUnavailable}}, "keyring"},
	{"no kernel keyring", fixture{health: &cache.Health{Choice: cache.Kernel, Store: cache.Kernel, StoreErr: cache.ErrUnavailable}}, "kernel-store"},
	{"newer sessions", fixture{prepare: func(t *testing.T, dir string) {
		facts := filepath.Join(dir, "state", "facts")
		if err := errors.Join(os.MkdirAll(facts, 0o700), os.WriteFile(filepath.Join(facts, strings.Repeat("ab", 32)+".json"), []byte(`{"v":99}`), 0o600)); err != nil {
			t.Fatal(err)
		}
	}}, "newer-items"},
	{"leftovers of an edit", fixture{prepare: func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, ".credentials.123.tmp"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		age(".credentials.123.tmp", 2*time.Hour)(t, dir)
	}}, "leftovers"},
	{"leftovers in the state directory", fixture{prepare: func(t *testing.T, dir string) {
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, "state"), 0o700), os.WriteFile(filepath.Join(dir, "state", ".tmp-A"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		age("state/.tmp-A", 2*time.Hour)(t, dir)
	}}, "leftovers"},

	{"imported keys, and no keyring", fixture{config: "[profile base]\ncredential_process = HELPER get base\n[profile x]\n" + role + "source_profile = base\n", prepare: imported}, "imported-keys base"},

	{"a proxy that is not there", fixture{config: cloud, profile: "cloud", online: true, sts: addRole, env: map[string]string{"AWS_ENDPOINT_URL_STS": "http://sts.test"}}, "sts-proxy"},
	{"no STS", fixture{config: cloud, profile: "cloud", online: true, sts: addRole, env: map[string]string{"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}}, "sts-unreachable"},
	{"no FIPS at an endpoint of one's own, for keys alone", fixture{config: "[profile x]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\nuse_fips_endpoint = true\nendpoint_url = http://127.0.0.1:1\n",
		profile: "x", online: true, sts: addRole}, "long-term-keys x, sts-unreachable"},
	{"a clock that is ahead", fixture{config: cloud, profile: "cloud", online: true, sts: addRole, ahead: 3 * time.Minute}, "clock"},
	{"a clock that is behind", fixture{config: cloud, profile: "cloud", online: true, sts: addRole, ahead: -10 * time.Minute}, "clock"},
	{"keys that AWS does not know", fixture{config: cloud, profile: "cloud", online: true, sts: addRole, env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}}, "caller cloud"},
	{"nobody has signed in", fixture{profile: "dev", online: true, sts: addRole}, "environment-keys, caller corp"},
	{"a role that is denied, and those behind it", fixture{config: "[profile z]\n" + role + "source_profile = y\n[profile y]\nrole_arn = arn:aws:iam::123456789012:role/Y\nsource_profile = cloud\n[profile u]\nrole_arn = arn:aws:iam::123456789012:role/U\nsource_profile = y\n" + cloud,
		online: true, profile: "z", sts: func(t *testing.T, s *ststest.Server) { addRole(t, s) }}, "assume-role y"},
	{"a role that is denied", fixture{config: cloud, profile: "cloud", online: true, sts: func(*testing.T, *ststest.Server) {}}, "assume-role cloud"},
}

func removeFiles(t *testing.T, dir string) {
	for _, name := range []string{"config", "credentials"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// imported makes the state directory know an access key of base.
func imported(t *testing.T, dir string) {
	key := cache.Imported{Profile: "base", Config: filepath.Join(dir, "config"), AccessKeyID: "AKIAIOSFODNN7EXAMPLE"}
	if err := cache.NoteImported(filepath.Join(dir, "state"), key); err != nil {
		t.Fatal(err)
	}
}

func chmod(name string, mode os.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
}

func age(name string, d time.Duration) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		then := time.Now().Add(-d)
		if err := os.Chtimes(filepath.Join(dir, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
}

// script makes a program in bin, and BIN in the config its directory.
func script(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, "config")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "BIN", filepath.Join(dir, "bin")))
		if err := errors.Join(os.WriteFile(path, text, 0o600), os.WriteFile(filepath.Join(dir, "bin", name), []byte("#!/bin/sh\n"), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEachFaultHasOneFinding(t *testing.T) {
	for _, test := range problems {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir()) // of the SSO tokens
			var got []string
			for _, f := range test.examine(t).Findings {
				got = append(got, strings.TrimSpace(f.Check+" "+f.Profile))
				if f.What == "" || f.Why == "" || f.Fix == "" || f.Severity != Error && f.Severity != Warning {
					t.Errorf("it says too little: %+v", f)
				}
				if strings.Contains(f.What, "(fix") || strings.Contains(f.What, ": :") || strings.Contains(f.What, " at  is ") {
					t.Errorf("it is no plain text: %+v", f)
				}
				if strings.Contains(fmt.Sprint(f), "hush") {
					t.Errorf("a secret is in it: %+v", f)
				}
			}
			want := strings.Split(test.want, ", ")
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestAFindingOfTheEnvironmentNamesTheVariable, the one that decides.
func TestAFindingOfTheEnvironmentNamesTheVariable(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"HTTP_PROXY":           {"AWS_ENDPOINT_URL_STS": "http://sts.test"},
		"HTTPS_PROXY":          {"AWS_ENDPOINT_URL_STS": "https://sts.test"},
		"AWS_REGION":           {"AWS_REGION": "bad region"},
		"AWS_DEFAULT_REGION":   {"AWS_DEFAULT_REGION": "bad region"},
		"AWS_ENDPOINT_URL_STS": {"AWS_ENDPOINT_URL_STS": "foo"},
		"AWS_RETRY_MODE":       {"AWS_RETRY_MODE": "foo"},
	} {
		p := fixture{config: cloud, profile: "cloud", online: true, sts: addRole, env: env}
		if found := p.examine(t).Findings; len(found) != 1 || found[0].Where != want || found[0].Profile != "" {
			t.Errorf("%s: %+v", want, found)
		}
	}
}

func TestEveryCheckIsTriggered(t *testing.T) {
	for _, name := range Checks() {
		if !slices.ContainsFunc(problems, func(test problem) bool {
			return slices.ContainsFunc(strings.Split(test.want, ", "), func(w string) bool { return strings.Fields(w)[0] == name })
		}) {
			t.Errorf("no test problems %s", name)
		}
	}
}
