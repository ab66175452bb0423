package plan

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aws-credproc/cache"
	"aws-credproc/profiles"
)

func TestKeyDependsOnWhatSTSReceives(t *testing.T) {
	const p = "[profile p]\n" + role
	usual := keyOf(t, chainOf(t, p, base), nil)
	for name, test := range map[string]struct {
		config, credentials string
		env                 map[string]string
		same                bool
	}{
		"nothing":         {p, base, nil, true},
		"region":          {p + "region = eu-west-1", base, nil, true},
		"region variable": {p, base, map[string]string{"AWS_REGION": "eu-west-1"}, true},
		"output":          {p + "output = text", base, nil, true},
		"FIPS endpoint":   {p + "use_fips_endpoint = true", base, nil, true},
		"source's name": {
			strings.ReplaceAll(p, "base", "other"), strings.ReplaceAll(base, "base", "other"), nil, true,
		},
		"source's secret": {p, strings.ReplaceAll(base, "= s", "= z"), nil, true},
		"ignored endpoint": {
			p + "endpoint_url = http://x\nignore_configured_endpoint_urls = true", base, nil, true,
		},
		"source key":   {p, strings.ReplaceAll(base, "AKIABASE", "AKIAOTHER"), nil, false},
		"role":         {strings.ReplaceAll(p, "role/A", "role/B"), base, nil, false},
		"partition":    {strings.ReplaceAll(p, "arn:aws:", "arn:aws-cn:"), base, nil, false},
		"session name": {p + "role_session_name = jill", base, nil, false},
		"external ID":  {p + "external_id = jill", base, nil, false},
		"duration":     {p + "duration_seconds = 3600", base, nil, false},
		"MFA device": {
			p + "mfa_serial = arn:aws:iam::111111111111:mfa/jill", base, nil, false,
		},
		"endpoint": {p + "endpoint_url = http://x", base, nil, false},
		"endpoint variable": {
			p, base, map[string]string{"AWS_ENDPOINT_URL_STS": "http://x"}, false,
		},
		"global endpoint": {p + "sts_regional_endpoints = legacy", base, nil, false},
		"global endpoint variable": {
			p, base, map[string]string{"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, false,
		},
		"a role between": {
			"[profile p]\nrole_arn = arn:aws:iam::111111111111:role/A\nsource_profile = q\n[profile q]\n" +
				role,
			base, nil, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := keyOf(t, chainOf(t, test.config, test.credentials),
				test.env) == usual; got != test.same {
				t.Errorf("same key: %v, want %v", got, test.same)
			}
		})
	}
}

func TestKeyFieldsAreUnambiguous(t *testing.T) {
	a := chainOf(t, "[profile p]\n"+role+"role_session_name = abc\nexternal_id = def", base)
	b := chainOf(t, "[profile p]\n"+role+"role_session_name = ab\nexternal_id = cdef", base)
	if keyOf(t, a, nil) == keyOf(t, b, nil) {
		t.Error("two chains have the same key")
	}
}

func TestHopHasKeyOfItsOwnProfile(t *testing.T) {
	config := "[profile %]\nrole_arn = arn:aws:iam::222222222222:role/B\nsource_profile = hop\n" +
		"[profile hop]\n" + role
	long := chainOf(t, strings.ReplaceAll(config, "%", "p"), base)
	hop := chainOf(t, "[profile p]\n"+role, base)
	p, err := New(long, getenv(nil))
	if err != nil {
		t.Fatal(err)
	}
	if p.Key(1) != keyOf(t, hop, nil) {
		t.Error("a shared hop has different keys")
	}
}

func TestKeyDependsOnEveryRoleSettingAndSource(t *testing.T) {
	key := func(config string, env map[string]string) cache.Key {
		t.Helper()
		return keyOf(t, chainOf(t, config, base), env)
	}
	const p = "[profile p]\n" + role
	const web = "[profile p]\nrole_arn = arn:aws:iam::1:role/A\nweb_identity_token_file = /a\n"
	const sso = "[profile p]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n" +
		"[sso-session s]\nsso_region = x\nsso_start_url = u\n"
	const process = "[profile p]\ncredential_process = /bin/x\n"
	const instance = "[profile p]\nrole_arn = arn:aws:iam::1:role/A\n" +
		"credential_source = Ec2InstanceMetadata\n"
	const container = "[profile p]\nrole_arn = arn:aws:iam::1:role/A\n" +
		"credential_source = EcsContainer\n"
	const environment = "[profile p]\nrole_arn = arn:aws:iam::1:role/A\n" +
		"credential_source = Environment\n"
	seen := map[cache.Key]string{}
	for name, test := range map[string]struct {
		config string
		env    map[string]string
	}{
		"role":            {p, nil},
		"source identity": {p + "source_identity = jill", nil},
		"tag":             {p + "session_tags = a=b", nil},
		"tag's value":     {p + "session_tags = a=c", nil},
		"two tags":        {p + "session_tags = a=b,c=d", nil},
		"transitive tag":  {p + "session_tags = a=b\ntransitive_session_tags = a", nil},
		"policy":          {p + "policy = {}", nil},
		"another policy":  {p + `policy = {"a":1}`, nil},
		"managed policy":  {p + "policy_arns = arn:aws:iam::aws:policy/A", nil},
		"two managed policies": {
			p + "policy_arns = arn:aws:iam::aws:policy/A,arn:aws:iam::aws:policy/B", nil,
		},
		"web identity":               {web, nil},
		"web identity, session name": {web + "role_session_name = jill", nil},
		"web identity, policy":       {web + "policy = {}", nil},
		"web identity, role":         {strings.ReplaceAll(web, "role/A", "role/B"), nil},
		"web identity, another file": {strings.ReplaceAll(web, "/a", "/b"), nil},
		"web identity, process":      {strings.ReplaceAll(web, "_file", "_process"), nil},
		"SSO":                        {sso, nil},
		"SSO, account":               {strings.ReplaceAll(sso, "id = 1", "id = 2"), nil},
		"SSO, role":                  {strings.ReplaceAll(sso, "= r", "= q"), nil},
		"SSO, start URL":             {strings.ReplaceAll(sso, "= u", "= v"), nil},
		"SSO, session": {
			strings.ReplaceAll(strings.ReplaceAll(sso, "= s", "= t"), "sso-session s", "sso-session t"), nil,
		},
		"process":                  {process, nil},
		"another process":          {strings.ReplaceAll(process, "/x", "/y"), nil},
		"process with an endpoint": {process, map[string]string{"AWS_ENDPOINT_URL_SSO": "http://x"}},
		"process with ignored endpoints": {
			process, map[string]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
		},
		"process with other files": {process, map[string]string{"AWS_CONFIG_FILE": "/x"}},
		"login":                    {"[profile p]\nlogin_session = arn:x", nil},
		"another login":            {"[profile p]\nlogin_session = arn:y", nil},
		"instance":                 {instance, nil},
		"instance, endpoint": {
			instance, map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x"},
		},
		"instance, profile's": {instance + "ec2_metadata_service_endpoint = http://y", nil},
		"container":           {container, map[string]string{ContainerRelativeURI: "/a"}},
		"another container":   {container, map[string]string{ContainerRelativeURI: "/b"}},
		"container by URL":    {container, map[string]string{ContainerFullURI: "http://a"}},
		"container with a token file": {
			container, map[string]string{ContainerFullURI: "http://a", ContainerTokenFile: "/t"},
		},
		"environment":              {environment, map[string]string{"AWS_ACCESS_KEY_ID": "AKIA1"}},
		"environment, another key": {environment, map[string]string{"AWS_ACCESS_KEY_ID": "AKIA2"}},
	} {
		k := key(test.config, test.env)
		if other, ok := seen[k]; ok {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[k] = name
		if key(test.config, test.env) != k {
			t.Errorf("%s: its key is not always the same", name)
		}
	}
	relativeFile := map[string]string{"AWS_CONFIG_FILE": "config"}
	relativeProgram := strings.ReplaceAll(process, "/bin/x", "./x")
	t.Chdir(t.TempDir())
	relativeCredentials := map[string]string{"AWS_SHARED_CREDENTIALS_FILE": "credentials"}
	program, file := key(relativeProgram, nil), key(process, relativeFile)
	credentials := key(process, relativeCredentials)
	relative := strings.ReplaceAll(web, "/a", "a")
	here := key(relative, nil)
	t.Chdir(t.TempDir())
	if key(relative, nil) == here {
		t.Error("one relative path to two token files has one key")
	}
	if key(relativeProgram, nil) == program {
		t.Error("two programs with one relative path have one key")
	}
	if key(process, relativeFile) == file {
		t.Error("a process has one key with two config files that have one relative path")
	}
	if key(process, relativeCredentials) == credentials {
		t.Error("a process has one key with two credentials files that have one relative path")
	}
	if _, ok := seen[key(process, nil)]; !ok {
		t.Error("the working directory is in a command's key")
	}
	if key(sso, nil) != key(strings.ReplaceAll(sso, "region = x", "region = y"), nil) {
		t.Error("the region of SSO is in the key")
	}
	if key(instance+"ec2_metadata_service_endpoint = http://x", nil) != key(instance,
		map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://x"}) {
		t.Error("one endpoint of the metadata service has two keys")
	}
}

func TestInstanceAndContainerKeysDependOnBoot(t *testing.T) {
	id := BootID()
	if id == "" || id != BootID() {
		t.Fatalf("boot ID %q, then %q", id, BootID())
	}
	for _, kind := range []profiles.SourceType{profiles.EC2Metadata, profiles.ECSMetadata} {
		if identity := sourceIdentity(profiles.Source{Type: kind},
			getenv(nil)); !slices.Contains(identity, id) {
			t.Errorf("%s: %q", kind, identity)
		}
	}
}

func TestImportedKeyHasSameCacheKey(t *testing.T) {
	key := func(s profiles.Source) cache.Key {
		c := profiles.Chain{Source: s,
			Hops: []profiles.Hop{{RoleARN: "arn:aws:iam::111111111111:role/A"}}}
		return keyOf(t, c, nil)
	}
	static := key(profiles.Source{Type: profiles.Static, AccessKeyID: "AKIAX"})
	if key(profiles.Source{Type: profiles.Keyring, AccessKeyID: "AKIAX"}) != static {
		t.Error("the key differs")
	}
	if key(profiles.Source{Type: profiles.Keyring, AccessKeyID: "AKIAY"}) == static {
		t.Error("two access keys have the same cache key")
	}
	c := profiles.Chain{Source: profiles.Source{Type: profiles.Keyring},
		MFA: profiles.MFA{Serial: "x", Session: 1}}
	if !hasSessionToken(c, getenv(nil)) {
		t.Error("long-term keys get no session for the MFA device")
	}
}

func TestKeyDependsOnContentOfCABundle(t *testing.T) {
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(bundle, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const p = "[profile p]\n" + role
	const sso = "[profile s]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n" +
		"[sso-session s]\nsso_region = x\nsso_start_url = u\n"
	const ofSSO = "[profile p]\nrole_arn = arn:aws:iam::1:role/A\nsource_profile = s\n" + sso
	setting := "ca_bundle = " + bundle + "\n"
	variable := map[string]string{"AWS_CA_BUNDLE": bundle}
	for name, test := range map[string]struct {
		config, with string // without and with the bundle
		env          map[string]string
	}{
		"variable":     {p, p, variable},
		"setting":      {p, p + setting, nil},
		"SSO profile":  {ofSSO, strings.Replace(ofSSO, "[profile s]\n", "[profile s]\n"+setting, 1), nil},
		"SSO variable": {ofSSO, ofSSO, variable},
		"process": {
			"[profile p]\ncredential_process = x", "[profile p]\ncredential_process = x", variable,
		},
	} {
		t.Run(name, func(t *testing.T) {
			write("real CA")
			seen := map[cache.Key]string{keyOf(t, chainOf(t, test.config, base), nil): "no bundle"}
			for _, text := range []string{"real CA", "proxy's CA", ""} {
				write(text)
				key := keyOf(t, chainOf(t, test.with, base), test.env)
				if other, ok := seen[key]; ok {
					t.Errorf("%q and %q have the same key", text, other)
				}
				seen[key] = text
			}
			write("real CA")
			if key := keyOf(t, chainOf(t, test.with, base), test.env); seen[key] != "real CA" {
				t.Error("the same bundle has two keys")
			}
		})
	}
	source := strings.Replace(p, "[profile p]", "[profile base]\n"+setting+"[profile p]", 1)
	if keyOf(t, chainOf(t, source, base), nil) != keyOf(t, chainOf(t, p, base), nil) {
		t.Error("the key depends on a CA bundle that no call uses")
	}
	// An unusable bundle fails the calls, and not those that need none.
	for _, path := range []string{filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		keyOf(t, chainOf(t, p, base), map[string]string{"AWS_CA_BUNDLE": path})
	}
}

func TestCommandsWithRelativeFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"k.py", "tools/k.sh"} {
		if err := errors.Join(os.MkdirAll("tools", 0o700), os.WriteFile(name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for command, want := range map[string]bool{
		"./get-keys": true, "../bin/get-keys dev": true, "bin/get-keys": true, `"bin/get keys" dev`: true,
		"A=1 bin/get-keys": true, "sh tools/k.sh": true, "sh ./tools/k.sh": true, "python3 k.py": true,
		"get-keys --file=tools/k.sh": true, "get-keys 'k.py'": true,
		"get-keys": false, "k.py": false, "/opt/get-keys --role team/dev": false, "~/bin/get-keys": false,
		"$HOME/bin/get-keys": false, "get-keys arn:aws:iam::123456789012:role/Dev": false,
		`"/opt/get keys" dev`: false, "A=/opt/b get-keys": false, "cd /opt && ./run": false,
		"get-keys other.py": false, `""`: false, "": false,
	} {
		if got := namesRelativeFile(command); got != want {
			t.Errorf("%q: %v, want %v", command, got, want)
		}
	}
}

// A variable that names the config file in two ways names one file.
func TestCommandIdentityHasThePathsOfTheFiles(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	identity := func(config string) string {
		env := map[string]string{"AWS_CONFIG_FILE": config, "HOME": home}
		return strings.Join(commandIdentity("get-keys", func(name string) string { return env[name] }), "|")
	}
	want := identity(filepath.Join(home, "config"))
	for _, config := range []string{"~/config", "$HOME/config"} {
		t.Chdir(t.TempDir())
		if got := identity(config); got != want {
			t.Errorf("%s: %s, want %s", config, got, want)
		}
	}
	if identity("$HOME/other") == want {
		t.Error("two files have one identity")
	}
}
