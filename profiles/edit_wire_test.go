package profiles

import (
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// helperPath returns a path of the helper that needs no quotes on this system.
func helperPath() string {
	if runtime.GOOS == "windows" {
		return `C:\bin\aws-credproc.exe`
	}
	return "/bin/aws-credproc"
}

const baseKeys = "[base]\naws_access_key_id = A\naws_secret_access_key = B\n"

// dev are the settings of a role profile.
const (
	dev     = "role_arn = arn:aws:iam::1:role/R\nsource_profile = base\n"
	wired   = "credential_process = HELPER get "
	oneLine = "role_arn = arn:aws:iam::1:role/R\n"
)

func TestWireAndUnwire(t *testing.T) {
	for name, test := range map[string]struct {
		profile             string // "dev" if empty
		config, credentials string
		wired, wiredKeys    string // the files after; wiredKeys is "" if unchanged
	}{
		"plain": {
			config: "# c\n[profile dev]\n" + dev + "\n[profile q]\na = b\n",
			wired: "# c\n[profile dev]\n" + wired + "dev-role\n\n[profile dev-role]\n" + dev + "\n[profile q]\n" +
				"a = b\n",
		},
		"other settings are copied as they are written": {
			config: "[profile dev]\nexternal_id = xy\n" + dev + "Region =  eu-west-1\t# c\n# not copied\n" +
				"services = s\ns3 =\n  a = b\n\n  c = d\nmfa_serial = arn:aws:iam::1:mfa/j\n" +
				"endpoint_url=https://x\n\n[services s]\nx=y\n",
			wired: "[profile dev]\n" + wired + "dev-role\nRegion =  eu-west-1\t# c\n" +
				"services = s\ns3 =\n  a = b\n  c = d\nendpoint_url=https://x\n\n" +
				"[profile dev-role]\nexternal_id = xy\n" + dev + "Region =  eu-west-1\t# c\n# not copied\n" +
				"services = s\ns3 =\n  a = b\n\n  c = d\nmfa_serial = arn:aws:iam::1:mfa/j\n" +
				"endpoint_url=https://x\n\n[services s]\nx=y\n",
		},
		"header's spacing and comment": {
			config: "[default]\na = b\n[ profile  dev\t] ; mine\n" + dev,
			wired: "[default]\na = b\n[ profile  dev\t]\n" + wired + "dev-role\n\n" +
				"[ profile  dev-role\t] ; mine\n" + dev,
		},
		"CRLF, no newline at the end": {
			config: "[profile dev]\r\nrole_arn = arn:aws:iam::1:role/R\r\nsource_profile = base\r\nregion = x",
			wired: "[profile dev]\r\n" + wired + "dev-role\r\nregion = x\r\n\r\n[profile dev-role]\r\n" +
				"role_arn = arn:aws:iam::1:role/R\r\nsource_profile = base\r\nregion = x",
		},
		"several sections": {
			config: "[profile dev]\nregion = x\n[profile q]\n[profile dev]\n" + dev + "region = y\n[profile  dev]",
			wired: "[profile dev]\n" + wired + "dev-role\nregion = y\n\n[profile dev-role]\nregion = x\n" +
				"[profile q]\n[profile dev-role]\n" + dev + "region = y\n[profile  dev-role]",
		},
		"default": {
			profile: "default",
			config:  "[default]\n" + dev + "region = x\n",
			wired: "[default]\n" + wired + "default-role\nregion = x\n\n[profile default-role]\n" + dev +
				"region = x\n",
		},
		"profile default": {
			profile: "default",
			config:  "[default]\nregion = ignored\n[profile default]\n" + dev,
			wired: "[default]\nregion = ignored\n[profile default]\n" + wired + "default-role\n\n" +
				"[profile default-role]\n" + dev,
		},
		"in the credentials file": {
			config: "[profile q]\na = b\n", credentials: baseKeys + "[ dev ] # c\n" + dev + "region = x\n",
			wired:     "[profile q]\na = b\n\n[profile dev]\n" + wired + "dev-role\nregion = x\n",
			wiredKeys: baseKeys + "[ dev-role ] # c\n" + dev + "region = x\n",
		},
		"in the credentials file, config without a newline at the end": {
			config: "[profile q]\na = b", credentials: baseKeys + "[dev]\n" + dev,
			wired:     "[profile q]\na = b\n\n[profile dev]\n" + wired + "dev-role",
			wiredKeys: baseKeys + "[dev-role]\n" + dev,
		},
		"default in the credentials file, no config": {
			profile: "default", credentials: baseKeys + "[default]\n" + dev,
			wired:     "[default]\n" + wired + "default-role\n",
			wiredKeys: baseKeys + "[default-role]\n" + dev,
		},
		"in both files": {
			config:      "[profile dev]\nregion = x\noutput = json\n",
			credentials: baseKeys + "[dev]\n" + dev + "region = y",
			wired: "[profile dev]\n" + wired + "dev-role\nregion = y\noutput = json\n\n[profile dev-role]\n" +
				"region = x\noutput = json\n",
			wiredKeys: baseKeys + "[dev-role]\n" + dev + "region = y",
		},
		"its own source": {
			config: "[profile dev]\n" + oneLine + "source_profile=dev # x\naws_access_key_id = A\n" +
				"aws_secret_access_key = B\naws_account_id = 1",
			wired: "[profile dev]\n" + wired + "dev-role\n\n[profile dev-role]\n" + oneLine +
				"source_profile=dev-role # x\naws_access_key_id = A\naws_secret_access_key = B\n" +
				"aws_account_id = 1",
		},
		"source of others": {
			config: "[profile dev]\n" + dev + "[profile ops]\n" + oneLine + "source_profile = dev\n" +
				"[profile more]\n" + oneLine + "source_profile = ops\n",
			wired: "[profile dev]\n" + wired + "dev-role\n\n[profile dev-role]\n" + dev +
				"[profile ops]\n" + oneLine + "source_profile = dev\n[profile more]\n" + oneLine +
				"source_profile = ops\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.profile == "" {
				test.profile = "dev"
			}
			if test.credentials == "" {
				test.credentials = baseKeys
			}
			if test.wiredKeys == "" {
				test.wiredKeys = test.credentials
			}
			files := mustFiles(t, test.config, test.credentials)
			e := files.Edit()
			role, changed, err := Wire(e, test.profile, helperPath())
			if err != nil || role != test.profile+"-role" || !changed {
				t.Fatalf("Wire: %s, %v, %v", role, changed, err)
			}
			want := strings.ReplaceAll(test.wired, "HELPER", helperPath())
			if diff := cmp.Diff(want, e.Files().config.text); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wiredKeys, e.Files().credentials.text); diff != "" {
				t.Errorf("credentials (-want +got):\n%s", diff)
			}
			sameProfiles(t, files, e.Files(), test.profile)

			// The program does not exist, so only its path is replaced.
			wiredText := e.Files().config.text
			other := strings.Replace(helperPath(), "bin", "opt", 1)
			role, changed, err = Wire(e, test.profile, other)
			if err != nil || role != test.profile+"-role" || !changed {
				t.Errorf("Wire again: %s, %v, %v", role, changed, err)
			}
			if got := e.Files().config.text; got != strings.ReplaceAll(wiredText, helperPath(), other) {
				t.Errorf("wired again: %q", got)
			}
			role, changed, err = Unwire(e, test.profile)
			if err != nil || role != test.profile+"-role" || !changed {
				t.Fatalf("Unwire: %s, %v, %v", role, changed, err)
			}
			if diff := cmp.Diff(test.config, e.Files().config.text); diff != "" {
				t.Errorf("config after Unwire (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.credentials, e.Files().credentials.text); diff != "" {
				t.Errorf("credentials after Unwire (-want +got):\n%s", diff)
			}
			if _, changed, err := Unwire(e, test.profile); err != nil || changed {
				t.Errorf("Unwire again: %v, %v", changed, err)
			}
		})
	}
}

// sameProfiles checks that wiring a profile has changed neither its settings, except those of its
// credentials, nor other profiles.
func sameProfiles(t *testing.T, before, after *Files, name string) {
	t.Helper()
	was, is := all(t, before), all(t, after)
	settings := map[string]string{}
	for key, value := range was[name] {
		if !isCredentialSetting(key) {
			settings[key] = value
		}
	}
	delete(is[name], "credential_process")
	if diff := cmp.Diff(settings, is[name]); diff != "" {
		t.Errorf("settings of %s (-want +got):\n%s", name, diff)
	}
	delete(was, name)
	delete(is, name)
	p, err := before.Profile(name)
	if err != nil {
		t.Fatal(err)
	}
	delete(is, targetName(name, wiredSuffix(p)))
	if diff := cmp.Diff(was, is); diff != "" {
		t.Errorf("other profiles (-want +got):\n%s", diff)
	}
	for other := range was {
		before, err1 := before.Chain(other)
		after, err2 := after.Chain(other)
		if err1 == nil && (err2 != nil || !sameChain(before, after)) {
			t.Errorf("the chain of %s is another: %v", other, err2)
		}
	}
}

func TestUnwireKeepsLaterEdits(t *testing.T) {
	const line = wired + "dev-role\n"
	for name, test := range map[string]struct{ config, credentials, want, wantKeys string }{
		"changed setting": {
			config: "[profile dev]\n" + line + "region = new # n\n\n[profile dev-role]\n" +
				"region = old # o\n" + dev,
			want: "[profile dev]\nregion = new # n\n" + dev,
		},
		"changed block": {
			config: "[profile dev]\n" + line + "s3 =\n  a = 2\n  b = 3\n\n[profile dev-role]\ns3 =\n" +
				"  a = 1\n# c\n  x = y\n" + dev,
			want: "[profile dev]\ns3 =\n  a = 2\n  b = 3\n# c\n" + dev,
		},
		"new setting": {
			config: "[profile dev]\noutput = json\n" + line + "\n[profile dev-role]\n" + dev + "\n" +
				"[profile q]\n",
			want: "[profile dev]\n" + dev + "output = json\n\n[profile q]\n",
		},
		"new setting, role in both": {
			config: "[profile dev]\n" + line + "output = json\nregion = new\n\n[profile dev-role]\n" +
				"output = text\n",
			credentials: baseKeys + "[dev-role]\nregion = old\n" + dev,
			want:        "[profile dev]\noutput = json\n",
			wantKeys:    baseKeys + "[dev]\nregion = new\n" + dev,
		},
		"new setting, in credentials": {
			config:      "[profile dev]\n" + line + "output = json\n",
			credentials: baseKeys + "[dev-role]\n" + dev, want: "",
			wantKeys: baseKeys + "[dev]\n" + dev + "output = json\n",
		},
		"role's own setting": {
			config: "[profile dev]\n" + line + "\n[profile dev-role]\nregion = x\n" + dev +
				"external_id = new\n",
			want: "[profile dev]\nregion = x\n" + dev + "external_id = new\n",
		},
		"comments": {
			config: "[profile q]\na = 1\n[profile dev] # h\n" + line + "# c\nregion = x\n# below\n\n" +
				"[profile dev-role]\nregion = x\n" + dev,
			want: "[profile q]\na = 1\n# h\n# c\n# below\n\n[profile dev]\nregion = x\n" + dev,
		},
		"comment, no newline at the end": {
			config:      "[profile q]\na = 1\n\n[profile dev]\n# c\n" + wired + "dev-role",
			credentials: baseKeys + "[dev-role]\n" + dev, want: "[profile q]\na = 1\n\n# c\n",
			wantKeys: baseKeys + "[dev]\n" + dev,
		},
		"indented comment": {
			config: "[profile q]\na = 1\n[profile dev]\n  # c\n" + line + "\n[profile dev-role]\n" +
				dev,
			want: "[profile q]\na = 1\n# c\n[profile dev]\n" + dev,
		},
		"order": {
			config: "[profile dev-role]\n" + dev + "\n[profile q]\n\n[profile dev]\n" + line,
			want:   "[profile dev]\n" + dev + "\n[profile q]\n",
		},
		"two sections": {
			config: "[profile dev]\n" + line + "region = x\n\n[profile dev-role]\nregion = x\n" + dev +
				"[profile dev]\noutput = json\n",
			want: "[profile dev]\nregion = x\n" + dev + "[profile dev]\noutput = json\n",
		},
		"role with another name": {
			config: "[profile dev]\n" + wired + "--timeout 9s x\n[profile x]\n" + dev,
			want:   "[profile dev]\n" + dev,
		},
		"broken chain": {
			config: "[profile dev]\n" + line + "\n[profile dev-role]\nrole_arn = x\n",
			want:   "[profile dev]\nrole_arn = x\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.credentials == "" {
				test.credentials, test.wantKeys = baseKeys, baseKeys
			}
			config := strings.ReplaceAll(test.config, "HELPER", helperPath())
			e := mustFiles(t, config, test.credentials).Edit()
			if _, changed, err := Unwire(e, "dev"); err != nil || !changed {
				t.Fatalf("Unwire: %v, %v", changed, err)
			}
			if diff := cmp.Diff(test.want, e.Files().config.text); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.wantKeys, e.Files().credentials.text); diff != "" {
				t.Errorf("credentials (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWireRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		config, credentials, profile, helper string
		want                                 string
	}{
		"no such profile": {profile: "dve", want: "did you mean dev?"},
		"no role": {
			config: "[profile dev]\nregion = x\n", want: "dev: no role and no other credentials that expire\nhint: add role_arn",
		},
		"keys": {
			profile: "base",
			want: "base: no role and no other credentials that expire\n" +
				"hint: aws-credproc import base moves",
		},
		// import refuses this name
		"keys, name like a flag": {
			config:  "[profile -x]\naws_access_key_id = A\naws_secret_access_key = B\n",
			profile: "-x", want: "hint: add role_arn",
		},
		"temporary keys": {
			config: "[profile dev]\naws_access_key_id = A\naws_secret_access_key = B\n" +
				"aws_session_token = C\n",
			want: "hint: add role_arn",
		},
		"only a sign-in": {
			config: "[profile dev]\nsso_session = corp\n[sso-session corp]\nsso_region = x\n" +
				"sso_start_url = https://x.test\n",
			want: "dev: no role and no other credentials that expire\n" +
				"hint: add sso_account_id and sso_role_name",
		},
		"process that uses the profile itself": {
			config: "[profile dev]\ncredential_process = tool --profile dev\n",
			want:   "dev: config:2: the command uses the profile itself, and would start itself",
		},
		"SSO and a process": {
			config: "[profile dev]\nsso_account_id = 1\nsso_role_name = R\ncredential_process = /bin/true\n",
			want:   "dev: config:4: both sso_account_id and credential_process",
		},
		"login and a process": {
			config: "[profile dev]\nlogin_session = x\ncredential_process = /bin/true\n",
			want:   "dev: config:3: both login_session and credential_process",
		},
		"keys that shadow": {
			credentials: baseKeys + "[dev]\nregion = x\naws_access_key_id = A\naws_secret_access_key = B\n",
			want: "dev: credentials:6: keys in the credentials file, " +
				"which most tools would use instead\n" +
				"hint: rename the section to [dev-keys]",
		},
		"a token that shadows": {
			credentials: baseKeys + "[dev]\naws_session_token = A\n",
			want:        "dev: credentials:5: keys",
		},
		"role's name is taken": {
			config: "[profile dev]\n" + dev + "[profile dev-role]\n",
			want:   "dev: config:4: setup would create the profile dev-role, which exists already",
		},
		"taken in credentials": {
			credentials: baseKeys + "[dev-role]\n", want: "dev: credentials:4: setup would create",
		},
		"broken chain": {
			config: "[profile dev]\nrole_arn = arn:aws:iam::1:role/R\n",
			want:   "role_arn without source_profile",
		},
		"unused process": {
			config: "[profile dev]\n" + dev + "credential_process = /bin/true\n",
			want: "dev: config:4: both role_arn and credential_process, of which tools use one or the other\n" +
				"hint: remove this line",
		},
		"unused process, in credentials": {
			credentials: baseKeys + "[dev]\ncredential_process = aws-credproc get dev-role\n",
			want:        "dev: credentials:5: both role_arn and credential_process",
		},
		"wired to a missing profile": {
			config: "[profile dev]\ncredential_process = aws-credproc get dev-role\n",
			want: "dev: config:2: wired to dev-role: no such profile in config or credentials\n" +
				"hint: remove this line, or add [profile dev-role]",
		},
		"wired to a profile without credentials": {
			config: "[profile dev]\ncredential_process = aws-credproc get x\n[profile x]\nregion = r\n",
			want:   "no credentials and no role",
		},
		"wired to itself, without imported keys": {
			config: "[profile dev]\ncredential_process = aws-credproc get dev\n",
			want:   "dev: config:2: credential_process gets the credentials of the profile itself",
		},
		"role of a wired profile": {
			config: "[profile x]\ncredential_process = aws-credproc get dev\n[profile dev]\n" + dev,
			want:   "dev: it is the role profile of x, which is set up already\nhint: use x",
		},
		"name like a flag": {
			config: "[profile -x]\n" + dev, profile: "-x", want: "starts with a hyphen",
		},
		"path that cannot be quoted": {helper: `/a"b/aws-credproc`, want: `has " that`},
	} {
		t.Run(name, func(t *testing.T) {
			if test.config == "" {
				test.config = "[profile dev]\n" + dev
			}
			if test.credentials == "" {
				test.credentials = baseKeys
			}
			if test.profile == "" {
				test.profile = "dev"
			}
			if test.helper == "" {
				test.helper = helperPath()
			}
			e := mustFiles(t, test.config, test.credentials).Edit()
			if _, _, err := Wire(e, test.profile, test.helper); !errHas(err, test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if len(e.Changes()) > 0 {
				t.Errorf("the files have changed: %q", e.Files().config.text)
			}
		})
	}
}

// TestWireOtherKinds: credentials that expire other than those of a role are wired too, and back byte
// for byte.
func TestWireOtherKinds(t *testing.T) {
	for name, test := range map[string]struct{ config, target string }{
		"process": {"# mine\n[profile dev]\nregion = x\ncredential_process = slow --for dev\n", "dev-source"},
		"SSO": {"[profile dev]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = R\n" +
			"output = json\n[sso-session corp]\nsso_region = x\nsso_start_url = https://x.test\n", "dev-sso"},
		"SSO in the older form": {"[profile dev]\nsso_start_url = https://x.test\nsso_region = x\n" +
			"sso_account_id = 123456789012\nsso_role_name = R\n", "dev-sso"},
		"aws login": {"[profile dev]\nlogin_session = arn:aws:iam::1:user/x\n", "dev-source"},
		"web identity": {"[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/R\n" +
			"web_identity_token_file = /token\n", "dev-role"},
		"credential_source": {"[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/R\n" +
			"credential_source = Environment", "dev-role"},
	} {
		t.Run(name, func(t *testing.T) {
			files := mustFiles(t, test.config, baseKeys)
			e := files.Edit()
			target, changed, err := Wire(e, "dev", helperPath())
			if err != nil || !changed || target != test.target {
				t.Fatalf("%s, %v, %v", target, changed, err)
			}
			sameProfiles(t, files, e.Files(), "dev")
			if _, _, err := Unwire(e, "dev"); err != nil || e.Files().config.text != test.config {
				t.Errorf("undo: %v, %q", err, e.Files().config.text)
			}
		})
	}
}

func TestUnwireRefuses(t *testing.T) {
	const pair = "[profile dev]\ncredential_process = aws-credproc get dev-role\n" +
		"[profile dev-role]\n" + dev
	for name, test := range map[string]struct{ config, credentials, want string }{
		"no such profile": {want: "no such profile"},
		"missing role": {
			config: "[profile dev]\ncredential_process = aws-credproc get x\n",
			want: "dev: config:2: wired to x: no such profile in config or credentials\n" +
				"hint: remove this line, or add [profile x]",
		},
		"wired role": {
			config: "[profile dev]\ncredential_process = aws-credproc get x\n[profile x]\n" +
				"credential_process = aws-credproc get base\n",
			want: "hint: aws-credproc setup --undo x",
		},
		"wired role, name like a flag": {
			config: "[profile dev]\ncredential_process = aws-credproc get -- -x\n[profile -x]\n" +
				"credential_process = aws-credproc get base\n",
			want: "hint: aws-credproc setup --undo -- -x",
		},
		"line in credentials": {
			config:      "[profile x]\n" + dev,
			credentials: "[dev]\ncredential_process = aws-credproc get x\n",
			want:        "dev: credentials:2: credential_process is in the credentials file",
		},
		"another profile uses the role": {
			config: pair + "[profile ops]\nrole_arn = x\nsource_profile = dev-role\n",
			want: "dev: config:8: profile ops uses dev-role, which would be renamed to dev\n" +
				"hint: change this line to dev",
		},
		"another profile is wired to the role": {
			config: pair + "[profile ops]\ncredential_process = aws-credproc get dev-role\n",
			want:   "dev: config:7: profile ops uses dev-role",
		},
		"invalid after the edit": {
			config: "[profile dev]\ncredential_process = aws-credproc get dev-role\n" +
				"duration_seconds = 1\n[profile dev-role]\n" + dev,
			want: "after the edit: dev: config:4: duration_seconds is 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustFiles(t, test.config, baseKeys+test.credentials).Edit()
			test.want = strings.ReplaceAll(test.want, "credentials:2", "credentials:5")
			if _, _, err := Unwire(e, "dev"); !errHas(err, test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestWireReplacesMissingHelper(t *testing.T) {
	for name, test := range map[string]struct {
		line, helper, want string // want is "" if nothing changes
	}{
		"gone": {
			"/gone/aws-credproc --store file get x", "/new/aws-credproc",
			"/new/aws-credproc --store file get x",
		},
		"gone, quoted": {
			`"/gone/a b/aws-credproc" get x`, "/new/aws-credproc", "/new/aws-credproc get x",
		},
		"gone, needs quotes": {
			"/gone/aws-credproc get x", "/a b/aws-credproc", `'/a b/aws-credproc' get x`,
		},
		"on the PATH": {"aws-credproc get x", "/new/aws-credproc", ""},
		"exists":      {"THERE get x", "/new/aws-credproc", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeText(t, filepath.Join(dir, "aws-credproc"), "")
			line := strings.ReplaceAll(test.line, "THERE", filepath.Join(dir, "aws-credproc"))
			config := "[profile dev]\ncredential_process = LINE # c\n[profile x]\n" + dev
			e := mustFiles(t, strings.Replace(config, "LINE", line, 1), baseKeys).Edit()
			role, changed, err := Wire(e, "dev", test.helper)
			if err != nil || role != "x" || changed != (test.want != "") {
				t.Fatalf("Wire: %s, %v, %v", role, changed, err)
			}
			if test.want == "" {
				test.want = line
			}
			want := strings.Replace(config, "LINE", test.want, 1)
			if e.Files().config.text != want {
				t.Errorf("config %q, want %q", e.Files().config.text, want)
			}
		})
	}
}

// The limit is exceeded by a hang or by quadratic time only.
func TestWireTakesLinearTime(t *testing.T) {
	text := "[profile dev]\nrole_arn = " + arnA + "\nsource_profile = b\n" + keysOf(maxProperties-10)
	f := mustLoad(t, text, "[b]\n"+keys)
	done := make(chan error, 1)
	go func() {
		e := f.Edit()
		_, _, err1 := Wire(e, "dev", "/bin/aws-credproc")
		_, _, err2 := Unwire(e, "dev")
		if err := errors.Join(err1, err2); err != nil {
			done <- err
			return
		}
		if e.Files().config.text != text {
			done <- errors.New("the file has changed")
			return
		}
		done <- nil
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(15 * time.Second):
		t.Fatal("took too long")
	}
}
