package cli

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"aws-credproc/profiles"
)

// The pages for users are README.md and the pages under docs/. Their code blocks are tested:
//
//   - ```ini is part of the config file, or of the credentials file if its headers have that form.
//     The files of a page hold the sections of all blocks so far; a later section replaces an
//     earlier one with the same header. Each profile must resolve. Every page starts with [base],
//     an IAM user's access key.
//   - ```ini before is the config of another tool. It is only parsed.
//   - ```ini after is what the commands between it and the block above make of that config.
//   - ```console holds commands, each after "$ ", and what they print, if that is shown. There,
//     "..." matches any text, and a line of "..." matches any lines. A command of aws-credproc is
//     run. It must exit with 0, or as a comment says: "# exit 3". setup is run with --yes. Every
//     other command must be listed in notRun.
//   - ```json must be valid JSON. A block without a language is not tested.
var blockRE = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// notRun maps the beginnings of commands that pages and --help show, but that this test does not
// run, to the test that runs them or to the reason.
var notRun = map[string]string{
	"aws-credproc demo":     "testdata/script/demo.txtar",
	"make ":                 "it runs this test",
	"git clone ":            "scripts/release-check.sh: it needs the network",
	"go install .":          "the end-to-end tests build the program",
	"curl ":                 "it needs the network",
	"sudo apt install ":     "scripts/install-test.sh",
	"tar -xzf ":             "scripts/install-test.sh",
	"install aws-credproc":  "scripts/install-test.sh",
	"mkdir ":                "scripts/install-test.sh",
	"cosign ":               "scripts/verify-check.sh",
	"sha256sum ":            "scripts/verify-check.sh",
	"gh attestation ":       "it needs a published release",
	"aws ":                  "TestE2EClients runs the AWS CLI",
	"aws-credproc serve ":   "TestServeSeveralProfiles: it runs until a signal",
	"aws-credproc console ": "TestConsole: it opens a browser",
	"aws-credproc mfa list": "TestE2ESeed",
	"aws-credproc mfa add":  "TestE2ESeed: it needs a keyring",
	"aws-credproc import ":  "TestE2EImport: it needs a keyring",
	"aws-credproc rotate ":  "TestE2ERotate: it needs IAM",
	"aws-vault export ":     "TestE2EImport: it is another program",
	"aws-credproc mfa remo": "TestE2ESeed",
	"aws-credproc mfa code": "TestE2ESeed",
	"pass show ":            "it is another program; TestE2ESeed passes a seed on stdin",
	"status --watch":        "TestWatchEndsAtCtrlC: it needs a terminal",
	"refresh --mfa":         "TestE2EMFAClients: it needs a device",
	"docker ":               "there is no Docker in CI",
}

// unfinished maps "PAGE PROFILE" to the reason why that profile does not resolve.
var unfinished = map[string]string{}

// whyNotRun returns the reason of notRun, or "" if the command is to be run. It records the use.
func whyNotRun(command string, used map[string]bool) string {
	for beginning, why := range notRun {
		if strings.HasPrefix(command, beginning) ||
			strings.HasPrefix(strings.TrimPrefix(command, "aws-credproc "), beginning) {
			used[beginning] = true
			return why
		}
	}
	return ""
}

// matches reports whether a program printed what a page shows.
func matches(shown, printed string) bool {
	pattern := regexp.QuoteMeta(shown)
	pattern = regexp.MustCompile(`(?m)^\\\.\\\.\\\.\n`).ReplaceAllString(pattern, `(?:.*\n)*?`)
	pattern = strings.ReplaceAll(pattern, `\.\.\.`, `.*`)
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(printed)
}

// moduleRoot is the directory of go.mod, relative to this package.
const moduleRoot = ".."

// pages returns the paths of the pages for users.
func pages(t *testing.T) []string {
	t.Helper()
	all := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		docs, err := fs.Glob(os.DirFS(moduleRoot), pattern)
		if err != nil || len(docs) == 0 {
			t.Fatalf("no pages in %s: %v", pattern, err)
		}
		all = append(all, docs...)
	}
	return all
}

// TestDocsBlocks checks that each config block resolves and that each command prints what is shown.
func TestDocsBlocks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for sh")
	}
	used := map[string]bool{}
	for _, cmd := range visible(newRootCmd(testApp())) { // the examples of --help use notRun too
		for line := range strings.Lines(cmd.Example) {
			whyNotRun(strings.TrimSpace(line), used)
		}
	}
	for _, page := range pages(t) {
		t.Run(page, func(t *testing.T) { checkBlocks(t, page, used) })
	}
	for beginning, why := range notRun {
		if !used[beginning] {
			t.Errorf("no page and no example shows %q", beginning)
		}
		name := regexp.MustCompile(`^Test\w+`).FindString(why)
		if name != "" && !isTest(t, name) {
			t.Errorf("%s: there is no %s", beginning, name)
		}
	}
}

func checkBlocks(t *testing.T, page string, used map[string]bool) {
	h := newDocHome(t)
	var move moveBlocks
	for _, block := range blockRE.FindAllStringSubmatch(read(t, page), -1) {
		switch text := block[2]; block[1] {
		case "ini":
			move = moveBlocks{}
			checkConfigBlock(t, h, page, text)
		case "ini before":
			checkOtherToolsConfig(t, text)
			move = moveBlocks{config: text}
		case "ini after":
			move.check(t, text)
			move = moveBlocks{}
		case "console":
			if move.config != "" {
				move.console += text
			} else {
				checkConsoleBlock(t, h, text, used)
			}
		case "json":
			if !json.Valid([]byte(text)) {
				t.Errorf("invalid JSON:\n%s", text)
			}
		case "":
		default:
			t.Errorf("a block of %q: expected ini, ini before, ini after, console, json or none", block[1])
		}
	}
}

// moveBlocks is the config of another tool, and the commands that follow it.
type moveBlocks struct{ config, console string }

// check runs the commands that setup is among in a home with the config, and compares the config
// file.
func (m moveBlocks) check(t *testing.T, want string) {
	h := newDocHome(t)
	path := h.path("config")
	if err := os.WriteFile(path, []byte(m.config), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^\$ (aws-credproc .*)$`).FindAllStringSubmatch(m.console, -1)
	if len(commands) == 0 {
		t.Errorf("no command between these blocks:\n%s\n%s", m.config, want)
	}
	for _, command := range commands {
		if code, stdout, stderr := h.run(t, command[1]); code != 0 {
			t.Errorf("%s: exit %d\n%s%s", command[1], code, stdout, stderr)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.toExample(string(text)); !matches(want, got) {
		t.Errorf("the config is\n%s\nbut the page shows\n%s", got, want)
	}
	if _, err := h.load(); err != nil {
		t.Error(err)
	}
}

// isTest reports whether a test of that name exists.
func isTest(t *testing.T, name string) bool {
	files, err := fs.Glob(os.DirFS(moduleRoot), "*/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	return slices.ContainsFunc(files, func(file string) bool {
		return strings.Contains(read(t, file), "\nfunc "+name+"(")
	})
}

func checkConfigBlock(t *testing.T, h docHome, page, text string) {
	names := h.add(t, text)
	f, err := h.load()
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	for _, name := range names {
		if _, err := f.Chain(name); (err != nil) != (unfinished[page+" "+name] != "") {
			t.Errorf("profile %s: %v, in\n%s", name, err, text)
		}
	}
}

func checkOtherToolsConfig(t *testing.T, text string) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := profiles.Load(path, os.DevNull)
	if err == nil {
		_, _, err = f.List()
	}
	if err != nil {
		t.Errorf("%v in\n%s", err, text)
	}
}

// programRE matches a command line that starts aws-credproc, with variables before it or not.
var programRE = regexp.MustCompile(`^([A-Z_]+=\S+ )*aws-credproc `)

var exitRE = regexp.MustCompile(`# exit (\d)`)

func checkConsoleBlock(t *testing.T, h docHome, text string, used map[string]bool) {
	for _, entry := range strings.Split("\n"+text, "\n$ ")[1:] {
		command, shown, _ := strings.Cut(strings.TrimSuffix(entry, "\n")+"\n", "\n")
		switch {
		case whyNotRun(command, used) != "":
			continue
		case !programRE.MatchString(command):
			t.Errorf("%s: not a command of aws-credproc, and not in notRun", command)
			continue
		}
		want := 0
		if m := exitRE.FindStringSubmatch(command); m != nil {
			want = int(m[1][0] - '0')
		}
		code, stdout, stderr := h.run(t, command)
		if code != want || shown != "" && !matches(shown, stderr+stdout) {
			t.Errorf("%s: exit %d\n%s%s\nbut the page shows exit %d\n%s",
				command, code, stderr, stdout, want, shown)
		}
	}
}

func TestDocsDotsMatchAnyText(t *testing.T) {
	for _, test := range []struct {
		shown, printed string
		want           bool
	}{
		{"a\n", "a\n", true},
		{"a.c\n", "abc\n", false},
		{"a\n", "a\nb\n", false},
		{"good for ...\n", "good for 59m\n", true},
		{"good for ...\n", "good for 59m\nand more\n", false},
		{"{\n...\n}\n", "{\n  1\n  2\n}\n", true},
		{"{\n...\n}\n", "{\n  1\n  2\n", false},
	} {
		if got := matches(test.shown, test.printed); got != test.want {
			t.Errorf("%q and %q: %t", test.shown, test.printed, got)
		}
	}
}
