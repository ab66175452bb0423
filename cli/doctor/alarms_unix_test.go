//go:build unix

package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aws-credproc/cache"
	"aws-credproc/cache/statedir"
	"aws-credproc/credproc/plan"
	"aws-credproc/profiles"
)

const mfaDevice = "mfa_serial = arn:aws:iam::123456789012:mfa/jill\n"

// TestFalseAlarmsOfRealFiles has configs like published ones on which a finding was wrong.
func TestFalseAlarmsOfRealFiles(t *testing.T) {
	for name, test := range map[string]struct {
		fixture
		// want are the findings, each "check profile: text of the fix"; none if empty.
		want []string
	}{
		"mfa_serial of a process": {fixture: fixture{
			config: "[profile x]\n" + role + "source_profile = vault\n[profile vault]\n" + mfaDevice +
				"credential_process = /bin/sh vault\n",
		}},
		"sign-in only": {fixture: fixture{
			config: "[profile x]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n" +
				"[profile y]\nsso_session = corp\n",
		}},
		"sign-in only, as a source": {
			fixture: fixture{
				config: "[profile x]\nsso_start_url = https://x.awsapps.com/start\n" +
					"sso_region = eu-west-1\n[profile y]\n" + role + "source_profile = x\n",
			},
			want: []string{"unusable-profile x: add it; an SSO profile needs sso_account_id"},
		},
		"aws-vault's process in a target": {
			fixture: fixture{
				config: "[profile t]\ncredential_process = HELPER get t-role\n[profile t-role]\n" + role +
					"credential_process = /bin/sh aws-vault exec t --json\n",
			},
			want: []string{"role-and-process t-role: remove the line credential_process, and name the " +
				"profile that has the credentials for the role with source_profile"},
		},
		"aws-vault's process and a role": {
			fixture: fixture{
				config: "[profile x]\n" + role + "credential_process = /bin/sh aws-vault exec x --json\n",
			},
			want: []string{"role-and-process x: remove the line credential_process, and name the profile " +
				"that has the credentials for the role with source_profile; then run:\n" +
				"  aws-credproc setup x"},
		},
		"role with a command of aws-vault for itself": {
			fixture: fixture{
				config: "[profile base]\ncredential_process = /bin/sh x\n[profile x]\n" + role +
					"source_profile = base\ncredential_process = BIN/aws-vault exec x --json\n",
				prepare: script("aws-vault"),
			},
			want: []string{"role-and-process x: run:\n  aws-credproc setup x"},
		},
		"include_profile in place of source_profile": {
			fixture: fixture{
				config: "[profile jill]\nsource_profile = keys\nregion = eu-west-1\n" + mfaDevice +
					"[profile x]\n" + role + "include_profile = jill\nregion = us-east-1\n" +
					"[profile keys]\ncredential_process = /bin/sh x\n",
			},
			want: []string{"include-profile x: replace the line with:\n  source_profile = keys\n" +
				"  mfa_serial = arn:aws:iam::123456789012:mfa/jill"},
		},
		"include_profile of a profile with credentials": {
			fixture: fixture{
				config: "[profile jill]\ncredential_process = /bin/sh x\nregion = eu-west-1\n" +
					"[profile x]\n" + role + "include_profile = jill\n",
			},
			want: []string{"include-profile x: replace the line with:\n  region = eu-west-1\n" +
				"  source_profile = jill"},
		},
		"include_profile for the MFA device": {
			fixture: fixture{
				config: "[profile jill]\ncredential_process = /bin/sh x\n" + mfaDevice +
					"[profile x]\n" + role + "source_profile = jill\ninclude_profile = jill\n",
			},
			want: []string{"include-profile x: replace the line with:\n" +
				"  mfa_serial = arn:aws:iam::123456789012:mfa/jill\nor run:\n  aws-credproc setup x"},
		},
		"include_profile of a profile that includes another": {
			fixture: fixture{
				config: "[profile x]\n" + role + "include_profile = y\n[profile y]\ninclude_profile = z\n" +
					"region = eu-west-1\n[profile z]\ncredential_process = /bin/sh x\ninclude_profile = y\n",
			},
			want: []string{
				"include-profile x: replace the line with:\n  region = eu-west-1\n  source_profile = z",
				"include-profile z: replace the line with:\n  region = eu-west-1",
			},
		},
		"include_profile of nothing": {
			fixture: fixture{config: "[profile x]\n" + role + "include_profile = gone\n"},
			want:    []string{"include-profile x: remove the line, or correct the name"},
		},
		"include_profile that adds nothing": {fixture: fixture{
			config: "[profile jill]\ncredential_process = /bin/sh x\n[profile x]\n" + role +
				"source_profile = jill\ninclude_profile = jill\n",
		}},
		"comments after keys that nobody reads": {fixture: fixture{
			config: "[profile x]\nregion = eu-west-1\ncolor = ff0000 # red\ngranted_x = 1 ; one\n",
		}},
		"keys of other programs": {fixture: fixture{
			config: "[profile x]\n" + role + "source_profile = dev\nrole_name = Dev\n" +
				"sso_account_name = dev\nsso_auto_populated = true\nazure_tenant_id = x\n" +
				"aws_session_expiration = 1\nx_principal_arn = arn:aws:sts::1:assumed-role/R/s\n" +
				"x_security_token_expires = 1\ncommon_fate_generated_from = aws-sso\n" +
				"source_url = y\nparent_profile = z\nrole = x\npolicies = y\nOUTPUT = json\n",
		}},
		"settings of granted, with its command": {fixture: fixture{
			config:  granted + "credential_process = BIN/granted credential-process --profile x\n",
			prepare: script("granted"),
		}},
		"settings of granted, without its program": {
			fixture: fixture{
				config: granted + "credential_process = /gone/granted credential-process --profile x\n",
			},
			want: []string{
				"process-not-found x: ",
				"granted-sso x: replace the line credential_process and those that start with granted_ " +
					"with:\n  sso_start_url = https://x.awsapps.com/start\n  sso_region = eu-west-1",
			},
		},
		"values in quotes": {
			fixture: fixture{
				config: "[profile x]\nregion = \"eu-west-1\"\n[profile y]\nsso_session = corp\n" +
					"sso_account_id = '123456789012'\nsso_role_name = Dev\n",
			},
			want: []string{"unusable-profile x: remove the quotes", "unusable-profile y: remove the quotes"},
		},
		"an MFA device in quotes": {
			fixture: fixture{
				config: "[profile x]\n" + role + "source_profile = keys\nmfa_serial = '" +
					strings.TrimSpace(strings.TrimPrefix(mfaDevice, "mfa_serial = ")) + "'\n" +
					"[profile keys]\ncredential_process = /bin/sh x\n",
			},
			want: []string{"bad-arn x: remove the quotes"},
		},
		"a token file in the home directory": {
			fixture: fixture{
				config: "[profile x]\n" + role + "web_identity_token_file = ~/token\n",
			},
			want: []string{"unusable-profile x: write the full path in web_identity_token_file"},
		},
		"merge conflict": {
			fixture: fixture{
				config: "[profile x]\n<<<<<<< HEAD\nregion = eu-west-1\n=======\nregion = us-east-1\n" +
					">>>>>>> theirs\n",
			},
			want: []string{"file-form: keep the lines of one side, and remove those of the other side"},
		},
		"merge conflict with three sides, and a section on each": {
			fixture: fixture{
				config: "<<<<<<< HEAD\n[profile x]\nregion = eu-west-1\n||||||| 1a2b\n=======\n[profile x]\n" +
					"region = us-east-1\n>>>>>>> theirs: more\n",
			},
			want: []string{"file-form: keep the lines of one side, and remove those of the other side"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for i, f := range test.examine(t).Findings {
				checkText(t, f)
				text := strings.TrimSpace(f.Check+" "+f.Profile) + ": " + f.Fix
				if i < len(test.want) && strings.HasPrefix(text, test.want[i]) {
					text = test.want[i]
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestDoubleQuoteIsAWarning: the AWS SDK for Go v1 cannot start the command, all others can.
func TestDoubleQuoteIsAWarning(t *testing.T) {
	f := fixture{config: "[profile x]\ncredential_process = \"BIN/with space\" --now\n[profile y]\n" +
		"credential_process = \"HELPER\" get dev-role\n[profile s]\n" +
		"credential_process = 'BIN/with space' --now\n[profile b]\n" +
		"credential_process = BIN/with\\ space --now\n", prepare: script("other")}
	var got []string
	for _, f := range f.examine(t).Findings {
		got = append(got, fmt.Sprintf("%s %s %s: %s", f.Severity, f.Check, f.Profile, f.Why))
	}
	for i, profile := range []string{"x", "y"} {
		want := "warning process-quoting " + profile + ": the AWS SDK for Go v1, and so rclone and s5cmd"
		if len(got) != 2 || !strings.HasPrefix(got[i], want) {
			t.Fatalf("got %q", got)
		}
	}
}

// TestUnreadableFileNamesTheClients checks the text against what the clients were seen to do.
func TestUnreadableFileNamesTheClients(t *testing.T) {
	write := func(text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "credentials"), []byte(text), 0o600))
		}
	}
	for want, prepare := range map[string]func(*testing.T, string){
		"the AWS CLI, boto3 and the SDK for JavaScript find no profile in it": makeDirectory,
		"the AWS CLI and boto3 refuse the whole file, with every profile in it, and so": write(
			"\xff\xfe[\x00x\x00]\x00"),
		"aws-credproc refuses it, with every profile in it; the AWS CLI, boto3": func(
			t *testing.T, dir string,
		) {
			must(t, os.Truncate(filepath.Join(dir, "credentials"), profiles.MaxFileSize+1))
		},
		"the AWS CLI and boto3 refuse the whole file, with every profile in it; the SDKs": write(
			"[x]\nfoo\n"),
	} {
		found := fixture{prepare: prepare}.examine(t).Findings
		if len(found) != 1 || found[0].Check != "file-form" || !strings.HasPrefix(found[0].Why, want) {
			t.Errorf("%+v; want %s", found, want)
		}
	}
}

// recordFailure records that the session of dev could not be obtained.
func recordFailure(profile, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		files, err := profiles.Load(filepath.Join(dir, "config"), filepath.Join(dir, "credentials"))
		must(t, err)
		chain, err := files.Chain(profile)
		must(t, err)
		p, err := plan.New(chain, func(string) string { return "" })
		must(t, err)
		c, err := cache.Open(cache.Options{Dir: filepath.Join(dir, "state"), Choice: cache.File})
		must(t, err)
		_, err = statedir.Create(filepath.Join(dir, "state"))
		must(t, err, c.RecordFailure(p.Key(p.Last()), cache.Facts{Profile: profile},
			fmt.Errorf("%s", text)), c.Close())
	}
}

func TestLastFailureIsShownOffline(t *testing.T) {
	f := fixture{prepare: recordFailure("dev", "dev-role: AssumeRole: AccessDenied")}
	found := f.examine(t).Findings
	if len(found) != 1 || found[0].Check != "last-failure" || found[0].Profile != "dev-role" ||
		!strings.HasSuffix(found[0].What, ": dev-role: AssumeRole: AccessDenied") ||
		!strings.HasPrefix(found[0].What, "the last attempt to get a session failed at 20") ||
		found[0].Fix != "run:\n  aws-credproc refresh dev-role" {
		t.Errorf("%+v", found)
	}
	f.profile = "settings"
	if found := f.examine(t).Findings; slices.ContainsFunc(found, func(f Finding) bool {
		return f.Check == "last-failure"
	}) {
		t.Errorf("of another profile: %+v", found)
	}
}

// plantedFaults has 20 faults, one per section, as they are found in published files.
var plantedFaults = fixture{
	config: `[profile p01]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = gone
[profile p02]
role_arn = arn:aws:iam::123456789012:role/Dev
[profile p03]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = p03
[profile p04]
role_arn = arn:aws:iam::1234:role/Dev
source_profile = corp
[profile p05]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = corp
credential_process = other
[profile p06]
credential_process = HELPER get p06
[profile p07]
credential_process = HELPER get gone
[profile p08]
credential_process = HELPER dev-role
[profile p09]
credential_process = ~/bin/aws-credproc get dev-role
[profile p10]
credential_process = /gone/program
[profile p11]
region = eu-west-1 # Ireland
[profile p12]
region = eu-west-1
[profile p12]
output = json
[profile p13]
region = eu-west-1
region = us-east-1
[p14]
region = eu-west-1
[profile p15]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = corp
duration_seconds = 99
[profile p16]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = corp
role_session_name = Jill Doe
[profile p17]
region = eu-west-1a
[profile p18]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = corp
mfa_serial = arn:aws:iam::123456789012:mfa/jill
[profile p19]
sso_session = gone
sso_account_id = 123456789012
sso_role_name = Dev
`,
	credentials: "[p20]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n",
}

func TestPlantedFaultsAreFound(t *testing.T) {
	want := []string{
		"missing-source p01", "missing-source p02", "cycle p03", "bad-arn p04", "role-and-process p05",
		"process-recursion p06", "process-profile p07", "process-usage p08", "process-quoting p09",
		"process-not-found p10", "inline-comment p11", "duplicate-section", "duplicate-key",
		"section-name p14", "duration p15", "session-name p16", "unknown-region p17",
		"mfa-no-device p18", "unusable-profile p19", "half-key-pair p20",
	}
	var got []string
	for _, f := range plantedFaults.examine(t).Findings {
		checkText(t, f)
		got = append(got, strings.TrimSpace(f.Check+" "+f.Profile))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
