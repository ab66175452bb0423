package profiles

import (
	"aws-credproc/internal/diag"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// seeds gives the config and credentials files of the scripts in testdata.
func seeds(t testing.TB) []string {
	t.Helper()
	scripts, err := filepath.Glob("../testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	var texts []string
	for _, path := range scripts {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			if strings.Contains(string(f.Data), "[") && !strings.Contains(f.Name, ".") {
				texts = append(texts, string(f.Data))
			}
		}
	}
	return texts
}

// helper is where the tests' helper is, in a form that this system's rules take as it is.
func helperPath() string {
	if runtime.GOOS == "windows" {
		return `C:\bin\aws-credproc.exe`
	}
	return "/bin/aws-credproc"
}

const baseKeys = "[base]\naws_access_key_id = A\naws_secret_access_key = B\n"

// A role profile of one line, so that tests show what they are about.
const (
	dev     = "role_arn = arn:aws:iam::1:role/R\nsource_profile = base\n"
	wired   = "credential_process = HELPER get "
	oneLine = "role_arn = arn:aws:iam::1:role/R\n"
)

func TestWireAndUnwire(t *testing.T) {
	for name, test := range map[string]struct {
		profile             string // "dev" if empty
		config, credentials string
		wired, wiredKeys    string // the files after; no wiredKeys if they stay as they are
	}{
		"plain": {
			config: "# c\n[profile dev]\n" + dev + "\n[profile q]\na = b\n",
			wired:  "# c\n[profile dev]\n" + wired + "dev-role\n\n[profile dev-role]\n" + dev + "\n[profile q]\na = b\n",
		},
		"other settings are copied as they are written": {
			config: "[profile dev]\nexternal_id = xy\n" + dev + "Region =  eu-west-1\t# c\n# not copied\nservices = s\ns3 =\n  a = b\n\n  c = d\nmfa_serial = arn:aws:iam::1:mfa/j\nendpoint_url=https://x\n\n[services s]\nx=y\n",
			wired: "[profile dev]\n" + wired + "dev-role\nRegion =  eu-west-1\t# c\nservices = s\ns3 =\n  a = b\n  c = d\nendpoint_url=https://x\n\n" +
				"[profile dev-role]\nexternal_id = xy\n" + dev + "Region =  eu-west-1\t# c\n# not copied\nservices = s\ns3 =\n  a = b\n\n  c = d\nmfa_serial = arn:aws:iam::1:mfa/j\nendpoint_url=https://x\n\n[services s]\nx=y\n",
		},
		"header's spacing and comment": {
			config: "[default]\na = b\n[ profile  dev\t] ; mine\n" + dev,
			wired:  "[default]\na = b\n[ profile  dev\t]\n" + wired + "dev-role\n\n[ profile  dev-role\t] ; mine\n" + dev,
		},
		"CRLF, no newline at the end": {
			config: "[profile dev]\r\nrole_arn = arn:aws:iam::1:role/R\r\nsource_profile = base\r\nregion = x",
			wired:  "[profile dev]\r\n" + wired + "dev-role\r\nregion = x\r\n\r\n[profile dev-role]\r\nrole_arn = arn:aws:iam::1:role/R\r\nsource_profile = base\r\nregion = x",
		},
		"several sections": {
			config: "[profile dev]\nregion = x\n[profile q]\n[profile dev]\n" + dev + "region = y\n[profile  dev]",
			wired:  "[profile dev]\n" + wired + "dev-role\nregion = y\n\n[profile dev-role]\nregion = x\n[profile q]\n[profile dev-role]\n" + dev + "region = y\n[profile  dev-role]",
		},
		"default": {
			profile: "default",
			config:  "[default]\n" + dev + "region = x\n",
			wired:   "[default]\n" + wired + "default-role\nregion = x\n\n[profile default-role]\n" + dev + "region = x\n",
		},
		"profile default": {
			profile: "default",
			config:  "[default]\nregion = ignored\n[profile default]\n" + dev,
			wired:   "[default]\nregion = ignored\n[profile default]\n" + wired + "default-role\n\n[profile default-role]\n" + dev,
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
			config: "[profile dev]\nregion = x\noutput = json\n", credentials: baseKeys + "[dev]\n" + dev + "region = y",
			wired:     "[profile dev]\n" + wired + "dev-role\nregion = y\noutput = json\n\n[profile dev-role]\nregion = x\noutput = json\n",
			wiredKeys: baseKeys + "[dev-role]\n" + dev + "region = y",
		},
		"its own source": {
			config: "[profile dev]\n" + oneLine + "source_profile=dev # x\naws_access_key_id = A\naws_secret_access_key = B\naws_account_id = 1",
			wired: "[profile dev]\n" + wired + "dev-role\n\n[profile dev-role]\n" + oneLine +
				"source_profile=dev-role # x\naws_access_key_id = A\naws_secret_access_key = B\naws_account_id = 1",
		},
		"source of others": {
			config: "[profile dev]\n" + dev + "[profile ops]\n" + oneLine + "source_profile = dev\n[profile more]\n" + oneLine + "source_profile = ops\n",
			wired: "[profile dev]\n" + wired + "dev-role\n\n[profile dev-role]\n" + dev +
				"[profile ops]\n" + oneLine + "source_profile = dev\n[profile more]\n" + oneLine + "source_profile = ops\n",
		},
		"a process beside the role": {
			config: "[profile dev]\ncredential_process = other\n" + dev,
			wired:  "[profile dev]\n" + wired + "dev-role\n\n[profile dev-role]\ncredential_process = other\n" + dev,
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

			// The helper that the line names is not there, so that another path takes its place, and nothing else.
			wiredText := e.Files().config.text
			other := strings.Replace(helperPath(), "bin", "opt", 1)
			if role, changed, err := Wire(e, test.profile, other); err != nil || role != test.profile+"-role" || !changed {
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

// sameProfiles checks that one profile was wired: what tools see of it besides credentials, and all others, are as before.
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
	delete(is, name+"-role")
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

func TestUnwireKeepsWhatWasEditedSince(t *testing.T) {
	const line = wired + "dev-role\n"
	for name, test := range map[string]struct{ config, credentials, want, wantKeys string }{
		"changed setting":                {config: "[profile dev]\n" + line + "region = new # n\n\n[profile dev-role]\nregion = old # o\n" + dev, want: "[profile dev]\nregion = new # n\n" + dev},
		"changed block":                  {config: "[profile dev]\n" + line + "s3 =\n  a = 2\n  b = 3\n\n[profile dev-role]\ns3 =\n  a = 1\n# c\n  x = y\n" + dev, want: "[profile dev]\ns3 =\n  a = 2\n  b = 3\n# c\n" + dev},
		"new setting":                    {config: "[profile dev]\noutput = json\n" + line + "\n[profile dev-role]\n" + dev + "\n[profile q]\n", want: "[profile dev]\n" + dev + "output = json\n\n[profile q]\n"},
		"new setting, role in both":      {config: "[profile dev]\n" + line + "output = json\nregion = new\n\n[profile dev-role]\noutput = text\n", credentials: baseKeys + "[dev-role]\nregion = old\n" + dev, want: "[profile dev]\noutput = json\n", wantKeys: baseKeys + "[dev]\nregion = new\n" + dev},
		"new setting, in credentials":    {config: "[profile dev]\n" + line + "output = json\n", credentials: baseKeys + "[dev-role]\n" + dev, want: "", wantKeys: baseKeys + "[dev]\n" + dev + "output = json\n"},
		"role's own setting":             {config: "[profile dev]\n" + line + "\n[profile dev-role]\nregion = x\n" + dev + "external_id = new\n", want: "[profile dev]\nregion = x\n" + dev + "external_id = new\n"},
		"comments":                       {config: "[profile q]\na = 1\n[profile dev] # h\n" + line + "# c\nregion = x\n# below\n\n[profile dev-role]\nregion = x\n" + dev, want: "[profile q]\na = 1\n# h\n# c\n# below\n\n[profile dev]\nregion = x\n" + dev},
		"comment, no newline at the end": {config: "[profile q]\na = 1\n\n[profile dev]\n# c\n" + wired + "dev-role", credentials: baseKeys + "[dev-role]\n" + dev, want: "[profile q]\na = 1\n\n# c\n", wantKeys: baseKeys + "[dev]\n" + dev},
		"indented comment":               {config: "[profile q]\na = 1\n[profile dev]\n  # c\n" + line + "\n[profile dev-role]\n" + dev, want: "[profile q]\na = 1\n# c\n[profile dev]\n" + dev},
		"order":                          {config: "[profile dev-role]\n" + dev + "\n[profile q]\n\n[profile dev]\n" + line, want: "[profile dev]\n" + dev + "\n[profile q]\n"},
		"another section of its name":    {config: "[profile dev]\n" + line + "region = x\n\n[profile dev-role]\nregion = x\n" + dev + "[profile dev]\noutput = json\n", want: "[profile dev]\nregion = x\n" + dev + "[profile dev]\noutput = json\n"},
		"written by hand, other name":    {config: "[profile dev]\n" + wired + "--timeout 9s x\n[profile x]\n" + dev, want: "[profile dev]\n" + dev},
		"broken chain":                   {config: "[profile dev]\n" + line + "\n[profile dev-role]\nrole_arn = x\n", want: "[profile dev]\nrole_arn = x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.credentials == "" {
				test.credentials, test.wantKeys = baseKeys, baseKeys
			}
			e := mustFiles(t, strings.ReplaceAll(test.config, "HELPER", helperPath()), test.credentials).Edit()
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
		"no such profile":      {profile: "dve", want: "did you mean dev?"},
		"no role":              {config: "[profile dev]\nregion = x\n", want: "dev: no role_arn"},
		"keys":                 {profile: "base", want: "base: no role_arn; setup is for profiles that assume a role\nhint: aws-credproc import base moves"},
		"keys, a hyphen":       {config: "[profile -x]\naws_access_key_id = A\naws_secret_access_key = B\n", profile: "-x", want: "hint: add role_arn"}, // import takes no such name
		"temporary keys":       {config: "[profile dev]\naws_access_key_id = A\naws_secret_access_key = B\naws_session_token = C\n", want: "hint: add role_arn"},
		"sso":                  {config: "[profile dev]\nsso_start_url = https://x.test\nsso_region = x\nsso_account_id = 1\nsso_role_name = R\n", want: "hint: most tools sign in with it directly; for others, add credential_process = aws-credproc get dev to another"},
		"a sign-in":            {config: "[profile dev]\nlogin_session = x\n", want: "hint: most tools sign in with it directly"},
		"keys that shadow":     {credentials: baseKeys + "[dev]\nregion = x\naws_access_key_id = A\naws_secret_access_key = B\n", want: "dev: credentials:6: keys in the credentials file, which most tools would use instead of the role\nhint: rename the section to [dev-keys]"},
		"a token that shadows": {credentials: baseKeys + "[dev]\naws_session_token = A\n", want: "dev: credentials:5: keys"},
		"role's name is taken": {config: "[profile dev]\n" + dev + "[profile dev-role]\n", want: "dev: config:4: setup would create the profile dev-role, which exists already"},
		"taken in credentials": {credentials: baseKeys + "[dev-role]\n", want: "dev: credentials:4: setup would create"},
		"broken chain":         {config: "[profile dev]\nrole_arn = arn:aws:iam::1:role/R\n", want: "role_arn without source_profile"},
		"a wired one's role":   {config: "[profile x]\ncredential_process = aws-credproc get dev\n[profile dev]\n" + dev, want: "dev: it is the role profile of x, which is set up already\nhint: use x"},
		"a hyphen":             {config: "[profile -x]\n" + dev, profile: "-x", want: "starts with a hyphen"},
		"a path that nothing":  {helper: `/a"b/aws-credproc`, want: `has " that`},
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
			if _, _, err := Wire(e, test.profile, test.helper); err == nil || !strings.Contains(diag.Text(err), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if len(e.Changes()) > 0 {
				t.Errorf("the files have changed: %q", e.Files().config.text)
			}
		})
	}
}

func TestUnwireRefuses(t *testing.T) {
	const pair = "[profile dev]\ncredential_process = aws-credproc get dev-role\n[profile dev-role]\n" + dev
	for name, test := range map[string]struct{ config, credentials, want string }{
		"no such profile":          {want: "no such profile"},
		"role that is not there":   {config: "[profile dev]\ncredential_process = aws-credproc get x\n", want: "dev: config:2: wired to x: no such profile"},
		"role that is wired":       {config: "[profile dev]\ncredential_process = aws-credproc get x\n[profile x]\ncredential_process = aws-credproc get base\n", want: "hint: aws-credproc setup --undo x"},
		"hyphen that is wired":     {config: "[profile dev]\ncredential_process = aws-credproc get -- -x\n[profile -x]\ncredential_process = aws-credproc get base\n", want: "hint: aws-credproc setup --undo -- -x"},
		"line in credentials":      {config: "[profile x]\n" + dev, credentials: "[dev]\ncredential_process = aws-credproc get x\n", want: "dev: credentials:2: credential_process is in the credentials file"},
		"role is another's source": {config: pair + "[profile ops]\nrole_arn = x\nsource_profile = dev-role\n", want: "dev: config:8: profile ops uses dev-role, which would be renamed to dev\nhint: change this line to dev"},
		"role is another's too":    {config: pair + "[profile ops]\ncredential_process = aws-credproc get dev-role\n", want: "dev: config:7: profile ops uses dev-role"},
		"edit that breaks it":      {config: "[profile dev]\ncredential_process = aws-credproc get dev-role\nduration_seconds = 1\n[profile dev-role]\n" + dev, want: "after the edit: dev: config:4: duration_seconds is 1"},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustFiles(t, test.config, baseKeys+test.credentials).Edit()
			test.want = strings.ReplaceAll(test.want, "credentials:2", "credentials:5")
			if _, _, err := Unwire(e, "dev"); err == nil || !strings.Contains(diag.Text(err), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestWireMendsTheHelperThatIsGone(t *testing.T) {
	for name, test := range map[string]struct {
		line, helper, want string // no want: nothing is done
	}{
		"gone":               {"/gone/aws-credproc --store file get x", "/new/aws-credproc", "/new/aws-credproc --store file get x"},
		"gone, quoted":       {`"/gone/a b/aws-credproc" get x`, "/new/aws-credproc", "/new/aws-credproc get x"},
		"gone, to be quoted": {"/gone/aws-credproc get x", "/a b/aws-credproc", `"/a b/aws-credproc" get x`},
		"on the PATH":        {"aws-credproc get x", "/new/aws-credproc", ""},
		"in its place":       {"THERE get x", "/new/aws-credproc", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeText(t, filepath.Join(dir, "aws-credproc"), "")
			line := strings.ReplaceAll(test.line, "THERE", filepath.Join(dir, "aws-credproc"))
			e := mustFiles(t, "[profile dev]\ncredential_process = "+line+" # c\n[profile x]\n"+dev, baseKeys).Edit()
			role, changed, err := Wire(e, "dev", test.helper)
			if err != nil || role != "x" || changed != (test.want != "") {
				t.Fatalf("Wire: %s, %v, %v", role, changed, err)
			}
			if test.want == "" {
				test.want = line
			}
			if want := "[profile dev]\ncredential_process = " + test.want + " # c\n[profile x]\n" + dev; e.Files().config.text != want {
				t.Errorf("config %q, want %q", e.Files().config.text, want)
			}
		})
	}
}

// TestProcessCommand: the forms are those that every SDK was seen to take.
func TestProcessCommand(t *testing.T) {
	for name, test := range map[string]struct {
		helper, goos string // Linux if empty
		want         string // empty: refused
	}{
		"plain":                    {helper: "/usr/local/bin/aws-credproc", want: "/usr/local/bin/aws-credproc get dev-role"},
		"every plain character":    {helper: "/aZ09._-+:,=/h", want: "/aZ09._-+:,=/h get dev-role"},
		"space":                    {helper: "/a b/h", want: `"/a b/h" get dev-role`},
		"what sh takes for its":    {helper: "/a&(b)|;*/h", want: `"/a&(b)|;*/h" get dev-role`},
		"letters of all nations":   {helper: "/å/h", want: `"/å/h" get dev-role`},
		"hash in a word":           {helper: "/a#b/h", want: `"/a#b/h" get dev-role`},
		"hash after a space":       {helper: "/a #b/h"},
		"semicolon after a tab":    {helper: "/a\t;b/h"},
		"quote":                    {helper: `/a"b/h`},
		"single quote":             {helper: "/a'b/h"},
		"backslash":                {helper: `/a\b/h`},
		"dollar":                   {helper: "/a$b/h"},
		"backtick":                 {helper: "/a`b/h"},
		"tilde":                    {helper: "/a~b/h"},
		"newline":                  {helper: "/a\nb/h"},
		"percent":                  {helper: "/a%b/h", want: `"/a%b/h" get dev-role`},
		"windows":                  {helper: `C:\bin\aws-credproc.exe`, goos: "windows", want: `C:\bin\aws-credproc.exe get dev-role`},
		"windows, space":           {helper: `C:\Program Files\h.exe`, goos: "windows", want: `"C:\Program Files\h.exe" get dev-role`},
		"windows, short name":      {helper: `C:\PROGRA~1\h.exe`, goos: "windows", want: `C:\PROGRA~1\h.exe get dev-role`},
		"windows, percent":         {helper: `C:\a%b\h.exe`, goos: "windows"},
		"windows, ampersand":       {helper: `C:\a&b\h.exe`, goos: "windows"},
		"windows, parentheses":     {helper: `C:\Program Files (x86)\h.exe`, goos: "windows"},
		"windows, quote in a name": {helper: `C:\a'b\h.exe`, goos: "windows"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.goos == "" {
				test.goos = "linux"
			}
			got, err := ProcessCommand(test.helper, "dev-role", test.goos)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
			if words := splitCommand(got); err == nil && !cmp.Equal(words, []string{test.helper, "get", "dev-role"}) {
				t.Errorf("it is read as %q", words)
			}
		})
	}
	if _, err := ProcessCommand("h", "a%b", "windows"); err == nil {
		t.Error("a profile that cmd.exe would take for a variable is not refused")
	}
}

// FuzzWire: whatever stands in the files, wiring a profile changes nothing else, and unwiring it gives the same bytes.
func FuzzWire(f *testing.F) {
	for _, text := range append(seeds(f), edits...) {
		f.Add(text, baseKeys)
		f.Add("", text)
		f.Add("[profile dev]\n"+dev, text)
	}
	f.Fuzz(func(t *testing.T, config, credentials string) { wireAndBack(t, config, credentials) })
}

// TestEditsOnManyFiles makes files out of odd lines at random (the same each time), which reaches more shapes in a second
// than bytes at random do in an hour.
func TestEditsOnManyFiles(t *testing.T) {
	lines := []string{
		"[profile p]", "[profile p] # c", "[ profile\tp ]", "[profile p-role]", "[profile q]", "[default]", "[profile default]", "[p]", "[q]", "[x y]", "[services s]",
		"role_arn = arn:aws:iam::1:role/R", "role_arn=arn:aws:iam::1:role/S # c", "source_profile = base", "source_profile = p", "source_profile = q", "credential_source = Environment",
		"role_arn = arn:aws:iam::1:role/T\ncredential_source = Environment", "role_arn = arn:aws:iam::1:role/U\nsource_profile = base",
		"region = x", "REGION=y ; c", "s3 =", "  a = b", "\tc = d # e", "  # f", "# g", "; h", "", "  ", "a b = c", "services = s", "credential_process = other",
		"credential_process = /bin/aws-credproc get q", "aws_access_key_id = A\naws_secret_access_key = B", "duration_seconds = 900",
	}
	random := rand.New(rand.NewPCG(1, 2))
	line := func() string { return lines[random.IntN(len(lines))] }
	file := func() string {
		newline := []string{"\n", "\n", "\r\n", "\r\r\n"}[random.IntN(4)]
		var b strings.Builder
		for n := random.IntN(14); n > 0; n-- {
			b.WriteString(line() + newline)
		}
		text := b.String()
		if random.IntN(3) == 0 {
			text = strings.TrimSuffix(text, []string{"\n", newline}[random.IntN(2)])
		}
		return text
	}
	var wires, edits, edited int
	for range 5000 {
		config, credentials := file(), baseKeys+file()
		if _, err := textFiles(config, credentials); err != nil {
			continue
		}
		wires += wireAndBack(t, config, credentials)
		editAndBack(t, config, false, "region", "z", "new")
		editAndBack(t, credentials, true, "Other", "z", "new")
		edits++
		edited += unwireEdited(t, config, credentials, line(), random.IntN(1000))
		if t.Failed() {
			return
		}
	}
	if wires < 100 || edits < 1000 || edited < 50 {
		t.Errorf("only %d files were edited, %d profiles wired, %d of these edited", edits, wires, edited)
	}
}

// wireAndBack wires each profile that can be, and unwires it. It gives their number.
func wireAndBack(t *testing.T, config, credentials string) (wires int) {
	files, err := textFiles(config, credentials)
	if err != nil {
		return 0
	}
	for _, name := range files.Names() {
		e := files.Edit()
		_, changed, err := Wire(e, name, helperPath())
		if err != nil || !changed {
			continue
		}
		if p, err := files.Profile(name); err != nil {
			t.Fatal(err)
		} else if _, wired := Wired(p); wired {
			continue // only the helper's path was mended
		}
		wires++
		sameProfiles(t, files, e.Files(), name)
		if _, changed, err := Unwire(e, name); err != nil || !changed {
			t.Fatalf("Unwire %s: %v, %v\nconfig %q", name, changed, err, e.Files().config.text)
		}
		if e.Files().config.text != config || e.Files().credentials.text != credentials {
			t.Errorf("wired %s and back:\nwas %q and %q\nnow %q and %q", name, config, credentials, e.Files().config.text, e.Files().credentials.text)
		}
	}
	return wires
}

// unwireEdited wires each profile that can be, puts a line somewhere into the config file, and unwires it. What tools saw
// of any profile, besides credentials, they must see still, and no comment may be lost. It gives how often it came to that.
func unwireEdited(t *testing.T, config, credentials, line string, where int) (times int) {
	files, err := textFiles(config, credentials)
	if err != nil {
		return 0
	}
	for _, name := range files.Names() {
		e := files.Edit()
		if _, changed, err := Wire(e, name, helperPath()); err != nil || !changed {
			continue
		}
		lines := slices.Collect(strings.Lines(e.Files().config.text))
		if len(lines) == 0 {
			continue
		}
		edited, err := textFiles(strings.Join(slices.Insert(lines, where%len(lines), line+"\n"), ""), e.Files().credentials.text)
		if err != nil {
			continue
		}
		e = edited.Edit()
		role, changed, err := Unwire(e, name)
		if err != nil || !changed {
			continue
		}
		times++
		was, is := all(t, edited), all(t, e.Files())
		for key, value := range was[name] {
			if key != "credential_process" && !(key == "source_profile" && value == role) && is[name][key] != value {
				t.Errorf("%s of %s was %q, and is %q", key, name, value, is[name][key])
			}
		}
		for key, value := range was[role] {
			if _, both := was[name][key]; !both && key != "source_profile" && is[name][key] != value {
				t.Errorf("%s of %s was %q, and is %q", key, role, value, is[name][key])
			}
		}
		delete(was, name)
		delete(was, role)
		delete(is, name)
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("other profiles (-want +got):\n%s", diff)
		}
		if comment := strings.TrimSpace(line); (comment == "# g" || comment == "; h") && strings.Count(e.Files().config.text, comment) <= strings.Count(config, comment) {
			t.Errorf("the comment is lost")
		}
		if t.Failed() {
			t.Errorf("wired and edited: %q\nunwired: %q and %q", edited.config.text, e.Files().config.text, e.Files().credentials.text)
		}
	}
	return times
}

// TestAProfileOfManySettingsIsWiredAndUnwiredSoon: the limit tells a hang, or the square of the number of settings.
func TestAProfileOfManySettingsIsWiredAndUnwiredSoon(t *testing.T) {
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
			done <- errors.New("the file is another")
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
		t.Fatal("no end")
	}
}
