package profiles

import (
	"strings"
	"testing"
)

// FuzzFiles: whatever stands in the files, they are read or refused, and the scanner's lines are the file.
func FuzzFiles(f *testing.F) {
	f.Add("[profile p]\nrole_arn = arn:aws:iam::1:role/R\nsource_profile = p\n", "[p]\naws_access_key_id = A\naws_secret_access_key = B\n")
	f.Add("[default]\ns3 =\n  a = b # c\n\n[profile x] ; y\r\nk = \"v\"\\\n - = `\n", "\ufeff[a]\nb=|c|\n")
	f.Fuzz(func(t *testing.T, config, credentials string) {
		var lines strings.Builder
		checkFormOnly(t, config)
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
		if _, _, err := files.List(); err != nil {
			t.Errorf("List: %v", err)
		}
		for _, name := range files.Names() {
			if _, err := files.Chain(name); err != nil && len(err.Error()) > 10000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
	})
}

// checkFormOnly compares the scan that leaves out keys and values with the one that does not.
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
		if a.kind != b.kind || a.end != b.end || all.inBlock != form.inBlock || all.inProperty != form.inProperty {
			t.Fatalf("line %d of %q: kind %d, without keys kind %d", a.number, text, a.kind, b.kind)
		}
	}
}

// FuzzTakeKeys: keys that are taken out of any two files come back byte for byte.
func FuzzTakeKeys(f *testing.F) {
	f.Add("[profile p]\nregion = x\n", "[p]\naws_access_key_id = AKIAX\naws_secret_access_key = s\n")
	f.Add("[profile p]\r\naws_access_key_id = AKIAX\r\n# c\r\naws_secret_access_key = s", "")
	f.Add("[default]\n\n[profile p]\naws_access_key_id=A\naws_secret_access_key=s\n", "[p]\naws_secret_access_key = s\n\n[q]\n[p]\naws_access_key_id = B\n s")
	f.Fuzz(func(t *testing.T, config, credentials string) {
		files, err := textFiles(config, credentials)
		if err != nil {
			return
		}
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
			t.Errorf("put back\n%q\n%q, was\n%q\n%q, meanwhile\n%q\n%q", back.now.config.text, back.now.credentials.text, config, credentials, e.now.config.text, e.now.credentials.text)
		}
	})
}
