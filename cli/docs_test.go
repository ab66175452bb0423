package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"aws-credproc/profiles"
)

// The pages for users are README.md and the pages under docs/. Their code blocks are tested:
//
//   - ```ini is part of the config file, or of the credentials file if its headers have that form.
//     The files of a page hold the sections of all blocks so far; a later section replaces an
//     earlier one with the same header. Each profile must resolve. Every page starts with [base],
//     an IAM user's access key.
//   - ```ini before is the config of another tool. It is only parsed.
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
	"git clone ":            "the repository has no public address yet",
	"go install .":          "the end-to-end tests build the program",
	"aws ":                  "TestE2EClients runs the AWS CLI",
	"aws-credproc mfa add":  "TestE2ESeed: it needs a keyring",
	"aws-credproc import ":  "TestE2EImport: it needs a keyring",
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
	for _, block := range blockRE.FindAllStringSubmatch(read(t, page), -1) {
		switch text := block[2]; block[1] {
		case "ini":
			checkConfigBlock(t, h, page, text)
		case "ini before":
			checkOtherToolsConfig(t, text)
		case "console":
			checkConsoleBlock(t, h, text, used)
		case "json":
			if !json.Valid([]byte(text)) {
				t.Errorf("invalid JSON:\n%s", text)
			}
		case "":
		default:
			t.Errorf("a block of %q: expected ini, ini before, console, json or none", block[1])
		}
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

var (
	linkRE    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingRE = regexp.MustCompile(`(?m)^#+ (.*)$`)
	codeRE    = regexp.MustCompile("(?ms)^```.*?^```$")
)

// anchors returns the anchors that GitHub makes for the headings of a page.
func anchors(text string) (all []string) {
	for _, heading := range headingRE.FindAllStringSubmatch(codeRE.ReplaceAllString(text, ""), -1) {
		anchor := strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")
		all = append(all, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(anchor, ""))
	}
	return all
}

// links returns the files that a page links to. It checks that they and their anchors exist.
func links(t *testing.T, page string) (targets []string) {
	t.Helper()
	text := codeRE.ReplaceAllString(read(t, page), "")
	for _, link := range linkRE.FindAllStringSubmatch(text, -1) {
		if strings.Contains(link[1], "://") {
			continue
		}
		target, anchor, _ := strings.Cut(link[1], "#")
		if target == "" {
			target = page
		} else {
			target = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
		}
		targets = append(targets, target)
		if _, err := os.Stat(filepath.Join(moduleRoot, target)); err != nil {
			t.Errorf("%s: %s: %v", page, link[1], err)
		} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
			t.Errorf("%s: %s: no such heading; there are %q", page, link[1], anchors(read(t, target)))
		}
	}
	return targets
}

// TestDocsLinks checks that all links work and that the README leads to every page.
func TestDocsLinks(t *testing.T) {
	targets := map[string][]string{}
	for _, page := range append(pages(t), "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md") {
		targets[page] = links(t, page)
	}
	reached := []string{"README.md"}
	for i := 0; i < len(reached); i++ {
		for _, target := range targets[reached[i]] {
			if !slices.Contains(reached, target) {
				reached = append(reached, target)
			}
		}
	}
	for _, page := range pages(t) {
		if !slices.Contains(reached, page) {
			t.Errorf("no link leads to %s", page)
		}
	}
}

// TestDocsTableNamesEveryCommand compares the table of docs/commands.md with the program.
func TestDocsTableNamesEveryCommand(t *testing.T) {
	page := read(t, "docs/commands.md")
	for _, cmd := range newRootCmd(testApp()).Commands() {
		if !cmd.Hidden && !strings.Contains(page, "\n| `"+strings.Fields(cmd.Use)[0]) {
			t.Errorf("docs/commands.md lacks %s", cmd.Name())
		}
	}
}

// TestREADMEIsShort checks the limit of 700 words.
func TestREADMEIsShort(t *testing.T) {
	const limit = 700
	if n := len(strings.Fields(read(t, "README.md"))); n >= limit {
		t.Errorf("README.md has %d words; the limit is %d", n, limit)
	}
}

// TestDocsCommandsInTextExist checks the commands and flags that the text of a page mentions.
func TestDocsCommandsInTextExist(t *testing.T) {
	for _, page := range pages(t) {
		text := codeRE.ReplaceAllString(read(t, page), "")
		for _, m := range regexp.MustCompile("`aws-credproc ([^`]*)`").FindAllStringSubmatch(text, -1) {
			line, _, _ := strings.Cut(m[1], " -- ")
			cmd, rest, err := newRootCmd(testApp()).Find(strings.Fields(line))
			if err == nil {
				cmd.InitDefaultHelpFlag()
				err = cmd.ParseFlags(rest)
			}
			if err == nil && !cmd.HasParent() { // no command was found
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil && !errors.Is(err, pflag.ErrHelp) {
				t.Errorf("%s: aws-credproc %s: %v", page, m[1], err)
			}
		}
	}
}

// exampleConfig is the config for the examples in --help.
const exampleConfig = `[profile dev]
credential_process = aws-credproc get dev-role
region = eu-west-1

[profile dev-role]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
region = eu-west-1
`

// TestHelpExamplesWork checks that every command has examples and that they run. What an example
// passes its credentials to (after "--" or "|") is another program and is not run.
func TestHelpExamplesWork(t *testing.T) {
	for _, cmd := range visible(newRootCmd(testApp()))[1:] {
		if cmd.Example == "" {
			t.Errorf("%s: --help has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) { checkExample(t, line) })
		}
	}
}

func checkExample(t *testing.T, line string) {
	at := strings.Index(line, "aws-credproc ")
	if at < 0 {
		t.Fatal("not a command of aws-credproc")
	}
	command, _, _ := strings.Cut(strings.TrimRight(line[at:], `)"`), " | ")
	command, _, runsAnother := strings.Cut(command, " -- ")
	if err := parseCommand(strings.Fields(command)[1:]); err != nil {
		t.Fatal(err)
	}
	if whyNotRun(line, map[string]bool{}) != "" {
		return
	}
	if runsAnother {
		command += " -- true"
	}
	h := newDocHome(t)
	h.add(t, exampleConfig)
	if code, stdout, stderr := h.run(t, command); code != 0 {
		t.Errorf("%s: exit %d\n%s%s", command, code, stderr, stdout)
	}
}

// parseCommand returns what is wrong with the flags or the arguments of a command line.
func parseCommand(args []string) error {
	cmd, rest, err := newRootCmd(testApp()).Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		return fmt.Errorf("%s: %w", cmd.CommandPath(), err)
	}
	return nil
}
