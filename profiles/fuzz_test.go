package profiles

import (
	"strings"
	"testing"
)

// oddForms are seeds in the forms that only some tools read, and with faulty lines.
var oddForms = []string{
	"[profile p]\n    role_arn = arn:aws:iam::1:role/R\n    source_profile = p\n  region: x\n",
	"  [profile p]\r\n\tregion\t:\tx\r\n\t[profile q]\r\n\tregion = y\r\n",
	"[profile 'my proj']\n\u00a0region\u00a0=\u00a0x\u00a0\n[profile \"a b\"] x\nregion = y\n",
	"[profile q]\nfoo\n<<<<<<< HEAD\n[profile p]\nregion = x\n=======\n[profile r\nregion = z\n",
	"[sso-session 'My Corp']\nsso_region = x\n[services 's t']\nsts =\n  endpoint_url = http://x\n  y\n",
	"region = x\n[ü)$]\na = b\n[my proj]\na = # c\n  d\n   e\n",
	"[profile p]\ncredential_process = '/a b/aws-credproc' get p-role\n[profile p-role]\n" +
		createdComment + "\nrole_arn: \"arn:aws:iam::1:role/R\"\nsource_profile = '\n",
	"[profile p]\na = b\n||||||| 1a2b\n=======\n>>>>>>> x\ninclude_profile = p\nrole_arn = x\n",
	"[profile p]\ncredential_process =\n  \"/a b\"/aws\\-credproc\n  get 'q'\n[profile q]\na = b\n",
}

// FuzzFiles checks that any files are read or refused, and that the concatenated lines are the
// file.
func FuzzFiles(f *testing.F) {
	f.Add(
		"[profile p]\nrole_arn = arn:aws:iam::1:role/R\nsource_profile = p\n",
		"[p]\naws_access_key_id = A\naws_secret_access_key = B\n",
	)
	f.Add(
		"[default]\ns3 =\n  a = b # c\n\n[profile x] ; y\r\nk = \"v\"\\\n - = `\n", "\ufeff[a]\nb=|c|\n",
	)
	for _, text := range oddForms {
		f.Add(text, text)
	}
	f.Add("[a]\nk = [v]\n [b]\n[c]\n  # [d]\nk =\n [e]\n\u00a0[f]\n[g\n[h] [i]\n[", "[[\n[]")
	f.Add("[a]\n\u00a0[b]\n[c]\n\t[d]\nk = v", "")
	f.Fuzz(func(t *testing.T, config, credentials string) {
		var lines strings.Builder
		checkFormOnly(t, config)
		checkSkip(t, config)
		for s := (scanner{text: config}); s.scan(); {
			lines.WriteString(s.raw())
		}
		if lines.String() != config {
			t.Fatalf("the lines are %q, the file is %q", lines.String(), config)
		}
		files, err := loadText(t, config, credentials)
		if err != nil {
			return
		}
		if _, _, err := files.List(); err != nil && len(files.Faults()) == 0 {
			t.Errorf("List: %v", err)
		}
		for _, name := range files.Names() {
			if _, err := files.Chain(name); err != nil && len(err.Error()) > 10000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		}
	})
}

// checkSkip compares the sections that newFile finds with those of a scan of all lines.
func checkSkip(t *testing.T, text string) {
	t.Helper()
	sections := newFile(ConfigFile, "", text).sections
	for s := (scanner{text: text}); s.scan(); {
		if s.line.kind != sectionLine {
			continue
		}
		if len(sections) == 0 || sections[0].line != s.line.number || sections[0].start != s.line.end {
			t.Fatalf("line %d of %q is a header; next is %+v", s.line.number, text, sections)
		}
		sections = sections[1:]
	}
	if len(sections) > 0 {
		t.Fatalf("%q has no header in line %d", text, sections[0].line)
	}
}

// checkFormOnly compares a scan without keys and values with a full one.
func checkFormOnly(t *testing.T, text string) {
	t.Helper()
	all, form := scanner{text: text}, scanner{text: text, formOnly: true}
	for {
		more := all.scan()
		if form.scan() != more {
			t.Fatalf("%q has more lines in one of the scans", text)
		}
		if !more {
			return
		}
		a, b := all.line, form.line
		if a.kind != b.kind || a.end != b.end ||
			all.inBlock != form.inBlock || all.inProperty != form.inProperty ||
			all.indent != form.indent || all.needsKeys != form.needsKeys {
			t.Fatalf("line %d of %q: kind %d, without keys kind %d", a.number, text, a.kind, b.kind)
		}
	}
}
