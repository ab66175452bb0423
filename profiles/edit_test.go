package profiles

import (
	"errors"
	"testing"

	"aws-credproc/internal/diag"

	"github.com/google/go-cmp/cmp"
)

// textFiles returns files that are only in memory.
func textFiles(config, credentials string) *Files {
	return &Files{
		config:      newFile(ConfigFile, "config", config),
		credentials: newFile(CredentialsFile, "credentials", credentials),
	}
}

func mustFiles(t testing.TB, config, credentials string) *Files {
	t.Helper()
	f := textFiles(config, credentials)
	for _, fault := range f.Faults() {
		t.Fatal(fault)
	}
	return f
}

func set(key, value string) func(*Editor) error {
	return func(e *Editor) error { return e.Set(ConfigFile, "p", key, value) }
}

func remove(key string) func(*Editor) error {
	return func(e *Editor) error { return e.Remove(ConfigFile, "p", key) }
}

func TestEditKeepsOtherBytes(t *testing.T) {
	addQ := func(e *Editor) error { return e.AddProfile(ConfigFile, "q", Setting{"a", "b"}) }
	removeP := func(e *Editor) error { return e.RemoveProfile(ConfigFile, "p") }
	rename := func(from, to string) func(*Editor) error {
		return func(e *Editor) error { return renameIn(ConfigFile, e, from, to) }
	}
	for name, test := range map[string]struct {
		before  string
		edit    func(*Editor) error
		after   string
		reverse func(*Editor) error // must restore before; nil if it cannot
	}{
		"set": {
			"[profile p]\na = 1\nb = 2\n", set("a", "9"), "[profile p]\na = 9\nb = 2\n",
			set("a", "1"),
		},
		"set keeps spacing and comment": {
			"[profile p]\nA\t=  1 2 \t# c = 1\r\n", set("a", "x y"),
			"[profile p]\nA\t=  x y \t# c = 1\r\n", set("a", "1 2"),
		},
		"set without spaces": {
			"[profile p]\na=1", set("a", "2"), "[profile p]\na=2", set("a", "1"),
		},
		"set a value that is also in the key": {
			"[profile p]\na = a\n", set("a", "b"), "[profile p]\na = b\n", set("a", "a"),
		},
		"set an empty value": {
			"[profile p]\na = # c\n", set("a", "b"), "[profile p]\na = b # c\n", nil,
		},
		"set in place of a block": {
			"[profile p]\ns3 =\n  a = b\n# c\n  d = e\nx = y\n", set("s3", "z"),
			"[profile p]\ns3 = z\n# c\nx = y\n", nil,
		},
		"set the last duplicate": {
			"[profile p]\na = 1\na = 2\n[profile q]\na = 3\n[profile p]\na = 4\n", set("a", "9"),
			"[profile p]\na = 1\na = 2\n[profile q]\na = 3\n[profile p]\na = 9\n", set("a", "4"),
		},
		"add": {
			"[profile p]\na = 1\n\n# q's\n[profile q]\n", set("b", "2"),
			"[profile p]\na = 1\nb = 2\n\n# q's\n[profile q]\n", remove("b"),
		},
		"add after a block": {
			"[profile p]\ns3 =\n  a = b\n", set("b", "2"), "[profile p]\ns3 =\n  a = b\nb = 2\n",
			remove("b"),
		},
		"add without a newline at the end": {
			"[profile p]\na = 1", set("b", "2"), "[profile p]\na = 1\nb = 2", remove("b"),
		},
		"add to a header alone": {
			"[profile p]", set("b", "2"), "[profile p]\nb = 2", remove("b"),
		},
		"add below an indented comment": {
			"[profile p]\n  # c\n", set("b", "2"), "[profile p]\n  # c\nb = 2\n", remove("b"),
		},
		"add with CRLF": {
			"[profile p]\r\na = 1", set("b", "2"), "[profile p]\r\na = 1\r\nb = 2", remove("b"),
		},
		"add after a lone CR": {
			"[profile p]\na = 1\r", set("b", "2"), "[profile p]\na = 1\r\r\nb = 2", remove("b"),
		},
		"add to the last section": {
			"[profile p]\na = 1\n[profile p]\nb = 2\n", set("c", "3"),
			"[profile p]\na = 1\n[profile p]\nb = 2\nc = 3\n", remove("c"),
		},
		"remove": {
			"[profile p]\na = 1\nb = 2\n\nc = 3\n", remove("b"), "[profile p]\na = 1\n\nc = 3\n",
			nil,
		},
		"remove duplicates": {
			"[profile p]\na = 1\nA = 2\nb = 3\n[profile p]\na = 4\n", remove("a"),
			"[profile p]\nb = 3\n[profile p]\n", nil,
		},
		"remove a block": {
			"[profile p]\ns3 =\n  a = b\n\n# c\n  # d = e\nx = y\n", remove("s3"),
			"[profile p]\n\n# c\nx = y\n", nil,
		},
		"remove a block at the end": {
			"[profile p]\nx = y\ns3 =\n  a = b", remove("s3"), "[profile p]\nx = y", nil,
		},
		"remove a missing key": {
			"[profile p]\na = 1\n", remove("b"), "[profile p]\na = 1\n", nil,
		},
		"add a section": {
			"[profile p]\na = 1\n", addQ, "[profile p]\na = 1\n\n[profile q]\na = b\n", removeQ,
		},
		"add a section, blank lines": {
			"[profile p]\na = 1\n\n \n", addQ, "[profile p]\na = 1\n\n \n\n[profile q]\na = b\n",
			removeQ,
		},
		"add a section without a newline": {
			"[profile p]\r\na = 1", addQ, "[profile p]\r\na = 1\r\n\r\n[profile q]\r\na = b",
			removeQ,
		},
		"add a section to an empty file": {"", addQ, "[profile q]\na = b\n", removeQ},
		"add a section after a comment": {
			"# c", addQ, "# c\n\n[profile q]\na = b", removeQ,
		},
		"remove a section": {
			"[default]\n\n[profile p]\na = 1\n# in it\nb = 2\n\n# r's\n[profile r]\n", removeP,
			"[default]\n\n# r's\n[profile r]\n", nil,
		},
		"remove a section with an indented comment": {
			"[default]\na = 1\n[profile p]\n  # would continue a\n[profile r]\n", removeP,
			"[default]\na = 1\n[profile r]\n", nil,
		},
		"remove duplicate sections": {
			"[profile p]\na = 1\n[default]\n[profile p]\n", removeP, "[default]\n", nil,
		},
		"rename": {
			"# a\n[ profile \t p ] ; [profile p]\na = p\n", rename("p", "q"),
			"# a\n[ profile \t q ] ; [profile p]\na = p\n", rename("q", "p"),
		},
		"rename a name within profile": {
			"[profile profile]", rename("profile", "pro"), "[profile pro]",
			rename("pro", "profile"),
		},
		"rename duplicate sections": {
			"[profile p]\n[profile  p]", rename("p", "long-name"),
			"[profile long-name]\n[profile  long-name]", rename("long-name", "p"),
		},
		"rename default": {
			"[ default ]\r\na = b", rename("default", "q"), "[ profile q ]\r\na = b",
			rename("q", "default"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := mustFiles(t, test.before, "").Edit()
			if err := test.edit(e); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.after, e.Files().config.text); diff != "" {
				t.Errorf("after the edit (-want +got):\n%s", diff)
			}
			if test.reverse == nil {
				return
			}
			if err := test.reverse(e); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.before, e.Files().config.text); diff != "" {
				t.Errorf("after its reverse (-want +got):\n%s", diff)
			}
		})
	}
}

// renameIn renames a profile's sections in a file.
func renameIn(which string, e *Editor, from, to string) error {
	bodies, err := e.bodies(which, from)
	if err != nil {
		return err
	}
	splices, err := e.now.file(which).rename(bodies, to, to == "default")
	if err != nil {
		return err
	}
	return e.splice(which, splices...)
}

func removeQ(e *Editor) error { return e.RemoveProfile(ConfigFile, "q") }

func TestEditCredentialsFile(t *testing.T) {
	e := mustFiles(t, "[profile p]\na = 1\n", "[p]\na = 2\n").Edit()
	for _, edit := range []func() error{
		func() error { return e.Set(CredentialsFile, "p", "a", "3") },
		func() error { return renameIn(CredentialsFile, e, "p", "default") },
		func() error { return renameIn(CredentialsFile, e, "default", "q") },
		func() error { return e.AddProfile(CredentialsFile, "r", Setting{"b", "4"}) },
	} {
		if err := edit(); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := e.Files().credentials.text, "[q]\na = 3\n\n[r]\nb = 4\n"; got != want {
		t.Errorf("credentials %q, want %q", got, want)
	}
	if changes := e.Changes(); len(changes) != 1 || changes[0].Path != "credentials" {
		t.Errorf("changes %v, want one of the credentials file", changes)
	}
}

func TestEditRefusesUnreadableSettings(t *testing.T) {
	for name, edit := range map[string]func(*Editor) error{
		"empty value":           set("a", ""),
		"two lines":             set("a", "1\nb = 2"),
		"carriage return":       set("a", "1\r2"),
		"white space at an end": set("a", " 1"),
		"a comment":             set("a", "1 # 2"),
		"a comment alone":       set("a", "; 2"),
		"NUL byte":              set("a", "1\x002"),
		"key":                   set("a b", "1"),
		"empty key":             set("", "1"),

		"no such profile":  func(e *Editor) error { return e.Set(ConfigFile, "x", "a", "1") },
		"existing profile": func(e *Editor) error { return e.AddProfile(ConfigFile, "p") },
		"invalid name":     func(e *Editor) error { return e.AddProfile(ConfigFile, "p]\n[x") },
		"invalid setting of a new profile": func(e *Editor) error {
			return e.AddProfile(ConfigFile, "q", Setting{"a", "b\n[x]"})
		},
		"remove a missing profile": func(e *Editor) error { return e.RemoveProfile(ConfigFile, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			e := mustFiles(t, "[profile p]\na = 0\n[profile r]\n", "").Edit()
			var problem *diag.Error
			if err := edit(e); !errors.As(err, &problem) {
				t.Errorf("error %v, want a *diag.Error", err)
			}
			if len(e.Changes()) > 0 {
				t.Errorf("the files have changed: %q", e.Files().config.text)
			}
		})
	}
}

// all returns the settings of all profiles. One that cannot be read has its fault.
func all(t testing.TB, f *Files) map[string]map[string]string {
	m := map[string]map[string]string{}
	for _, name := range f.Names() {
		p, err := f.Profile(name)
		var fault *diag.Error
		switch {
		case err == nil:
			m[name] = values(p)
		case errors.As(err, &fault):
			m[name] = map[string]string{"fault": fault.Problem}
		default:
			t.Fatal(err)
		}
	}
	return m
}
