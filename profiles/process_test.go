package profiles

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// It is found by a path, through a symbolic link, and on the PATH.
func TestRenamedHelperIsRecognized(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "acp")
	if runtime.GOOS == "windows" {
		link += ".exe"
	}
	if err := os.Symlink(self, link); err != nil {
		t.Skip(err)
	}
	t.Setenv("PATH", dir)
	for _, program := range []string{self, link, "acp"} {
		f := mustLoad(t, "[profile p]\ncredential_process = "+filepath.ToSlash(program)+" get p", "")
		if _, err := f.Chain("p"); !errHas(err, "gets the credentials of the profile itself") {
			t.Errorf("%s: error %v", program, err)
		}
	}
	f := mustLoad(t, "[profile p]\ncredential_process = another get p", "")
	if c, err := f.Chain("p"); err != nil || c.Source.Type != Process {
		t.Errorf("another program: %v, %v", c.Source.Type, err)
	}
}

func TestCommandWith(t *testing.T) {
	for command, want := range map[string]string{
		"aws-credproc get dev":                   `'/my bin/aws-credproc' get dev`,
		`"./aws-credproc"  --store file get dev`: `'/my bin/aws-credproc'  --store file get dev`,
		`"aws"-credproc get dev`:                 `'/my bin/aws-credproc' get dev`,
		`'/old bin/aws-credproc' get dev`:        `'/my bin/aws-credproc' get dev`,
		`/old\ bin/aws-credproc get dev`:         `'/my bin/aws-credproc' get dev`,
		"\t/old/aws-credproc get dev":            `'/my bin/aws-credproc' get dev`,
		"":                                       "",
	} {
		got, err := CommandWith(command, "/my bin/aws-credproc", "linux")
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", command, got, err, want)
		}
	}
}

func TestSplitCommand(t *testing.T) {
	for command, want := range map[string][]string{
		`'/a b/h' get dev`:           {"/a b/h", "get", "dev"},
		`"/a b/h" get dev`:           {"/a b/h", "get", "dev"},
		`/a\ b/h get dev`:            {"/a b/h", "get", "dev"},
		`/a" b"'/h'  get`:            {"/a b/h", "get"},
		`h 'a\' "b\"c" "d\e" "f\\g"`: {"h", `a\`, `b"c`, `d\e`, `f\g`},
		"h\n\tget\r\vx\f":            {"h", "get", "x"},
		`h ''`:                       {"h", ""},
		`h a\`:                       {"h", `a\`},
		" \v\n":                      nil,
	} {
		if diff := cmp.Diff(want, splitCommandOf(command, "linux")); diff != "" {
			t.Errorf("%q: -want +got:\n%s", command, diff)
		}
	}
	want := []string{`C:\a b\h.exe`, "'get", "dev'"}
	if diff := cmp.Diff(want, splitCommandOf(`"C:\a b\h.exe" 'get dev'`, "windows")); diff != "" {
		t.Errorf("windows: -want +got:\n%s", diff)
	}
}

func TestWiredIsRecognizedInAllQuotingForms(t *testing.T) {
	forms := []string{`"/a b/aws-credproc" get x`, `/a/aws-credproc get "x"`}
	if runtime.GOOS != "windows" {
		forms = append(forms, `'/a b/aws-credproc' get x`, `/a\ b/aws-credproc get x`,
			`/a' 'b/aws-credproc get 'x'`, `"/a b"/aws\-credproc get x`)
	}
	for _, command := range forms {
		f := mustLoad(t, "[profile p]\ncredential_process = "+command+"\n", "")
		p, err := f.Profile("p")
		if err != nil {
			t.Fatal(err)
		}
		if to, ok := Wired(p); !ok || to != "x" {
			t.Errorf("%s: wired to %q, %v", command, to, ok)
		}
	}
}

// All SDKs were seen to accept these forms.
func TestProcessCommand(t *testing.T) {
	for name, test := range map[string]struct {
		helper, goos string // Linux if empty
		want         string // "" if refused
	}{
		"plain": {
			helper: "/usr/local/bin/aws-credproc", want: "/usr/local/bin/aws-credproc get dev-role",
		},
		"every plain character": {helper: "/aZ09._-+:,=/h", want: "/aZ09._-+:,=/h get dev-role"},
		"space":                 {helper: "/a b/h", want: `'/a b/h' get dev-role`},
		"special to sh":         {helper: "/a&(b)|;*/h", want: `'/a&(b)|;*/h' get dev-role`},
		"non-ASCII letters":     {helper: "/å/h", want: `'/å/h' get dev-role`},
		"hash in a word":        {helper: "/a#b/h", want: `'/a#b/h' get dev-role`},
		"hash after a space":    {helper: "/a #b/h"},
		"semicolon after a tab": {helper: "/a\t;b/h"},
		"quote":                 {helper: `/a"b/h`},
		"single quote":          {helper: "/a'b/h"},
		"backslash":             {helper: `/a\b/h`},
		"dollar":                {helper: "/a$b/h"},
		"backtick":              {helper: "/a`b/h"},
		"tilde":                 {helper: "/a~b/h"},
		"newline":               {helper: "/a\nb/h"},
		"percent":               {helper: "/a%b/h", want: `'/a%b/h' get dev-role`},
		"windows": {
			helper: `C:\bin\aws-credproc.exe`, goos: "windows",
			want: `C:\bin\aws-credproc.exe get dev-role`,
		},
		"windows, space": {
			helper: `C:\Program Files\h.exe`, goos: "windows",
			want: `"C:\Program Files\h.exe" get dev-role`,
		},
		"windows, short name": {
			helper: `C:\PROGRA~1\h.exe`, goos: "windows", want: `C:\PROGRA~1\h.exe get dev-role`,
		},
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
			words := splitCommandOf(got, test.goos)
			if err == nil && !cmp.Equal(words, []string{test.helper, "get", "dev-role"}) {
				t.Errorf("it is read as %q", words)
			}
		})
	}
	if _, err := ProcessCommand("h", "a%b", "windows"); err == nil {
		t.Error("a name that cmd.exe expands is not refused")
	}
}

func TestArgumentIsOneWord(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: the quotes are those of a POSIX shell")
	}
	for name, want := range map[string]string{
		"dev": "dev", "-x": "-- -x", "my proj": "'my proj'", "-a b": "-- '-a b'", "a$b": "'a$b'",
		"it's": `'it'\''s'`, "zürich": "zürich",
	} {
		if got := Argument(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}
