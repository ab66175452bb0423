package e2e_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/google/go-cmp/cmp"
)

// witness is a client that reads the config files with a parser of its own.
type witness struct {
	name string
	// keys returns the access key that the client gets for each profile; none for those that it
	// does not find or cannot use.
	keys func(t *testing.T, h *home, profiles []string) map[string]string
}

var witnesses = []witness{
	{"AWS CLI v2", keysOfCLI},
	{"boto3", func(t *testing.T, h *home, profiles []string) map[string]string {
		return keysOfScript(t, h, profiles, python(t), repoPath(t, "testdata", "e2e", "credentials.py"))
	}},
	{"Go", keysOfGoSDK},
	{"JavaScript", func(t *testing.T, h *home, profiles []string) map[string]string {
		script := repoPath(t, "testdata", "e2e", "js", "credentials.js")
		return keysOfScript(t, h, profiles, node(t), script)
	}},
}

func keysOfScript(
	t *testing.T, h *home, profiles []string, interpreter, script string,
) map[string]string {
	t.Helper()
	keys := map[string]string{}
	for line := range strings.Lines(h.ok(t, interpreter, append([]string{script}, profiles...)...)) {
		var got struct{ Profile, Key, Problem string }
		if err := json.Unmarshal([]byte(line), &got); err != nil || got.Key+got.Problem == "" {
			t.Fatalf("%v in %q", err, line)
		}
		if got.Key != "" {
			keys[got.Profile] = got.Key
		}
	}
	return keys
}

// keysOfCLI does not call STS: the AWS CLI takes half a second to start as it is.
func keysOfCLI(t *testing.T, h *home, profiles []string) map[string]string {
	t.Helper()
	keys, aws := map[string]string{}, cli2(t)
	for _, profile := range profiles {
		r := h.run(t, aws, "configure", "export-credentials", "--profile", profile)
		if r.code != 0 {
			continue
		}
		var got struct{ AccessKeyID string }
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || got.AccessKeyID == "" {
			t.Fatalf("%v in %q", err, r.stdout)
		}
		keys[profile] = got.AccessKeyID
	}
	return keys
}

// keysOfGoSDK needs the variables of the home in this process.
func keysOfGoSDK(t *testing.T, _ *home, profiles []string) map[string]string {
	t.Helper()
	keys := map[string]string{}
	for _, profile := range profiles {
		cfg, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile(profile))
		if err != nil {
			continue
		}
		found, err := cfg.Credentials.Retrieve(context.WithoutCancel(t.Context()))
		if err == nil {
			keys[profile] = found.AccessKeyID
		}
	}
	return keys
}

// form is a form of a section, with the command in place of COMMAND or the settings of a role.
type form struct {
	profile string
	text    string
	ignored string // the clients that do not find the profile in this form
	unusual string // those that do not find it after setup, because of its name
}

var forms = []form{
	{profile: "plain", text: "[profile plain]\nKEY = VALUE\n"},
	{profile: "body", text: "[profile body]\n    KEY = VALUE\n"},
	{profile: "tabs", text: "[profile tabs]\n\tKEY = VALUE\n"},
	{profile: "less", text: "[profile less]\n    output = json\n  KEY = VALUE\n"},
	{profile: "section", text: "  [profile section]\n  KEY = VALUE\n"},
	{profile: "crlf", text: "[profile crlf]\r\nKEY = VALUE\r\n"},
	{profile: "block", text: "[profile block]\ns3 =\n  max_queue_size = 9\nKEY = VALUE\n"},
	{profile: "wide", text: "[profile\twide]\nKEY = VALUE\n"},
	{
		profile: "wider", text: "[profile  wider]\nKEY = VALUE\n",
		ignored: "JavaScript", unusual: "JavaScript",
	},
	{profile: "note", text: "[profile note] # a note\nKEY = VALUE\n"},
	{profile: "colon", text: "[profile colon]\nKEY: VALUE\n", ignored: "JavaScript"},
	{profile: "nbsp", text: "[profile nbsp]\n\u00a0KEY\u00a0=\u00a0VALUE\u00a0\n"},
	{
		profile: "my proj", text: "[profile 'my proj']\nKEY = VALUE\n",
		ignored: "Go, JavaScript", unusual: "Go, JavaScript",
	},
	{
		profile: "x y", text: "[profile \"x y\"]\nKEY = VALUE\n",
		ignored: "Go, JavaScript", unusual: "Go, JavaScript",
	},
	{profile: "quoted", text: "[profile 'quoted']\nKEY = VALUE\n", ignored: "Go", unusual: "Go"},
	{
		profile: "a)b", text: "[profile a)b]\nKEY = VALUE\n",
		ignored: "JavaScript", unusual: "JavaScript",
	},
	{
		profile: "a$c", text: "[profile a$c]\nKEY = VALUE\n",
		ignored: "JavaScript", unusual: "JavaScript",
	},
	{
		profile: "zürich", text: "[profile zürich]\nKEY = VALUE\n",
		ignored: "JavaScript", unusual: "JavaScript",
	},
}

// newForms returns a home with the session of dev in the cache, and its access key.
func newForms(t *testing.T) (h *home, program, key string) {
	t.Helper()
	_, h = newDev(t)
	program = filepath.Join(t.TempDir(), "aws-credproc")
	if err := os.Rename(buildProgram(t), program); err != nil {
		t.Fatal(err)
	}
	h = h.with("PATH="+filepath.Dir(program)+":"+os.Getenv("PATH"), "AWS_REGION=eu-west-1",
		"AWS_CREDPROC_STORE=file", "AWS_EC2_METADATA_DISABLED=true", "AWS_CA_BUNDLE=")
	for _, variable := range h.env {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value) // for the Go SDK, which runs in this process
	}
	return h, program, h.run(t, program, "get", "dev").credentials(t, 0).AccessKeyId
}

// TestE2EFormsInEachClient: each client finds the same session in each form of a section, or does
// not find the profile, as documented. After setup, each starts the line that setup has written.
func TestE2EFormsInEachClient(t *testing.T) {
	h, program, key := newForms(t)
	original, err := os.ReadFile(h.path("config"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	written, roles := string(original)+"\n", string(original)+"\n"
	for _, f := range forms {
		names = append(names, f.profile)
		written += strings.NewReplacer("KEY", "credential_process", "VALUE",
			program+" get dev").Replace(f.text)
		role := strings.NewReplacer("KEY", "role_arn", "VALUE", roleARN("Dev")).Replace(f.text)
		source := strings.NewReplacer("KEY", "source_profile", "VALUE", "base").Replace(
			f.text[strings.LastIndex(strings.TrimRight(f.text, "\r\n"), "\n")+1:])
		roles += role + source
	}
	check := func(t *testing.T, w witness, forms []form, isIgnored func(f form) string) {
		t.Helper()
		want := map[string]string{}
		var names []string
		for _, f := range forms {
			names = append(names, f.profile)
			if !slices.Contains(strings.Split(isIgnored(f), ", "), w.name) {
				want[f.profile] = key
			}
		}
		if diff := cmp.Diff(want, w.keys(t, h, names)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", w.name, diff)
		}
	}
	odd := slices.DeleteFunc(slices.Clone(forms), func(f form) bool {
		return f.unusual == "" && !slices.Contains([]string{"plain", "colon", "body", "nbsp"}, f.profile)
	})
	h.write(t, "config", written)
	for _, w := range witnesses {
		read := forms
		if w.name == "AWS CLI v2" { // it starts a process for each, and has the parser of boto3
			read = odd
		}
		check(t, w, read, func(f form) string { return f.ignored })
	}
	for _, name := range names {
		if got := h.run(t, program, "get", name).credentials(t, 0).AccessKeyId; got != key {
			t.Errorf("get %s: %s, want %s", name, got, key)
		}
	}

	h.write(t, "config", roles)
	h.ok(t, program, append([]string{"setup", "--yes"}, names...)...)
	for _, w := range witnesses {
		check(t, w, odd, func(f form) string { return f.unusual })
	}
	h.ok(t, program, append([]string{"setup", "--undo", "--yes"}, names...)...)
	if now, err := os.ReadFile(h.path("config")); err != nil || string(now) != roles {
		t.Errorf("after the undo: %v\n%s", err, cmp.Diff(roles, string(now)))
	}
}

// TestE2EFaultyFilesInEachClient: what the AWS CLI refuses as a whole is read by the others, as
// doctor says. The program reads the profiles whose sections are good.
func TestE2EFaultyFilesInEachClient(t *testing.T) {
	h, program, key := newForms(t)
	original, err := os.ReadFile(h.path("config"))
	if err != nil {
		t.Fatal(err)
	}
	plain := "[profile plain]\ncredential_process = " + program + " get dev\n" + string(original)
	lenient := []string{"Go", "JavaScript"}
	for name, test := range map[string]struct {
		text    string
		clients []string // that read the profile plain
		check   string   // of doctor
	}{
		"stray line":               {plain + "[profile x]\nfoo\n", lenient, "file-form"},
		"unclosed header":          {plain + "[profile y]\n[profile x\nregion = r\n", lenient, "file-form"},
		"before the first section": {"region = r\n" + plain, lenient, "file-form"},
		"merge conflict": {
			plain + "[profile x]\n<<<<<<< HEAD\nregion = r\n=======\nregion = s\n>>>>>>> b\n",
			lenient, "file-form",
		},
		"duplicate key": {plain + "[profile x]\nregion = r\nregion = s\n", lenient, "duplicate-key"},
		"duplicate section": {
			plain + "[profile x]\nregion = r\n[profile x]\n", lenient, "duplicate-section",
		},
		"byte order mark": {"\ufeff" + plain, []string{"JavaScript"}, "byte-order-mark"},
		"not UTF-8":       {plain + "# \xff\n", lenient, "file-form"},
		"UTF-16": {
			"\xff\xfe" + strings.Join(strings.Split(plain, ""), "\x00") + "\x00", nil, "file-form",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.write(t, "config", test.text)
			var got []string
			for _, w := range witnesses {
				if w.keys(t, h, []string{"plain"})["plain"] == key {
					got = append(got, w.name)
				}
			}
			if diff := cmp.Diff(test.clients, got); diff != "" {
				t.Errorf("clients that read it: -want +got:\n%s", diff)
			}
			if name != "UTF-16" {
				if got := h.run(t, program, "get", "plain").credentials(t, 0).AccessKeyId; got != key {
					t.Errorf("get: %s, want %s", got, key)
				}
			}
			out := h.run(t, program, "doctor").stdout
			if !strings.Contains(out, "error["+test.check+"]: ") {
				t.Errorf("doctor does not report %s:\n%s", test.check, out)
			}
		})
	}
}
