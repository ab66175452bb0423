//go:build unix

package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/internal/ststest"
)

// problem is a setup with a problem.
type problem struct {
	name string
	fixture
	want string // the findings, in any order, each as "check" or "check profile"
}

const granted = "[profile x]\ngranted_sso_start_url = https://x.awsapps.com/start\n" +
	"granted_sso_region = eu-west-1\ngranted_sso_account_id = 123456789012\n" +
	"granted_sso_role_name = Dev\n"

var problems = []problem{
	{"nothing in the files", fixture{whole: "# nothing\n"}, "no-config"},
	{"no files", fixture{prepare: removeFiles}, "no-config"},
	{"no files, one profile", fixture{prepare: removeFiles, profile: "dev"}, "no-config"},
	{"line without =", fixture{config: "[profile x]\nregion\n"}, "file-form"},
	{"header without ], and keys in the other file", fixture{
		config:      "[profile x\n",
		credentials: "[base]\n" + jillsKeys,
	}, "file-form, long-term-keys base"},
	{"several malformed lines", fixture{
		config: "[profile x\nregion\n= 5\n",
	}, "file-form, file-form, file-form"},
	{"malformed header, and the lines below it", fixture{
		whole: "[profile a\nregion = eu-west-1\nregion = eu-west-1\nrole_arn = x\n",
	}, "file-form, duplicate-key"},
	{"Latin-1", fixture{
		config: "# Andr\xe9\n[profile x]\n# Ren\xe9\nregion = eu-west-1\n",
	}, "file-form"},
	{"directory instead of a file", fixture{prepare: makeDirectory}, "file-form"},
	{"byte order mark", fixture{whole: "\ufeff" + cleanConfig}, "byte-order-mark"},
	{"[x]", fixture{config: "[bare]\nregion = eu-west-1\n"}, "section-name bare"},
	{"[x] as a source", fixture{
		config: "[bare]\nregion = eu-west-1\n[profile lost]\n" + role + "source_profile = bare\n",
	}, "section-name bare"},
	{"[x] as the target of a wired profile", fixture{
		config: "[bare]\n" + role + "[profile lost]\ncredential_process = HELPER get bare\n",
	}, "section-name bare"},
	{"[x], the selected profile", fixture{
		config:  "[bare]\nregion = eu-west-1\n",
		profile: "bare",
	}, "section-name bare"},
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
	{"section twice", fixture{config: "[profile x]\n[profile y]\n[profile x]\n"}, "duplicate-section"},
	{"SSO session twice", fixture{config: "[sso-session corp]\n"}, "duplicate-section"},
	{"both forms of default", fixture{config: "[default]\n[profile default]\n"}, "duplicate-section"},
	{"key twice", fixture{
		config: "[profile x]\nregion = eu-west-1\nRegion = us-east-1\n",
	}, "duplicate-key"},
	{"comment after a value", fixture{
		config: "[profile x]\nregion = eu-west-1 ; Ireland\n",
	}, "inline-comment x"},
	{"comment in a block", fixture{
		config: "[profile x]\ns3 =\n  max_concurrent_requests = 10 # ten\n",
	}, "inline-comment x"},
	{"comment in a services section", fixture{
		config: "[services x]\nsts =\n  endpoint_url = https://sts.test # hush\n",
	}, "inline-comment"},
	{"comment sign within quotes", fixture{
		config: "[profile x]\ncredential_process = /bin/sh -c 'echo \"#x\" ; cat /tmp/j'\n",
	}, "inline-comment x"},
	{"comment after an API key", fixture{
		config: "[profile x]\naws_api_key = hush # hush\n",
	}, "inline-comment x"},
	{"comment after a command that may contain a secret", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\n" +
			"mfa_process = otp --seed hush # hush\n[profile y]\n" +
			"credential_process = /bin/sh hush # hush\n",
	}, "inline-comment x, inline-comment y"},
	{"config that other users can read", fixture{prepare: chmod("config", 0o644)}, "file-access"},
	{"config that other users can write", fixture{prepare: chmod("config", 0o606)}, "file-access"},
	{"config that the group can write", fixture{prepare: chmod("config", 0o660)}, "file-access"},
	{"keys that the group can read", fixture{
		credentials: "[base]\n" + jillsKeys,
		prepare:     chmod("credentials", 0o640),
	}, "file-access, long-term-keys base"},

	{"directory that other users can write", fixture{prepare: chmod(".", 0o703)}, "directory-access"},
	{"directory that the group can write", fixture{prepare: chmod(".", 0o770)}, "directory-access"},
	{"program that other users can write", fixture{
		prepare: chmod("bin/aws-credproc", 0o707),
	}, "process-access dev"},
	{"directory of a program that other users can write", fixture{
		prepare: chmod("bin", 0o707),
	}, "process-access dev"},
	{"another program of the same name", fixture{
		config: "[profile x]\ncredential_process = BIN/old/aws-credproc get dev-role\n",
		prepare: func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "bin", "old"), 0o700))
			script("old/aws-credproc")(t, dir)
		},
	}, "process-program x"},
	{"[sso_session x]", fixture{
		config: "[sso_session bad]\nsso_region = eu-west-1\n" +
			"sso_start_url = https://x.awsapps.com/start\n[profile x]\nsso_session = bad\n" +
			"sso_account_id = 123456789012\nsso_role_name = Dev\n",
	}, "section-name"},

	{"role and a process", fixture{
		config: "[profile x]\n" + role + "credential_process = other\n",
	}, "role-and-process x"},
	{"role, source and aws-credproc for itself", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\n" +
			"credential_process = aws-credproc get x\n",
	}, "role-and-process x"},
	{"role, a credential_source and a process", fixture{
		config: "[profile x]\n" + role + "credential_source = EcsContainer\ncredential_process = other\n",
	}, "role-and-process x"},
	{"source and a process", fixture{
		config: "[profile x]\nsource_profile = corp\ncredential_process = HELPER get dev-role\n",
	}, "role-and-process x"},
	{"keys and a process", fixture{
		config:      "[profile x]\ncredential_process = HELPER get dev-role\n",
		credentials: "[x]\n" + jillsKeys,
	}, "shadowed-process x, long-term-keys x"},
	{"keys and a process in the config", fixture{
		config: "[profile x]\ncredential_process = HELPER get dev-role\n" + jillsKeys,
	}, "shadowed-process x, long-term-keys x"},
	{"SSO and a process", fixture{
		config: "[profile x]\ncredential_process = HELPER get dev-role\nsso_session = corp\n" +
			"sso_account_id = 123456789012\nsso_role_name = Dev\n",
	}, "shadowed-process x"},
	{"console sign-in and process", fixture{
		config: "[profile x]\ncredential_process = HELPER get dev-role\n" +
			"login_session = arn:aws:iam::123456789012:user/jill\n",
	}, "shadowed-process x"},
	{"aws-credproc for itself", fixture{
		config: "[profile x]\ncredential_process = HELPER get x\n",
	}, "process-recursion x"},
	{"aws-credproc for itself, through a role", fixture{
		config: "[profile x]\n" + role + "source_profile = y\n[profile y]\n" +
			"credential_process = HELPER get x\n",
	}, "process-recursion y"},
	{"AWS CLI for itself", fixture{
		config:  "[profile x]\ncredential_process = BIN/aws configure export-credentials --profile=x\n",
		prepare: script("aws"),
	}, "process-recursion x"},
	{"AWS CLI for itself, through a role", fixture{
		config: "[profile x]\n" + role + "source_profile = y\n[profile y]\n" +
			"credential_process = BIN/aws configure export-credentials --profile x\n",
		prepare: script("aws"),
	}, "process-recursion y"},
	{"AWS CLI for itself, in a shell", fixture{
		config: "[profile x]\n" +
			"credential_process = /bin/sh -c \"aws configure export-credentials --profile x\"\n",
	}, "process-recursion x"},
	{"AWS CLI for itself, in single quotes", fixture{
		config: "[profile x]\n" +
			"credential_process = /bin/sh -c 'aws configure export-credentials --profile x'\n",
	}, "process-recursion x"},
	{"AWS CLI without --profile", fixture{
		config:  "[profile x]\ncredential_process = BIN/aws configure export-credentials\n",
		prepare: script("aws"),
	}, "process-recursion x"},
	{"AWS CLI without --profile, in default", fixture{
		config:  "[default]\ncredential_process = BIN/aws configure export-credentials\n",
		prepare: script("aws"),
	}, "process-recursion default"},
	{"get of a profile that does not exist", fixture{
		config: "[profile x]\ncredential_process = HELPER get gone\n",
	}, "process-profile x"},
	{"--profile that does not exist", fixture{
		config: "[profile x]\n" +
			"credential_process = BIN/aws configure export-credentials --profile gone\n",
		prepare: script("aws"),
	}, "process-profile x"},
	{"aws-credproc without get", fixture{
		config: "[profile x]\ncredential_process = HELPER dev-role\n",
	}, "process-usage x"},
	{"unknown flag", fixture{
		config: "[profile x]\ncredential_process = HELPER get --bogus dev-role\n",
	}, "process-usage x"},
	{"relative path", fixture{
		config: "[profile x]\ncredential_process = bin/aws-credproc get dev-role\n",
	}, "process-relative x"},
	{"quotes at both ends", fixture{
		config: "[profile x]\ncredential_process = \"HELPER\" get \"dev-role\"\n",
	}, "process-quoting x"},
	{"~", fixture{
		config: "[profile x]\ncredential_process = ~/bin/aws-credproc get dev-role\n",
	}, "process-quoting x"},
	{"variable in a path", fixture{
		config: "[profile x]\ncredential_process = \"$HOME/bin/aws-credproc\" get dev-role\n",
	}, "process-quoting x"},
	{"pipe", fixture{
		config: "[profile x]\ncredential_process = HELPER get dev-role | tee /dev/stderr\n",
	}, "process-quoting x"},
	{"variable assignment", fixture{
		config: "[profile x]\ncredential_process = AWS_REGION=eu-west-1 HELPER get dev-role\n",
	}, "process-quoting x"},
	{"open quote", fixture{
		config: "[profile x]\ncredential_process = 'HELPER get dev-role\n",
	}, "process-quoting x"},
	{"two lines", fixture{
		config: "[profile x]\ncredential_process = HELPER get\n  dev-role\n",
	}, "process-quoting x"},
	{"space without quotes", fixture{
		config:  "[profile x]\ncredential_process = BIN/with space --now\n",
		prepare: script("other"),
	}, "process-quoting x"},
	{"no such program", fixture{
		config: "[profile x]\ncredential_process = gone --now\n",
	}, "process-not-found x"},
	{"no such path", fixture{
		config: "[profile x]\ncredential_process = /gone/aws-credproc get dev-role\n",
	}, "process-not-found x"},
	{"file that is not executable", fixture{
		config:  "[profile x]\ncredential_process = BIN/text\n",
		prepare: scriptWithMode("text", 0o600),
	}, "process-not-found x"},
	{"only in this PATH", fixture{
		config: "[profile x]\ncredential_process = aws-credproc get dev-role\n",
	}, "process-path x"},

	{"no such profile", fixture{profile: "dve"}, "no-such-profile dve"},
	{"no such profile, another AWS_PROFILE", fixture{
		profile: "dve",
		env:     map[string]string{"AWS_PROFILE": "dev"},
	}, "no-such-profile dve"},
	{"source that does not exist", fixture{
		config: "[profile x]\n" + role + "source_profile = gone\n",
	}, "missing-source x"},
	{"role without a source", fixture{config: "[profile x]\n" + role}, "missing-source x"},
	{"one fault in several chains", fixture{
		config: "[profile x]\n" + role + "source_profile = gone\n[profile y]\n" + role +
			"source_profile = x\n",
	}, "missing-source x"},
	{"include_profile", fixture{
		config: "[profile x]\n" + role + "include_profile = corp\n",
	}, "include-profile x"},
	{"SSO settings of granted", fixture{config: granted}, "granted-sso x"},
	{"SSO settings of granted, selected", fixture{config: granted, profile: "x"}, "granted-sso x"},
	{"SSO settings of granted, as a source", fixture{
		config: granted + "[profile y]\n" + role + "source_profile = x\n",
	}, "granted-sso x"},
	{"mistyped key", fixture{
		config: "[profile x]\n" + role + "source_profile = dev\nexernal_id = x\nmfa_seral = y\n",
	}, "mistyped-key x, mistyped-key x"},
	{"cycle", fixture{
		config: "[profile x]\n" + role + "source_profile = y\n[profile y]\n" + role +
			"source_profile = x\n[profile z]\n" + role + "source_profile = x\n",
	}, "cycle x"},
	{"half a key", fixture{credentials: "[x]\naws_secret_access_key = hush\n"}, "half-key-pair x"},
	{"role_arn that is not an ARN", fixture{
		config: "[profile x]\nrole_arn = Dev\nsource_profile = corp\n",
	}, "bad-arn x"},
	{"policy_arns that is not an ARN", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\npolicy_arns = ReadOnly\n",
	}, "bad-arn x"},
	{"role_arn of something else", fixture{
		config: "[profile x]\nrole_arn = arn:aws:iam::12345678901:role/A\nsource_profile = corp\n" +
			"[profile y]\nrole_arn = arn:aws:iam::123456789012:user/B\nsource_profile = x\n",
	}, "bad-arn x, bad-arn y"},
	{"mfa_serial of something else", fixture{
		config: "[profile x]\n" + role + "credential_source = Environment\n" +
			"mfa_serial = arn:aws:iam::123456789012:user/jill\n",
	}, "bad-arn x"},
	{"role in another partition than its region", fixture{
		config: "[profile x]\nrole_arn = arn:aws-us-gov:iam::123456789012:role/A\n" +
			"source_profile = corp\nregion = eu-west-1\n",
	}, "bad-arn x"},
	{"role in another partition than AWS_REGION", fixture{
		config:  "[profile x]\nrole_arn = arn:aws:iam::123456789012:role/A\nsource_profile = corp\n",
		profile: "x",
		env:     map[string]string{"AWS_REGION": "cn-north-1"},
	}, "bad-arn x"},
	{"invalid session name", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nrole_session_name = Jill Doe\n",
	}, "session-name x"},
	{"invalid duration", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nduration_seconds = 1h\n",
	}, "duration x"},
	{"more than an hour, role chaining", fixture{
		config: "[profile x]\n" + role + "source_profile = dev\nduration_seconds = 7200\n",
	}, "duration x"},
	{"more than an hour from SSO", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nduration_seconds = 7200\n",
	}, "duration x"},
	{"more than an hour from an instance", fixture{
		config: "[profile x]\n" + role + "credential_source = Ec2InstanceMetadata\n" +
			"duration_seconds = 7200\n[profile y]\n" + role + "credential_source = EcsContainer\n" +
			"duration_seconds = 7200\n",
	}, "duration x, duration y"},
	{"SSO session that does not exist", fixture{
		config: "[profile x]\nsso_session = gone\nsso_account_id = 123456789012\nsso_role_name = Dev\n",
	}, "unusable-profile x"},
	{"invalid region", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nregion = Ireland!\n",
	}, "unusable-profile x"},
	{"invalid region of a wired profile", fixture{
		config: "[profile x]\ncredential_process = HELPER get dev-role\nregion = eu west 1\n" +
			"[profile y]\nregion = eu-west-1\n  output = json\n",
	}, "unusable-profile x, unusable-profile y"},
	{"invalid region, overridden by a variable", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nregion = Ireland!\n",
		env:    map[string]string{"AWS_REGION": "eu-west-1"},
	}, "unusable-profile x"},
	{"region that does not exist", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nregion = eu-west-1a\n" +
			"[profile y]\nregion = EU-WEST-1\n[profile z]\nregion = us-north-1\n" +
			"[profile own]\nregion = local\nendpoint_url = http://127.0.0.1:1\n",
	}, "unknown-region x, unknown-region y, unknown-region z"},
	{"AWS_REGION that does not exist", fixture{
		env: map[string]string{"AWS_REGION": "eu-wset-1"},
	}, "unknown-region"},
	{"AWS_REGION that does not exist, online", fixture{
		config: cloud, profile: "cloud", env: map[string]string{"AWS_REGION": "us-north-1",
			"AWS_MAX_ATTEMPTS": "1", "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"},
		online: true,
	}, "unknown-region"},
	{"sso_region that does not exist", fixture{
		config: "[profile x]\nsso_session = y\n[sso-session y]\nsso_region = eu-wset-1\n" +
			"sso_start_url = https://example.awsapps.com/start\n",
	}, "unknown-region"},
	{"invalid AWS_REGION", fixture{
		env: map[string]string{"AWS_REGION": "bad region"},
	}, "unusable-profile"},
	{"invalid AWS_ENDPOINT_URL_STS, online", fixture{
		env:    map[string]string{"AWS_ENDPOINT_URL_STS": "foo"},
		online: true,
	}, "unusable-profile"},
	{"FIPS with a custom endpoint", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nuse_fips_endpoint = true\n" +
			"endpoint_url = http://127.0.0.1:1\n",
	}, "unusable-profile x"},
	{"invalid AWS_RETRY_MODE", fixture{
		env: map[string]string{"AWS_RETRY_MODE": "foo"},
	}, "unusable-profile"},
	{"token file that does not exist", fixture{
		config: "[profile x]\n" + role + "web_identity_token_file = /gone/token\n[profile y]\n" + role +
			"source_profile = x\n",
	}, "unusable-profile x"},
	{"invalid retry_mode", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nretry_mode = foo\n",
	}, "unusable-profile x"},
	{"invalid max_attempts", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nmax_attempts = many\n",
	}, "unusable-profile x"},
	{"CA bundle that does not exist", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\nca_bundle = /gone\n",
	}, "unusable-profile x"},
	{"invalid sso_account_id", fixture{
		config: "[profile x]\nsso_session = corp\nsso_account_id = 12345\nsso_role_name = Dev\n",
	}, "unusable-profile x"},
	{"invalid sso_start_url", fixture{
		config: "[profile x]\nsso_session = more\nsso_account_id = 123456789012\nsso_role_name = Dev\n" +
			"[profile y]\nsso_session = more\nsso_account_id = 123456789012\nsso_role_name = Ops\n" +
			"[sso-session more]\nsso_region = eu-west-1\nsso_start_url = x.awsapps.com/start\n" +
			"[profile z]\nsso_region = eu-west-1\nsso_start_url = x.awsapps.com/start\n" +
			"sso_account_id = 123456789012\nsso_role_name = Dev\n",
	}, "unusable-profile, unusable-profile z"},
	{"empty credential_process", fixture{
		config: "[profile x]\ncredential_process =\n",
	}, "unusable-profile x"},
	{"no credentials in the source", fixture{
		config: "[profile x]\n" + role + "source_profile = settings\n",
	}, "unusable-profile settings"},
	{"no credentials in the selected profile", fixture{
		profile: "settings",
	}, "unusable-profile settings"},
	{"MFA device in the source", fixture{
		config: "[profile x]\n" + role + "source_profile = base\n[profile base]\n" +
			"mfa_serial = arn:aws:iam::123456789012:mfa/jill\n",
		credentials: "[base]\n" + jillsKeys,
	}, "mfa-unread base, long-term-keys base"},
	{"MFA device in the wired profile", fixture{
		config: "[profile x]\ncredential_process = HELPER get dev-role\n" +
			"mfa_serial = arn:aws:iam::123456789012:mfa/jill\n",
	}, "mfa-unread x"},
	{"MFA device of an SSO role", fixture{
		config: "[profile x]\n" + role + "source_profile = corp\n" +
			"mfa_serial = arn:aws:iam::123456789012:mfa/jill\n",
	}, "mfa-no-device x"},
	{"MFA device of a chained role", fixture{
		config: "[profile y]\n" + role + "source_profile = dev\n" +
			"mfa_serial = arn:aws:iam::123456789012:mfa/jill\n[profile z]\n" + role +
			"source_profile = y\n",
	}, "mfa-no-device y"},

	{"MFA device with a web identity token", fixture{
		config: "[profile x]\n" + role + "web_identity_token_file = HELPER\n" +
			"mfa_serial = arn:aws:iam::123456789012:mfa/jill\n",
	}, "mfa-unread x"},

	{"keys under the name of a role", fixture{
		config:      "[profile x]\n" + role + "source_profile = corp\n",
		credentials: "[x]\n" + jillsKeys,
	}, "keys-and-role x, long-term-keys x"},
	{"keys for the role of the same profile", fixture{
		config:      "[profile x]\n" + role + "source_profile = x\n",
		credentials: "[x]\n" + jillsKeys,
	}, "long-term-keys x"},
	{"keys in a file", fixture{credentials: "[base]\n" + jillsKeys}, "long-term-keys base"},
	{"expired session", fixture{
		credentials: "[base]\n" + jillsKeys + "aws_session_token = hush\n" +
			"x_security_token_expires = 2020-01-01T00:00:00+02:00\n",
	}, "temporary-keys base"},
	{"expired session, in seconds", fixture{
		credentials: "[base]\n" + jillsKeys + "aws_session_token = hush\nexpiration = 1577836800\n",
	}, "temporary-keys base"},
	{"session in an old file", fixture{
		credentials: "[base]\n" + jillsKeys + "aws_session_token = hush\n",
		prepare:     age("credentials", 37*time.Hour),
	}, "temporary-keys base"},
	{"session key without its token", fixture{
		credentials: "[base]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = hush\n",
	}, "temporary-keys base"},

	{"exported keys", fixture{
		env: map[string]string{
			"AWS_ACCESS_KEY_ID":     "AKIAIOSFODNN7EXAMPLE",
			"AWS_SECRET_ACCESS_KEY": "hush",
		},
	}, "environment-keys"},
	{"exported key ID without its secret", fixture{
		env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"},
	}, "environment-keys"},
	{"expired session of exec", fixture{env: execEnv(-time.Minute)}, "environment-keys"},
	{"keys inside exec --serve", fixture{
		env: with(serveEnv, "AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
	}, "environment-keys"},
	{"exported web identity token", fixture{
		env: map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": "/t"},
	}, "environment-web-identity"},
	{"AWS_PROFILE that does not exist", fixture{
		env: map[string]string{"AWS_PROFILE": "gone"},
	}, "environment-profile"},
	{"AWS_PROFILE is the target of a wired profile", fixture{
		env: map[string]string{"AWS_PROFILE": "dev-role"},
	}, "environment-profile"},
	{"AWS_PROFILE is not the selected profile", fixture{
		env:     map[string]string{"AWS_PROFILE": "settings"},
		profile: "dev",
	}, "environment-profile"},
	{"AWS_PROFILE is not that of exec", fixture{
		env: with(execEnv(time.Hour), "AWS_PROFILE", "dev-role"),
	}, "environment-profile"},
	{"AWS_PROFILE is not that of exec --serve", fixture{
		env: with(serveEnv, "AWS_PROFILE", "corp"),
	}, "environment-profile"},
	{"two variables for a profile", fixture{
		env: map[string]string{"AWS_PROFILE": "dev", "AWS_DEFAULT_PROFILE": "corp"},
	}, "environment-profile"},

	{"state directory that others can write to", fixture{prepare: openState}, "state-directory"},
	{"state directory that cannot be created, no keyring", fixture{
		health: &cache.Health{
			Choice:   cache.Auto,
			Store:    cache.None,
			StateDir: errors.New("no"),
			StoreErr: cache.ErrUnavailable,
		},
	}, "state-directory"},
	{"locked keyring", fixture{
		health: &cache.Health{Choice: cache.Auto, Store: cache.Keyring, StoreErr: cache.ErrLocked},
	}, "keyring"},
	{"keyring that does not respond", fixture{
		health: &cache.Health{Choice: cache.Auto, Store: cache.Keyring, StoreErr: cache.ErrTimeout},
	}, "keyring"},
	{"locked keyring, kernel store", fixture{
		health: &cache.Health{Choice: cache.Auto, Store: cache.Kernel, StoreErr: cache.ErrLocked},
	}, "keyring"},
	{"broken keyring", fixture{
		health: &cache.Health{Choice: cache.Keyring, Store: cache.Keyring, StoreErr: errors.New("no")},
	}, "keyring"},
	{"no keyring", fixture{
		health: &cache.Health{Choice: cache.Auto, Store: cache.None, StoreErr: cache.ErrUnavailable},
	}, "keyring"},
	{"keyring of another user", fixture{
		health: &cache.Health{Choice: cache.Auto, Store: cache.Kernel, StoreErr: cache.ErrOtherUser},
	}, "keyring"},
	{"no kernel keyring", fixture{
		health: &cache.Health{Choice: cache.Kernel, Store: cache.Kernel, StoreErr: cache.ErrUnavailable},
	}, "kernel-store"},
	{"newer sessions", fixture{prepare: writeNewer}, "newer-items"},
	{"temporary file of an edit", fixture{prepare: leaveBehind(".credentials.123.tmp")}, "leftovers"},
	{"temporary file in the state directory", fixture{
		prepare: leaveBehind("state/.tmp-A"),
	}, "leftovers"},

	{"failure of the last attempt", fixture{
		prepare: recordFailure("dev", "dev-role: denied"),
	}, "last-failure dev-role"},
	{"merge conflict", fixture{
		config: "[profile x]\n<<<<<<< a\nregion = eu-west-1\n=======\nregion = us-east-1\n>>>>>>> b\n",
	}, "file-form"},

	{"imported keys, selected by AWS_PROFILE", fixture{
		config:  "[profile base]\ncredential_process = HELPER get base\n",
		env:     map[string]string{"AWS_PROFILE": "base"},
		prepare: importBase,
	}, "imported-keys base"},
	{"imported keys, no keyring", fixture{
		config: "[profile base]\ncredential_process = HELPER get base\n[profile x]\n" + role +
			"source_profile = base\n",
		prepare: importBase,
	}, "imported-keys base"},

	{"interrupted rotation", fixture{
		config:      "[profile x]\n" + role + "source_profile = base\n",
		credentials: "[base]\n" + jillsKeys,
		prepare:     interruptRotation,
	}, "unfinished-rotation base, long-term-keys base"},

	{"proxy that does not respond", fixture{
		config:  cloud,
		profile: "cloud",
		online:  true,
		sts:     addRole,
		env:     map[string]string{"AWS_ENDPOINT_URL_STS": "http://sts.test"},
	}, "sts-proxy"},
	{"STS that does not respond", fixture{
		config:  cloud,
		profile: "cloud",
		online:  true,
		sts:     addRole,
		env:     map[string]string{"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"},
	}, "sts-unreachable"},
	{"FIPS with a custom endpoint, for keys", fixture{
		config: "[profile x]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n" +
			"use_fips_endpoint = true\nendpoint_url = http://127.0.0.1:1\n",
		profile: "x",
		online:  true,
		sts:     addRole,
	}, "long-term-keys x, sts-unreachable"},
	{"clock ahead", fixture{
		config:  cloud,
		profile: "cloud",
		online:  true,
		sts:     addRole,
		ahead:   3 * time.Minute,
	}, "clock"},
	{"clock behind", fixture{
		config:  cloud,
		profile: "cloud",
		online:  true,
		sts:     addRole,
		ahead:   -10 * time.Minute,
	}, "clock"},
	{"unknown keys", fixture{
		config:  cloud,
		profile: "cloud",
		online:  true,
		sts:     addRole,
		env:     map[string]string{"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"},
	}, "caller cloud"},
	{"not signed in", fixture{
		profile: "dev",
		online:  true,
		sts:     addRole,
	}, "environment-keys, caller corp"},
	{"denied role, and the roles that need it", fixture{
		config: "[profile z]\n" + role + "source_profile = y\n[profile y]\n" +
			"role_arn = arn:aws:iam::123456789012:role/Y\nsource_profile = cloud\n[profile u]\n" +
			"role_arn = arn:aws:iam::123456789012:role/U\nsource_profile = y\n" + cloud,
		online:  true,
		profile: "z",
		sts:     func(t *testing.T, s *ststest.Server) { addRole(t, s) },
	}, "assume-role y"},
	{"denied role", fixture{
		config:  cloud,
		profile: "cloud",
		online:  true,
		sts:     func(*testing.T, *ststest.Server) {},
	}, "assume-role cloud"},
}
