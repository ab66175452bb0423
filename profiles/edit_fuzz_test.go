package profiles

import (
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// edits are seeds of the editor's fuzz targets, besides those in testdata.
var edits = []string{
	"[profile p]\nrole_arn = arn:aws:iam::1:role/R\nsource_profile = p\naws_access_key_id=A\n" +
		"aws_secret_access_key=B\nregion=x",
	"\r\n[ profile\tp ] # c\r\nrole_arn = arn:aws:iam::1:role/R\r\n" +
		"credential_source = Environment\r\ns3 =\r\n  a = b # c\r\n\r\n",
	"[default]\nrole_arn = arn:aws:iam::1:role/R # x\ncredential_source = Environment\n" +
		"[profile p]\n  # c\n\n[profile q]\nregion = a\n cont\n# c\n # cont",
	"[profile default]\n[default]\na = b\n[profile p]\n\n\n[profile p]\nrole_arn=\n" +
		" arn:aws:iam::1:role/R\n",
	"[p]\nregion = y\nrole_arn = arn:aws:iam::1:role/R\ncredential_source = Environment",
	"[profile p]\nrole_arn=arn:aws:iam::1:role/R\ncredential_source=Environment\na\r",
}

// FuzzEdit checks that an edit changes only what it names, and that its reverse restores the bytes.
func FuzzEdit(f *testing.F) {
	for _, text := range slices.Concat(seeds(f), edits, oddForms) {
		f.Add(text, false, "region", "eu-west-1", "new")
		f.Add(text, true, "a", "b = c", "x@y")
	}
	f.Fuzz(editAndBack)
}

// editAndBack makes each kind of edit to each profile, and its reverse.
func editAndBack(t *testing.T, text string, inCredentials bool, key, value, name string) {
	which, config, credentials := ConfigFile, text, ""
	if inCredentials {
		which, config, credentials = CredentialsFile, "", text
	}
	files := textFiles(config, credentials)
	was := all(t, files)
	check := func(what string, e *Editor, want map[string]map[string]string) {
		if diff := cmp.Diff(want, all(t, e.Files())); diff != "" {
			t.Errorf("%s changes other profiles than it names (-want +got):\n%s", what, diff)
		}
	}
	reversed := func(what string, e *Editor, err error) {
		if got := e.now.file(which).text; err != nil || got != text {
			t.Errorf("%s and back: %v\nwas %q\nnow %q", what, err, text, got)
		}
	}
	with := func(profile, key, value string) map[string]map[string]string {
		m := maps.Clone(was)
		m[profile] = maps.Clone(was[profile])
		if m[profile] == nil {
			m[profile] = map[string]string{}
		}
		m[profile][key] = value
		return m
	}
	lower := strings.ToLower(key)

	if e := files.Edit(); e.AddProfile(which, name, Setting{key, value}) == nil {
		check("AddProfile", e, with(name, lower, value))
		reversed("AddProfile", e, e.RemoveProfile(which, name))
	}
	for _, profile := range files.Names() {
		if _, err := files.Profile(profile); err != nil {
			refusesBroken(t, files, which, profile)
			continue
		}
		old, there := was[profile][lower]
		if e := files.Edit(); e.Set(which, profile, key, value) == nil {
			check("Set", e, with(profile, lower, value))
			if !there {
				reversed("adding a key", e, e.Remove(which, profile, key))
			} else if checkSetting(profile, key, old) == nil { // Set does not write some values, such as 0=#
				reversed("Set", e, e.Set(which, profile, key, old))
			}
		}
		e := files.Edit()
		if err := e.Remove(which, profile, key); isIndentation(err) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		without := with(profile, lower, "")
		delete(without[profile], lower)
		check("Remove", e, without)

		if profile == "default" || name == "default" {
			continue // its header has two forms
		}
		e = files.Edit()
		if IsName(name) && was[name] == nil && renameIn(which, e, profile, name) == nil {
			renamed := maps.Clone(was)
			renamed[name] = was[profile]
			delete(renamed, profile)
			check("rename", e, renamed)
			reversed("rename", e, renameIn(which, e, name, profile))
		}
		e = files.Edit()
		if err := e.RemoveProfile(which, profile); isIndentation(err) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		rest := maps.Clone(was)
		delete(rest, profile)
		check("RemoveProfile", e, rest)
	}
}

// isIndentation reports whether an edit was refused because of an indented header.
func isIndentation(err error) bool { return errHas(err, "other sections would be read differently") }

// refusesBroken checks that a profile with a faulty line is not edited.
func refusesBroken(t *testing.T, files *Files, which, profile string) {
	t.Helper()
	if err := files.Edit().Set(which, profile, "region", "x"); err == nil {
		t.Errorf("Set has edited %s, which has a faulty line", profile)
	}
	if err := files.Edit().RemoveProfile(which, profile); err == nil {
		t.Errorf("RemoveProfile has removed %s, which has a faulty line", profile)
	}
}

// seeds returns the config and credentials files of the scripts in testdata.
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

// FuzzWire checks that Wire changes only one profile, and that Unwire restores the bytes.
func FuzzWire(f *testing.F) {
	for _, text := range slices.Concat(seeds(f), edits, oddForms) {
		f.Add(text, baseKeys)
		f.Add("", text)
		f.Add("[profile dev]\n"+dev, text)
	}
	f.Fuzz(func(t *testing.T, config, credentials string) { wireAndBack(t, config, credentials) })
}

// TestEditsOfRandomFiles builds files from odd lines at random, with a fixed seed. It reaches more
// cases in a second than random bytes do in an hour.
func TestEditsOfRandomFiles(t *testing.T) {
	lines := []string{
		"[profile p]", "[profile p] # c", "[ profile\tp ]", "[profile p-role]", "[profile q]",
		"[default]", "[profile default]", "[p]", "[q]", "[x y]", "[services s]",
		"role_arn = arn:aws:iam::1:role/R", "role_arn=arn:aws:iam::1:role/S # c", "source_profile = base",
		"source_profile = p", "source_profile = q", "credential_source = Environment",
		"role_arn = arn:aws:iam::1:role/T\ncredential_source = Environment",
		"role_arn = arn:aws:iam::1:role/U\nsource_profile = base",
		"region = x", "REGION=y ; c", "s3 =", "  a = b", "\tc = d # e", "  # f", "# g", "; h", "", "  ",
		"a b = c", "services = s", "credential_process = other",
		"credential_process = /bin/aws-credproc get q",
		"aws_access_key_id = A\naws_secret_access_key = B", "duration_seconds = 900",
		"[profile 'a b']", `[profile "a b"]`, "  [profile p]", "    [profile q] text", "[profile ü]",
		"  role_arn = arn:aws:iam::1:role/V\n  credential_source = Environment", "  region : x",
		"    external_id = abc", "\u00a0output\u00a0=\u00a0json\u00a0", "stray", "[profile p",
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

// wireAndBack wires and unwires each profile that can be wired. It returns their number.
func wireAndBack(t *testing.T, config, credentials string) (wires int) {
	files := textFiles(config, credentials)
	for _, name := range files.Names() {
		e := files.Edit()
		_, changed, err := Wire(e, name, helperPath())
		if err != nil || !changed {
			continue
		}
		if p, err := files.Profile(name); err != nil {
			t.Fatal(err)
		} else if _, wired := Wired(p); wired {
			continue // only the helper's path was replaced
		}
		wires++
		sameProfiles(t, files, e.Files(), name)
		if _, changed, err := Unwire(e, name); err != nil || !changed {
			t.Fatalf("Unwire %s: %v, %v\nconfig %q", name, changed, err, e.Files().config.text)
		}
		if e.Files().config.text != config || e.Files().credentials.text != credentials {
			t.Errorf(
				"wired %s and back:\nwas %q and %q\nnow %q and %q", name, config, credentials,
				e.Files().config.text, e.Files().credentials.text,
			)
		}
	}
	return wires
}

// unwireEdited wires each profile that can be wired, inserts a line into the config file, and
// unwires the profile. No setting, except those of credentials, and no comment may be lost. It
// returns the number of profiles.
func unwireEdited(t *testing.T, config, credentials, line string, where int) (times int) {
	files := textFiles(config, credentials)
	for _, name := range files.Names() {
		e := files.Edit()
		if _, changed, err := Wire(e, name, helperPath()); err != nil || !changed {
			continue
		}
		lines := slices.Collect(strings.Lines(e.Files().config.text))
		if len(lines) == 0 {
			continue
		}
		lines = slices.Insert(lines, where%len(lines), line+"\n")
		edited := textFiles(strings.Join(lines, ""), e.Files().credentials.text)
		e = edited.Edit()
		role, changed, err := Unwire(e, name)
		if err != nil || !changed {
			continue
		}
		times++
		was, is := all(t, edited), all(t, e.Files())
		for key, value := range was[name] {
			if key == "credential_process" || key == "source_profile" && value == role {
				continue
			}
			if is[name][key] != value {
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
		comment := strings.TrimSpace(line)
		count := strings.Count(e.Files().config.text, comment)
		if (comment == "# g" || comment == "; h") && count <= strings.Count(config, comment) {
			t.Errorf("the comment is lost")
		}
		if t.Failed() {
			t.Errorf(
				"wired and edited: %q\nunwired: %q and %q", edited.config.text, e.Files().config.text,
				e.Files().credentials.text,
			)
		}
	}
	return times
}

// FuzzTakeKeys checks that PutKeys restores the bytes that TakeKeys has cut out.
func FuzzTakeKeys(f *testing.F) {
	f.Add("[profile p]\nregion = x\n", "[p]\naws_access_key_id = AKIAX\naws_secret_access_key = s\n")
	f.Add("[profile p]\r\naws_access_key_id = AKIAX\r\n# c\r\naws_secret_access_key = s", "")
	f.Add(
		"[default]\n\n[profile p]\naws_access_key_id=A\naws_secret_access_key=s\n",
		"[p]\naws_secret_access_key = s\n\n[q]\n[p]\naws_access_key_id = B\n s",
	)
	f.Fuzz(func(t *testing.T, config, credentials string) {
		files := textFiles(config, credentials)
		e := files.Edit()
		k, ok, err := TakeKeys(e, "p", "/bin/aws-credproc")
		if err != nil || !ok {
			return
		}
		p, err := e.Files().Profile("p")
		if err != nil || p.Get("aws_access_key_id") != "" || p.Get("aws_secret_access_key") != "" {
			t.Fatalf("%v, %+v", err, p)
		}
		back := e.Files().Edit()
		if _, err := PutKeys(back, "p", k); err != nil {
			t.Fatal(err)
		}
		if back.now.config.text != config || back.now.credentials.text != credentials {
			t.Errorf(
				"put back\n%q\n%q, was\n%q\n%q, meanwhile\n%q\n%q", back.now.config.text,
				back.now.credentials.text, config, credentials, e.now.config.text, e.now.credentials.text,
			)
		}
	})
}
