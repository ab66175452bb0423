package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"aws-credproc/internal/diag"

	"github.com/google/go-cmp/cmp"
)

// loadText writes the two files and loads them.
func loadText(t testing.TB, config, credentials string) (*Files, error) {
	t.Helper()
	dir := t.TempDir()
	c, k := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	for path, text := range map[string]string{c: config, k: credentials} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(c, k)
}

// mustLoad is loadText for valid files.
func mustLoad(t testing.TB, config, credentials string) *Files {
	t.Helper()
	f, err := loadText(t, config, credentials)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// errHas reports whether the text of an error, with its hint, contains want.
func errHas(err error, want string) bool {
	return err != nil && strings.Contains(diag.Text(err), want)
}

// values returns a section's properties without their places.
func values(s Section) map[string]string {
	m := map[string]string{}
	for key, p := range s.Properties {
		m[key] = p.Value
	}
	return m
}

func TestProfile(t *testing.T) {
	for name, test := range map[string]struct {
		config, credentials string
		profile             string // "p" if empty
		want                map[string]string
	}{
		"plain": {
			config: "[profile p]\nregion = eu-west-1\n",
			want:   map[string]string{"region": "eu-west-1"},
		},
		"no newline at the end": {
			config: "[profile p]\nregion=x", want: map[string]string{"region": "x"},
		},
		"CRLF": {
			config: "[profile p]\r\nregion = x\r\ns3 =\r\n  a = b\r\n",
			want:   map[string]string{"region": "x", "s3": "\na = b"},
		},
		"byte order mark": {
			config: "\ufeff[profile p]\na = b", want: map[string]string{"a": "b"},
		},
		"any white space after profile": {
			config: "[profile\t  p]\na = b", want: map[string]string{"a": "b"},
		},
		"white space within the brackets": {
			config: "[ profile p ]\na = b", want: map[string]string{"a": "b"},
		},
		"every character of a name": {
			config: "[profile aZ09_-/.%@:+]\na = b", profile: "aZ09_-/.%@:+",
			want: map[string]string{"a": "b"},
		},
		"comment after the section": {
			config: "[profile p]# c\na = b\n[profile q] ; c\nx = y",
			want:   map[string]string{"a": "b"},
		},
		"default without profile": {
			config: "[default]\na = b", profile: "default", want: map[string]string{"a": "b"},
		},
		"profile default beats default": {
			config: "[profile default]\na = 1\n[default]\na = 2\nb = 3", profile: "default",
			want: map[string]string{"a": "1"},
		},
		"credentials file has the bare form": {
			credentials: "[p]\na = b", want: map[string]string{"a": "b"},
		},
		"default in both files": {
			config: "[default]\na = 1", credentials: "[default]\nb = 2", profile: "default",
			want: map[string]string{"a": "1", "b": "2"},
		},
		"names are case-sensitive": {
			config: "[profile P]\na = 1\n[profile p]\nb = 2\n[Profile p]\nc = 3",
			want:   map[string]string{"b": "2"},
		},
		"files merge, credentials win": {
			config: "[profile p]\na = 1\nb = 2", credentials: "[p]\na = 3",
			want: map[string]string{"a": "3", "b": "2"},
		},
		"sections merge, the later key wins": {
			config: "[profile p]\na = 1\nb = 2\n[profile q]\na = 9\n[profile p]\na = 3",
			want:   map[string]string{"a": "3", "b": "2"},
		},
		"duplicate key, the last wins": {
			config: "[profile p]\na = 1\na = 2", want: map[string]string{"a": "2"},
		},
		"duplicate key with continuation": {
			config: "[profile p]\na = 1\n x\na = 2", want: map[string]string{"a": "2"},
		},
		"keys in any case": {
			config: "[profile p]\nRole_ARN = x", want: map[string]string{"role_arn": "x"},
		},
		"key with another name is ignored": {
			config: "[profile p]\na b = c\n cont\nx = y", want: map[string]string{"x": "y"},
		},
		"value is trimmed": {
			config: "[profile p]\na  =  b c \t", want: map[string]string{"a": "b c"},
		},
		"value may be empty": {
			config: "[profile p]\na =", want: map[string]string{"a": ""},
		},
		"value may hold =": {
			config: "[profile p]\na = b=c = d", want: map[string]string{"a": "b=c = d"},
		},
		"colon": {
			config: "[profile p]\na:b = c\nd : e\nf = g:h",
			want:   map[string]string{"a": "b = c", "d": "e", "f": "g:h"},
		},
		"indented body": {
			config: "[profile p]\n    a = b\n    c = d\n      e\n  # f\n  g = h\n\ti =\n\t  j = k\n",
			want:   map[string]string{"a": "b", "c": "d\ne", "g": "h", "i": "\nj = k"},
		},
		"indented body of an unknown section": {
			config: "[plugins]\n  x = y\r\n  [profile p]\n  a = b", want: map[string]string{"a": "b"},
		},
		"indented header": {
			config: "[profile q]\na = b\n[x]\n\t[profile p]\n\ta = b", want: map[string]string{"a": "b"},
		},
		"header that continues a value": {
			config: "[profile p]\na = b\n  [profile q]\n  c = d",
			want:   map[string]string{"a": "b\n[profile q]\nc = d"},
		},
		"no-break spaces": {
			config: "[profile p]\n\u00a0a\u00a0=\u00a0b\u00a0\n\u00a0\u2003c = d\n\u3000\ne\u00a0: f\n",
			want:   map[string]string{"a": "b\nc = d", "e": "f"},
		},
		"name in double quotes": {
			config: "[profile \"my proj\"]\na = b", profile: "my proj", want: map[string]string{"a": "b"},
		},
		"name in single quotes": {
			config: "[profile   'my proj' ]\na = b", profile: "my proj", want: map[string]string{"a": "b"},
		},
		"quotes in a name": {
			config: "[profile a'b \"'c\\ d]\na = b", profile: "ab \"c d", want: map[string]string{"a": "b"},
		},
		"plain name in quotes is the same name": {
			config: "[profile 'p']\na = b\n[profile p]\nc = d",
			want:   map[string]string{"a": "b", "c": "d"},
		},
		"backslash in a name": {
			config: "[profile corp\\jill]\na = b", profile: "corpjill", want: map[string]string{"a": "b"},
		},
		"other characters in a name": {
			config: "[profile ü)$!]\na = b", profile: "ü)$!", want: map[string]string{"a": "b"},
		},
		"bracket in a name": {
			config: "[profile a]b]\na = b", profile: "a]b", want: map[string]string{"a": "b"},
		},
		"open quote": {
			config: "[profile 'x]\na = b\n[profile p]\nc = d", want: map[string]string{"c": "d"},
		},
		"space in a name of the credentials file": {
			credentials: "[my proj]\na = b\n", profile: "my proj", want: map[string]string{"a": "b"},
		},
		"text after the section": {
			config: "[profile p] x\na = b", want: map[string]string{"a": "b"},
		},
		"comment in a key": {
			config: "[profile p]\na # = b\nc = d", want: map[string]string{"c": "d"},
		},
		"fault in another section": {
			config: "stray = x\n[profile q]\nfoo\n[profile r\n=====\n[profile p]\na = b\n",
			want:   map[string]string{"a": "b"},
		},
		"comment after white space": {
			config: "[profile p]\na = b # c\nd = e\t; f",
			want:   map[string]string{"a": "b", "d": "e"},
		},
		"no comment without white space": {
			config: "[profile p]\na = b#c;d", want: map[string]string{"a": "b#c;d"},
		},
		"comment instead of a value": {
			config: "[profile p]\na = # c", want: map[string]string{"a": ""},
		},
		"comment lines": {
			config: "# x\n;y\n[profile p]\n  # indented, where nothing continues\na = b\n# c\n; d",
			want:   map[string]string{"a": "b"},
		},
		"continuation": {
			config: "[profile p]\na = b\n  c\n\td", want: map[string]string{"a": "b\nc\nd"},
		},
		"comment sign in a continuation": {
			config: "[profile p]\na = b\n # c\n d ; e", want: map[string]string{"a": "b\nd ; e"},
		},
		"comment in place of a block's value": {
			config: "[profile p]\na = # c\n b\n", want: map[string]string{"a": "\nb"},
		},
		"blank line ends no continuation": {
			config: "[profile p]\na = b\n\n   \n c", want: map[string]string{"a": "b\nc"},
		},
		"comment line ends no continuation": {
			config: "[profile p]\na = b\n# c\n d", want: map[string]string{"a": "b\nd"},
		},
		"sub-properties": {
			config: "[profile p]\ns3 =\n  max = 1\n\n  b =\nx = y",
			want:   map[string]string{"s3": "\nmax = 1\nb =", "x": "y"},
		},
		"comment among sub-properties": {
			config: "[profile p]\ns3 =\n  a = b\n  # c\n  d = e\n",
			want:   map[string]string{"s3": "\na = b\nd = e"},
		},
		"no interpolation": {
			config: "[profile p]\na = %(b)s ${c}", want: map[string]string{"a": "%(b)s ${c}"},
		},
		"no quotes": {
			config: "[profile p]\na = \"b\"\nc = 'd'\ne = \"\"\"f\ng = `h`\ni = \"",
			want:   map[string]string{"a": `"b"`, "c": "'d'", "e": `"""f`, "g": "`h`", "i": `"`},
		},
		"no quoted keys": {
			config: "[profile p]\n\"a\" = b\n`c` = d\nx = y", want: map[string]string{"x": "y"},
		},
		"no backslash continuation": {
			config: "[profile p]\na = b \\\nc = d", want: map[string]string{"a": `b \`, "c": "d"},
		},
		"no inheritance": {
			config: "[profile a]\nx = y\n[profile a.b]\nc = d", profile: "a.b",
			want: map[string]string{"c": "d"},
		},
		"no auto-increment key": {
			config: "[profile p]\n- = a\n-x = b", want: map[string]string{"-": "a", "-x": "b"},
		},
		"bars in a value": {
			config: "[profile p]\na = |b|\nc = |", want: map[string]string{"a": "|b|", "c": "|"},
		},
		"section and comment signs in values": {
			config: "[profile p]\na = [x]\nb = ;\nc = x;y",
			want:   map[string]string{"a": "[x]", "b": "", "c": "x;y"},
		},
		"bare section in config is ignored": {
			config: "[q]\na = 1\n[profile p]\nb = 2", want: map[string]string{"b": "2"},
		},
		"odd names are ignored": {
			config: "[profile a b]\nx = y\n[profile]\nx = y\n[]\nx=y\n[profile p]\nb = 2",
			want:   map[string]string{"b": "2"},
		},
		"profile word in credentials ignored": {
			credentials: "[profile p]\na = 1\n[p]\nb = 2", want: map[string]string{"b": "2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := loadText(t, test.config, test.credentials)
			if err != nil {
				t.Fatal(err)
			}
			if test.profile == "" {
				test.profile = "p"
			}
			p, err := f.Profile(test.profile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, values(p)); diff != "" {
				t.Errorf("properties (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFaultyLines(t *testing.T) {
	for name, test := range map[string]struct{ config, where, problem string }{
		"no equals sign": {
			"[profile p]\nregion", "config:2", `expected "key = value"`,
		},
		"no key":                      {"[profile p]\n = x\n= x", "config:2", "no key"},
		"empty key":                   {"[profile p]\n= x", "config:2", `no key before "="`},
		"empty key with a colon":      {"[profile p]\n: x", "config:2", `no key before ":"`},
		"property before any section": {"a = b", "config:1", "before the first section"},
		"text before any section":     {"\n a", "config:2", `expected "key = value"`},
		"unclosed bracket":            {"[profile p\na = b", "config:1", `missing "]"`},
		"conflict marker": {
			"[profile p]\n<<<<<<< HEAD\na = b", "config:2", "a merge conflict was not resolved",
		},
		"middle of a conflict": {
			"[profile p]\na = b\n=======\na = c", "config:3", "a merge conflict was not resolved",
		},
		"sub-property without =": {"[profile p]\ns3 =\n  a: b", "config:3", "sub-property"},
		"in an unused section":   {"[whatever]\nx", "config:2", `expected "key = value"`},
		"zero bytes":             {"[profile p]\na\x00 = b", "config", "NUL bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := loadText(t, test.config, "")
			if err == nil && len(f.Faults()) > 0 {
				err = f.Faults()[0]
			}
			var e *diag.Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v, want a *diag.Error", err)
			}
			if !strings.HasSuffix(e.Where, test.where) ||
				!strings.Contains(e.Problem, test.problem) || e.Hint == "" {
				t.Errorf("error %q, want %s, %q and a hint", err, test.where, test.problem)
			}
		})
	}
}

func TestErrorsHaveNoSecrets(t *testing.T) {
	const secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
	for name, credentials := range map[string]string{
		"indented secret":      "[p]\n aws_secret_access_key = " + secret,
		"secret alone":         "[p]\n" + secret,
		"secret before a =":    "[p]\naws_secret_access_key " + secret,
		"secret sub-property":  "[p]\naws_secret_access_key =\n " + secret,
		"secret in no section": "aws_secret_access_key = " + secret,
		"padded secret":        secret + "=",
		"padded, in a section": "[p]\n " + secret + "=",
		"no = after the key":   "aws_secret_access_key " + secret + "=",
		"after a section":      "[p] " + secret,
		"in a section's name":  "[" + secret,
		"in brackets":          "[" + secret + "] x",
		"half a pair":          "[p]\naws_secret_access_key = " + secret,
	} {
		t.Run(name, func(t *testing.T) {
			f, err := loadText(t, "", credentials)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.Chain("p")
			errs := []error{err}
			for _, fault := range f.Faults() {
				errs = append(errs, fault)
			}
			for _, err := range errs {
				if errHas(err, secret[:4]) {
					t.Errorf("the error %q holds the secret", err)
				}
			}
		})
	}
}

func TestErrorsShowNoWordThatMayBeAPassword(t *testing.T) {
	for _, text := range []string{
		"[profile p]\ncredential_process =\n  a=/bin/helper --password\n  correcthorse",
		"[profile p]\ncredential_process = /bin/helper --password\ncorrecthorse",
		"[profile p]\ns3 =\n  correcthorse", "correcthorse = x", "correcthorse",
		// A line that continues a value may start with any word.
		"[profile p]\ncredential_process =\n  a=x --password\n  region",
		"[profile p]\ncredential_process =\n  a=x --password\n  [region",
	} {
		f := mustLoad(t, text, "")
		if faults := f.Faults(); len(faults) != 1 || strings.Contains(faults[0].Error(), "correct") ||
			strings.Contains(faults[0].Error(), "region") {
			t.Errorf("%q: %v", text, faults)
		}
	}
}

func TestErrorsQuoteFirstWord(t *testing.T) {
	for text, want := range map[string]string{
		"[p]\nregion": `: "region" `, "[p]\naws_secret_access_key abc": `"aws_secret_access_key ..."`,
		"[profile p": `"[profile ..."`,
		"region = x": `"region ..."`,
	} {
		f, err := loadText(t, text, "")
		if err != nil {
			t.Fatal(err)
		}
		if faults := f.Faults(); len(faults) != 1 || !strings.Contains(faults[0].Error()+" ", want) {
			t.Errorf("faults %v, want one with %s", faults, want)
		}
	}
}

func TestSecretIsRedacted(t *testing.T) {
	f := mustLoad(t, "", "[p]\naws_access_key_id = AKIAX\naws_secret_access_key = hush\n"+
		"aws_session_token = hush")
	c, err := f.Chain("p")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%s", "%q", "%#v", "%x", "%d"} {
		out := fmt.Sprintf(verb, c.Source)
		if strings.Contains(out, "hush") || strings.Contains(out, "68757368") {
			t.Errorf("%s prints %s", verb, out)
		}
	}
	if string(c.Source.SecretAccessKey) != "hush" {
		t.Error("the value is lost")
	}
}

func TestUnreadableFiles(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	if _, err := Load(missing, missing); err != nil {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Load(os.DevNull, missing); err != nil {
		t.Errorf("null device: %v", err)
	}
	if _, err := Load(dir, missing); !errHas(err, "is a directory, not a file\n"+
		"hint: set AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := Load(filepath.Join(missing, "x"), missing); err != nil {
		t.Errorf("missing directory: %v", err)
	}
	huge := filepath.Join(dir, "huge")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(huge, missing); !errHas(err, "larger than 16 MB\nhint: remove") {
		t.Errorf("a huge file: %v", err)
	}
}

// The file may have been replaced since its size was read.
func TestFileOfAnotherSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("[default]"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(size int64) string {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := readContent(f, size)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for _, size := range []int64{0, 1, 7, 8, 9, 10, 100} {
		if text := read(size); text != "[default]" {
			t.Errorf("of size %d: %q", size, text)
		}
	}
	if err := os.Truncate(path, 2*MaxFileSize); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{9, MaxFileSize} {
		if n := len(read(size)); n != MaxFileSize+1 {
			t.Errorf("of size %d: %d bytes", size, n)
		}
	}
}

func TestPathsExpandVariables(t *testing.T) {
	env := map[string]string{"HOME": "/home/jill", "A_1": "x", "B": ""}
	getenv := func(name string) string { return env[name] }
	for path, want := range map[string]string{
		"$HOME/.aws/config": "/home/jill/.aws/config", "${HOME}/c": "/home/jill/c", "/$A_1$A_1/": "/xx/",
		"/$B/${B}": "/$B/${B}", "/$MISSING/${MISSING}": "/$MISSING/${MISSING}", "/${A_1": "/${A_1",
		"/$": "/$", "/$-/%A_1%": "/$-/%A_1%", "": "", "/ü$A_1": "/üx",
	} {
		if got := expandVariables(path, getenv, "linux"); got != want {
			t.Errorf("%q becomes %q, want %q", path, got, want)
		}
	}
	if got := expandVariables(`%A_1%\c%d`, getenv, "windows"); got != `x\c%d` {
		t.Errorf("on Windows %q", got)
	}
	env["AWS_CONFIG_FILE"] = "$HOME/config"
	if config, _ := Paths(getenv); config != "/home/jill/config" {
		t.Errorf("path %q", config)
	}
}

func TestPathsExpandHome(t *testing.T) {
	t.Setenv("HOME", "/home/jill")
	t.Setenv("USERPROFILE", "/home/jill")
	env := map[string]string{"AWS_CONFIG_FILE": "~/x", "AWS_SHARED_CREDENTIALS_FILE": "~other/y"}
	config, credentials := Paths(func(name string) string { return env[name] })
	if filepath.ToSlash(config) != "/home/jill/x" || credentials != "~other/y" {
		t.Errorf("paths %s and %s", config, credentials)
	}
	config, _ = Paths(func(string) string { return "" })
	if !strings.HasSuffix(filepath.ToSlash(config), "/home/jill/.aws/config") {
		t.Errorf("default path %s", config)
	}
}

func TestMissingProfileHints(t *testing.T) {
	for name, test := range map[string]struct{ config, want string }{
		"other profiles": {"[default]\n", "hint: aws-credproc list shows all profiles"},
		"no profiles": {"# empty\n",
			"hint: aws-credproc setup NAME --role-arn ARN --source-profile PROFILE creates a profile"},
	} {
		if _, err := mustFiles(t, test.config, "").Chain("production"); !errHas(err, test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	path := filepath.Join(t.TempDir(), "both")
	writeText(t, path, "[default]\n")
	f, err := Load(path, path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Chain("production"); !errHas(err, "no such profile in "+path+"\n") {
		t.Errorf("one file: %v", err)
	}
	if f, err = Load(path+"x", path+"x"); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Chain("production"); !errHas(err, "no such profile in "+path+"x\n") {
		t.Errorf("one missing file: %v", err)
	}
}

func TestStatHint(t *testing.T) {
	if got := statHint(&fs.PathError{Err: fs.ErrPermission}); !strings.Contains(got, "permission") {
		t.Errorf("no permission: %s", got)
	}
	if got := statHint(&fs.PathError{Err: syscall.ENOTDIR}); got != otherPathHint {
		t.Errorf("not a directory: %s", got)
	}
}
