//go:build unix

package doctor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aws-credproc/cache"
)

func TestCleanSetupHasNoFindings(t *testing.T) {
	for name, f := range map[string]fixture{
		"as setup writes it": {},
		"one profile":        {profile: "dev", config: "[bare]\n"},
		"keys for the environment": {
			config: cloud,
			env: map[string]string{
				"AWS_ACCESS_KEY_ID":     "AKIAIOSFODNN7EXAMPLE",
				"AWS_SECRET_ACCESS_KEY": "hush",
			},
		},
		"inside exec":                          {env: execEnv(time.Hour)},
		"inside exec, AWS_PROFILE is the same": {env: with(execEnv(time.Hour), "AWS_PROFILE", "dev")},
		"inside exec --serve":                  {env: serveEnv},
		"AWS_PROFILE is a wired profile":       {env: map[string]string{"AWS_PROFILE": "dev"}},
		"AWS_PROFILE is a source of the selected profile": {
			env:     map[string]string{"AWS_PROFILE": "corp"},
			profile: "dev",
		},
		"sections of other tools": {
			config: "[plugins]\ncli_legacy_plugin_path = /x\n[services s]\n[common-fate x y]\n",
		},
		"valid session": {
			credentials: "[pasted]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\n" +
				"aws_secret_access_key = hush\naws_session_token = hush\nexpiration = " +
				time.Now().Add(time.Hour).Format(time.RFC3339) + "\n",
		},
		"no keyring, kernel store": {
			health: &cache.Health{Choice: cache.Auto, Store: cache.Kernel, StoreErr: cache.ErrUnavailable},
		},
		"more than an hour, at an endpoint that may accept it": {
			config: "[profile x]\n" + role + "source_profile = dev\nduration_seconds = 7200\n" +
				"endpoint_url = http://localhost:4566\n[profile y]\n" + role +
				"source_profile = corp\nduration_seconds = 7200\nendpoint_url = http://localhost:4566\n",
		},
		"another command": {
			config: "[profile other]\ncredential_process = '/bin/sh' -c \"exit 1\" x\n[profile known]\n" +
				"credential_process = BIN/aws configure export-credentials --profile corp\n",
			prepare: script("aws"),
		},
		"--profile of another program": {
			config: "[profile x]\ncredential_process = BIN/granted credential-process --profile x\n" +
				"[profile y]\ncredential_process = BIN/granted --profile gone\n",
			prepare: script("granted"),
		},
		"path in single quotes": {
			config: "[profile x]\ncredential_process = '/bin/sh' x\n[profile y]\n" +
				"credential_process = 'HELPER' get dev-role\n",
		},
		"AWS CLI in a shell": {
			config: "[profile x]\n" +
				"credential_process = /bin/sh -c \"aws configure export-credentials --profile corp; true\"\n" +
				"[profile y]\n" +
				"credential_process = /bin/sh -c \"AWS_PROFILE=corp aws configure export-credentials\"\n",
		},
		"roles in other partitions": {
			config: "[profile x]\nrole_arn = arn:aws-us-gov:iam::123456789012:role/A\n" +
				"source_profile = corp\nregion = us-gov-west-1\n[profile y]\n" +
				"role_arn = arn:aws-iso:iam::123456789012:role/A\nsource_profile = corp\n" +
				"region = us-iso-east-1\n[profile z]\nrole_arn = arn:aws-cn:iam::123456789012:role/A\n" +
				"source_profile = corp\n",
		},
		"role of an STS other than AWS": {
			config: "[profile x]\nrole_arn = arn:aws:iam:::role/A\nsource_profile = corp\n" +
				"endpoint_url = https://ceph.test\n",
		},
		"flags of get": {
			config: "[profile x]\n" +
				"credential_process = HELPER --store=file get --verbose --timeout 5s -- dev-role\n",
		},
		"hour from an instance": {
			config: "[profile x]\n" + role + "credential_source = Ec2InstanceMetadata\n" +
				"duration_seconds = 3600\n[profile y]\n" + role + "credential_source = Environment\n" +
				"duration_seconds = 7200\n",
		},
		"nested settings, and quotes": {
			config: "[profile x]\ns3 =\n  max_concurrent_requests = 10\n  # ten\n" +
				"credential_process = /bin/sh -c 'echo \"#x\"'\n",
		},
		"sticky directory": {prepare: chmod(".", 0o777|os.ModeSticky)},
		"invalid settings that are not used": {
			config: "[profile x]\ncredential_process = /bin/sh x\nretry_mode = foo\nca_bundle = /gone\n",
		},
		"STS works": {
			config:  cloud,
			profile: "cloud",
			online:  true,
			sts:     addRole,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := f.examine(t)
			if r.Findings == nil || len(r.Findings) > 0 {
				t.Errorf("%+v", r.Findings)
			}
		})
	}
}

func TestEachProblemIsReportedOnce(t *testing.T) {
	for _, test := range problems {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir()) // of the SSO tokens
			var got []string
			for _, f := range test.examine(t).Findings {
				got = append(got, strings.TrimSpace(f.Check+" "+f.Profile))
				checkText(t, f)
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

// checkText checks that a finding is complete, was put together properly and has no secret.
func checkText(t *testing.T, f Finding) {
	t.Helper()
	if f.What == "" || f.Why == "" || f.Fix == "" || f.Severity != Error && f.Severity != Warning {
		t.Errorf("incomplete: %+v", f)
	}
	for _, odd := range []string{"(fix", "hint:", ": :", " at : ", "%!"} {
		if strings.Contains(f.What+f.Why+f.Fix, odd) {
			t.Errorf("%q in %+v", odd, f)
		}
	}
	if strings.Contains(fmt.Sprint(f), "hush") {
		t.Errorf("a secret in %+v", f)
	}
}

func TestEveryCheckHasATest(t *testing.T) {
	tested := map[string]bool{}
	for _, test := range problems {
		for _, want := range strings.Split(test.want, ", ") {
			tested[strings.Fields(want)[0]] = true
		}
	}
	for _, name := range Checks() {
		if !tested[name] {
			t.Errorf("no test has a finding of %s", name)
		}
	}
}

func TestFindingNamesTheVariable(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"HTTP_PROXY":           {"AWS_ENDPOINT_URL_STS": "http://sts.test"},
		"HTTPS_PROXY":          {"AWS_ENDPOINT_URL_STS": "https://sts.test"},
		"AWS_REGION":           {"AWS_REGION": "bad region"},
		"AWS_DEFAULT_REGION":   {"AWS_DEFAULT_REGION": "bad region"},
		"AWS_ENDPOINT_URL_STS": {"AWS_ENDPOINT_URL_STS": "foo"},
		"AWS_RETRY_MODE":       {"AWS_RETRY_MODE": "foo"},
	} {
		f := fixture{config: cloud, profile: "cloud", online: true, sts: addRole, env: env}
		found := f.examine(t).Findings
		if len(found) != 1 || found[0].Where != want || found[0].Profile != "" {
			t.Errorf("%s: %+v", want, found)
		}
	}
}

func TestFactDescribesExec(t *testing.T) {
	withoutExpiry := with(execEnv(0), "AWS_CREDENTIAL_EXPIRATION", "")
	for want, env := range map[string]map[string]string{
		"dev (tools use its session, which expires at ": execEnv(time.Hour),
		"dev (tools use its keys)":                      withoutExpiry,
		"dev (tools get its credentials from an":        serveEnv,
	} {
		facts := fixture{env: env}.examine(t).Facts
		if last := facts[len(facts)-1]; last.Name != "exec" || !strings.HasPrefix(last.Text, want) {
			t.Errorf("%+v; want %s", last, want)
		}
	}
}

// fixOf returns the fix of the only finding of a check.
func fixOf(t *testing.T, f fixture, check string) string {
	t.Helper()
	var fixes []string
	for _, found := range f.examine(t).Findings {
		if found.Check == check {
			fixes = append(fixes, found.Fix)
		}
	}
	if len(fixes) != 1 {
		t.Fatalf("fixes of %s: %q", check, fixes)
	}
	return fixes[0]
}

func TestImportIsSuggestedOnlyWithAKeyring(t *testing.T) {
	const config = "[profile --all]\n" + jillsKeys
	loop := "[profile base]\ncredential_process = HELPER get base\n"
	for _, test := range []struct {
		check, config, want string
	}{
		{"long-term-keys", config, "\n  aws-credproc import -- --all"},
		{"process-recursion", loop, "\n  aws-credproc import base\n"},
	} {
		f := fixture{config: test.config}
		if fix := fixOf(t, f, test.check); !strings.Contains(fix, test.want) {
			t.Errorf("with a keyring: %q", fix)
		}
		f.keyring = cache.ErrUnavailable
		if fix := fixOf(t, f, test.check); strings.Contains(fix, "aws-credproc import") {
			t.Errorf("without a keyring: %q", fix)
		}
	}
}

// TestSetupIsNotSuggestedForATarget checks the fix of a profile that setup refuses.
func TestSetupIsNotSuggestedForATarget(t *testing.T) {
	const mixed = "[profile x]\n" + role + "source_profile = corp\ncredential_process = HELPER get x\n"
	const wired = "[profile tools]\ncredential_process = HELPER get x\n"
	fix := fixOf(t, fixture{config: mixed}, "role-and-process")
	if !strings.Contains(fix, "aws-credproc setup x") {
		t.Errorf("not a target: %q", fix)
	}
	fix = fixOf(t, fixture{config: mixed + wired}, "role-and-process")
	if strings.Contains(fix, "aws-credproc setup") {
		t.Errorf("a target: %q", fix)
	}
}

// TestNewerRoleIsNotDiscarded: after "aws configure set role_arn ARN --profile dev" of a wired profile,
// the fix keeps the new value.
func TestNewerRoleIsNotDiscarded(t *testing.T) {
	const newer = "arn:aws:iam::123456789012:role/Newer"
	config := func(arn string) fixture {
		return fixture{whole: strings.Replace(cleanConfig, "[profile dev]\n",
			"[profile dev]\nrole_arn = "+arn+"\n", 1)}
	}
	fix := fixOf(t, config(newer), "role-and-process")
	if !strings.Contains(fix, "\n  aws configure set role_arn "+newer+" --profile dev-role\n") {
		t.Errorf("another role: %q", fix)
	}
	fix = fixOf(t, config("arn:aws:iam::123456789012:role/Dev"), "role-and-process")
	if fix != "remove the role settings here; tools use those of [profile dev-role]" {
		t.Errorf("the same role: %q", fix)
	}
}

func TestFirstProfileIsSuggestedWithoutFiles(t *testing.T) {
	f := fixture{prepare: removeFiles}.examine(t).Findings[0]
	if !strings.Contains(f.What, "/config and ") || !strings.HasSuffix(f.What, " not found") {
		t.Errorf("what: %s", f.What)
	}
	if !strings.Contains(f.Fix, "\n  aws-credproc setup dev --source-profile base ") {
		t.Errorf("fix: %s", f.Fix)
	}
}

func TestFindingsAreShortWhateverTheConfigHolds(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, config := range []string{
		"[profile p]\nregion = " + long, "[profile p]\nregion = x\n" + strings.Repeat(" [\n", 1<<18),
		"[ profile " + long + "]", "[profile p]\n" + role + "source_profile = " + long,
		"[profile p]\ngranted_sso_start_url = https://" + long + "\ngranted_sso_account_id = " + long,
		"[profile p]\ncredential_process = aws-credproc get " + long,
	} {
		found := fixture{config: config}.examine(t).Findings
		if len(found) == 0 || len(fmt.Sprint(found)) > 32<<10 {
			t.Errorf("%.60q: %d findings of %d bytes", config, len(found), len(fmt.Sprint(found)))
		}
	}
}

func TestFindingsQuoteNoSecretOfAURL(t *testing.T) {
	const url = "u:hush@x.example/start?hush"
	for _, config := range []string{
		"[profile x]\n" + role + "include_profile = y\n[profile y]\nsso_start_url = https://" + url,
		"[profile x]\ngranted_sso_start_url = https://" + url + "\ngranted_sso_region = eu-west-1\n" +
			"granted_sso_account_id = 123456789012\ngranted_sso_role_name = Dev",
		"[profile x]\nsso_account_id = 123456789012\nsso_role_name = Dev\nsso_region = eu-west-1\n" +
			"sso_start_url = http://" + url,
	} {
		found := fixture{config: config}.examine(t).Findings
		text := fmt.Sprint(found)
		if strings.Contains(text, "hush") || !strings.Contains(text, "***@x.example") {
			t.Errorf("%s:\n%s", config, text)
		}
	}
}
