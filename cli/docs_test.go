package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"aws-credproc/internal/ststest"
	"aws-credproc/profiles"
)

// The pages for users are README.md and docs/*.md. What stands in their blocks is read like this:
//
//   - ```ini is a part of the config file, or of the credentials file where its sections have the names of such. A page's
//     home has the sections of all blocks so far; a later section takes the place of an earlier one of its name. Each
//     profile must resolve. [base], an IAM user's access key, is there on every page.
//   - ```ini before is a config that stays outside: what another tool reads.
//   - ```console holds commands, each behind "$ ", with what they print, if that is shown. "..." stands for any text there, a
//     line of "..." for any lines. A command of ours is run, and must exit 0, or as a comment behind it says: "# exit 3". Who
//     is asked by setup says yes. Every other command is one of notRun.
//   - ```json must be JSON. A block without a language is text.
var blockRE = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// notRun are the beginnings of commands that the blocks and the examples of --help show and that are not run here, with where they
// are: a test's name, or why they are not.
var notRun = map[string]string{
	"go run . demo":         "testdata/script/demo.txtar",
	"aws-credproc demo":     "testdata/script/demo.txtar",
	"make test":             "it is what runs this",
	"git clone ":            "there is nothing to clone here",
	"go install .":          "buildProgram of e2e/helpers_test.go builds the same",
	"aws ":                  "TestE2EClients runs the AWS CLI",
	"aws-credproc mfa add":  "TestE2ESeed: it takes a keyring",
	"aws-credproc import ":  "TestE2EImport: it takes a keyring",
	"aws-credproc mfa remo": "TestE2ESeed",
	"aws-credproc mfa code": "TestE2ESeed",
	"pass show ":            "it is another program's; TestE2ESeed gives a seed on stdin",
	"status --watch":        "TestStatusWatchesUntilItIsInterrupted: it takes a terminal",
	"refresh --mfa":         "TestE2EMFAClients: it takes a device",
	"docker ":               "there is no Docker in CI",
}

// unfinished are profiles of the blocks that do not resolve on purpose, with why.
var unfinished = map[string]string{}

// whereNotRun gives the reason of notRun, "" if a command is to be run.
func whereNotRun(command string, used map[string]bool) string {
	for beginning, why := range notRun {
		if strings.HasPrefix(strings.TrimPrefix(command, "aws-credproc "), beginning) || strings.HasPrefix(command, beginning) {
			used[beginning] = true
			return why
		}
	}
	return ""
}

// A docHome is the home in which the commands of a page run, with an STS that knows the user base and lets it assume each role.
type docHome struct {
	dir, bin string
	sts      *ststest.Server
	key      ststest.AccessKey
}

const (
	exampleKeyID  = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleKeys   = "[base]\naws_access_key_id = " + exampleKeyID + "\naws_secret_access_key = " + exampleSecret + "\n"
)

func newDocHome(t *testing.T) docHome {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: the blocks are for sh")
	}
	s, err := ststest.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	user, err := s.AddUser(testAccount, "jill", ststest.AllowAssume("*"))
	if err != nil {
		t.Fatal(err)
	}
	h := docHome{dir: t.TempDir(), bin: t.TempDir(), sts: s, key: user.Key}
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(h.bin, "aws-credproc")) // by that name the test binary is the program
	}
	if err = errors.Join(err, os.Mkdir(filepath.Join(h.dir, ".aws"), 0o700)); err != nil {
		t.Fatal(err)
	}
	h.add(t, exampleKeys)
	return h
}

func (h docHome) path(file string) string { return filepath.Join(h.dir, ".aws", file) }

func (h docHome) load() (*profiles.Files, error) {
	return profiles.Load(h.path("config"), h.path("credentials"))
}

// names brings the keys and paths of the pages into a text that is to be shown, or the real ones into what is to be used.
func (h docHome) names(real bool) *strings.Replacer {
	if real {
		return strings.NewReplacer(exampleKeyID, h.key.ID, exampleSecret, h.key.Secret, "/home/jill/go/bin", h.bin, "/home/jill", h.dir)
	}
	return strings.NewReplacer(h.key.ID, exampleKeyID, h.key.Secret, exampleSecret, h.bin, "/home/jill/go/bin", h.dir, "/home/jill")
}

var headerRE = regexp.MustCompile(`(?m)^\[(.*)\]`)

// sections cuts a config file before each header. The first piece is what stands before all.
func sections(text string) (pieces []string) {
	from := 0
	for _, at := range headerRE.FindAllStringIndex(text, -1) {
		pieces = append(pieces, text[from:at[0]])
		from = at[0]
	}
	return append(pieces, text[from:])
}

// add puts a block's sections into the files, and gives the names of its profiles.
func (h docHome) add(t *testing.T, block string) (names []string) {
	t.Helper()
	pieces := sections(h.names(true).Replace(block))
	for _, piece := range pieces[1:] {
		header := headerRE.FindStringSubmatch(piece)
		kind, name, typed := strings.Cut(header[1], " ")
		file := "credentials"
		if typed || kind == "default" {
			file = "config"
		}
		switch {
		case !typed:
			names = append(names, kind)
		case kind == "profile":
			names = append(names, name)
		}
		old, err := os.ReadFile(h.path(file))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		all := sections(string(old))
		if i := slices.IndexFunc(all, func(s string) bool { return strings.HasPrefix(s, header[0]) }); i >= 0 {
			all[i] = strings.TrimRight(piece, "\n") + "\n\n"
		} else {
			all = append(all, piece)
		}
		if err := os.WriteFile(h.path(file), []byte(strings.Join(all, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// addRoles makes STS know the roles of the files.
func (h docHome) addRoles(t *testing.T) {
	t.Helper()
	f, err := h.load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range f.Names() {
		p, err := f.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		if role := p.Get("role_arn"); role != "" {
			trust := ststest.Document(ststest.Statement{Principal: map[string][]string{"AWS": {"*"}},
				Action: []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}})
			// The error would be that it is there already.
			_ = h.sts.AddRole(ststest.Role{ARN: role, Trust: trust, Policy: ststest.AllowAssume("*")})
		}
	}
}

// desktopStore is what explain prints of the store on a desktop, as TestE2EStatusOpensNoSecret sees.
const desktopStore = "store    keyring  (it is there and open)"

// run runs a command of ours by sh, and gives its exit code, and what it printed, with the keys and paths of the pages.
func (h docHome) run(t *testing.T, command string) (code int, stdout, stderr string) {
	t.Helper()
	h.addRoles(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if args, ok := strings.CutPrefix(command, "aws-credproc setup "); ok && !strings.Contains(args, "--dry-run") {
		command = "aws-credproc setup --yes " + args
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = h.dir
	cmd.Env = append(demoEnviron(os.Environ()), "HOME="+h.dir, "XDG_STATE_HOME=", "PATH="+h.bin+":"+os.Getenv("PATH"), "SHELL=/bin/true",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CREDPROC_PROMPT=none",
		"GORACE=atexit_sleep_ms=0") // else each process waits a second at its end, when the tests run under the race detector
	cmd.Env = append(cmd.Env, "AWS_CREDPROC_STORE=file")
	if !strings.HasPrefix(command, "aws-credproc explain") { // which sends nothing, so it may show what is there without a test
		cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_STS="+h.sts.URL)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	public := h.names(false)
	stdout = strings.Replace(public.Replace(out.String()), "\nstore    file\n", "\n"+desktopStore+"\n", 1)
	return cmd.ProcessState.ExitCode(), stdout, public.Replace(errs.String())
}

// matches reports whether a program printed what a page shows.
func matches(shown, printed string) bool {
	pattern := regexp.QuoteMeta(shown)
	pattern = regexp.MustCompile(`(?m)^\\\.\\\.\\\.\n`).ReplaceAllString(pattern, `(?:.*\n)*?`)
	pattern = strings.ReplaceAll(pattern, `\.\.\.`, `.*`)
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(printed)
}

// moduleRoot is the folder of go.mod, seen from this package.
const moduleRoot = ".."

// pages are the pages for users.
func pages(t *testing.T) []string {
	t.Helper()
	docs, err := fs.Glob(os.DirFS(moduleRoot), "docs/*.md")
	if err != nil || len(docs) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	return append([]string{"README.md"}, docs...)
}

// TestDocsBlocks: each config block resolves, and each command does what the page says.
func TestDocsBlocks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for sh")
	}
	used := map[string]bool{}
	for _, cmd := range visible(newRootCmd(testApp())) { // whose examples the list serves too
		for line := range strings.Lines(cmd.Example) {
			whereNotRun(strings.TrimSpace(line), used)
		}
	}
	for _, page := range pages(t) {
		t.Run(page, func(t *testing.T) {
			h := newDocHome(t)
			for _, block := range blockRE.FindAllStringSubmatch(read(t, page), -1) {
				switch text := block[2]; block[1] {
				case "ini":
					checkConfigBlock(t, h, page, text)
				case "ini before":
					checkOthersConfig(t, text)
				case "console":
					checkConsoleBlock(t, h, text, used)
				case "json":
					if !json.Valid([]byte(text)) {
						t.Errorf("no JSON:\n%s", text)
					}
				case "":
				default:
					t.Errorf("a block of %q: only ini, ini before, console and json are looked at", block[1])
				}
			}
		})
	}
	for beginning, why := range notRun {
		if !used[beginning] {
			t.Errorf("no page and no example shows %q any more", beginning)
		}
		if name := regexp.MustCompile(`^Test\w+`).FindString(why); name != "" && !isTest(t, name) {
			t.Errorf("%s: there is no %s", beginning, name)
		}
	}
}

// isTest reports whether there is a test of that name.
func isTest(t *testing.T, name string) bool {
	files, err := fs.Glob(os.DirFS(moduleRoot), "*/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no test files: %v", err)
	}
	return slices.ContainsFunc(files, func(file string) bool { return strings.Contains(read(t, file), "\nfunc "+name+"(") })
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

// checkOthersConfig looks at the form only.
func checkOthersConfig(t *testing.T, text string) {
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

// oursRE is a command of ours, perhaps with variables before it.
var oursRE = regexp.MustCompile(`^([A-Z_]+=\S+ )*aws-credproc `)

var exitRE = regexp.MustCompile(`# exit (\d)`)

func checkConsoleBlock(t *testing.T, h docHome, text string, used map[string]bool) {
	for _, entry := range strings.Split("\n"+text, "\n$ ")[1:] {
		command, shown, _ := strings.Cut(strings.TrimSuffix(entry, "\n")+"\n", "\n")
		switch {
		case whereNotRun(command, used) != "":
			continue
		case !oursRE.MatchString(command):
			t.Errorf("%s: no command of ours, and not one of notRun", command)
			continue
		}
		want := 0
		if m := exitRE.FindStringSubmatch(command); m != nil {
			want = int(m[1][0] - '0')
		}
		code, stdout, stderr := h.run(t, command)
		if code != want || shown != "" && !matches(shown, stderr+stdout) {
			t.Errorf("%s: exit %d\n%s%s\nand the page shows exit %d\n%s", command, code, stderr, stdout, want, shown)
		}
	}
}

// TestDocsOutputMayBeMarkedAsVariable: "..." is any text of a line, or any lines.
func TestDocsOutputMayBeMarkedAsVariable(t *testing.T) {
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

// anchors are the anchors of a page's headings, as GitHub makes them.
func anchors(text string) (all []string) {
	for _, heading := range headingRE.FindAllStringSubmatch(codeRE.ReplaceAllString(text, ""), -1) {
		anchor := strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-")
		all = append(all, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(anchor, ""))
	}
	return all
}

// TestDocsLinks: no link of a page leads nowhere, and the README leads to every page.
func TestDocsLinks(t *testing.T) {
	leads := map[string][]string{}
	for _, page := range append(pages(t), "CONTRIBUTING.md", "CHANGELOG.md") {
		for _, link := range linkRE.FindAllStringSubmatch(codeRE.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			target, anchor, _ := strings.Cut(link[1], "#")
			if target == "" {
				target = page
			} else {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			}
			leads[page] = append(leads[page], target)
			if _, err := os.Stat(filepath.Join(moduleRoot, target)); err != nil {
				t.Errorf("%s: %s: %v", page, link[1], err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
				t.Errorf("%s: %s: no such heading; there are %q", page, link[1], anchors(read(t, target)))
			}
		}
	}
	reached := []string{"README.md"}
	for i := 0; i < len(reached); i++ {
		for _, target := range leads[reached[i]] {
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

// TestREADMENamesEveryCommand: the table of commands is that of the program.
func TestREADMENamesEveryCommand(t *testing.T) {
	readme := read(t, "README.md")
	for _, cmd := range newRootCmd(testApp()).Commands() {
		if !cmd.Hidden && !strings.Contains(readme, "\n| `"+strings.Fields(cmd.Use)[0]) {
			t.Errorf("the README's table lacks %s", cmd.Name())
		}
	}
}

// TestDocsCommandsInTextAreThere: what a page's text says of a command, or of a flag, is no other's.
func TestDocsCommandsInTextAreThere(t *testing.T) {
	for _, page := range pages(t) {
		text := codeRE.ReplaceAllString(read(t, page), "")
		for _, command := range regexp.MustCompile("`aws-credproc ([^`]*)`").FindAllStringSubmatch(text, -1) {
			ours, _, _ := strings.Cut(command[1], " -- ")
			cmd, rest, err := newRootCmd(testApp()).Find(strings.Fields(ours))
			if err == nil {
				cmd.InitDefaultHelpFlag()
				err = cmd.ParseFlags(rest)
			}
			if err == nil && !cmd.HasParent() { // no command was found
				err = cmd.ValidateArgs(cmd.Flags().Args())
			}
			if err != nil && !errors.Is(err, pflag.ErrHelp) {
				t.Errorf("%s: aws-credproc %s: %v", page, command[1], err)
			}
		}
	}
}

// exampleConfig is the home of the examples in --help: the one that the README wires.
const exampleConfig = `[profile dev]
credential_process = aws-credproc get dev-role
region = eu-west-1

[profile dev-role]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
region = eu-west-1
`

// TestExamplesOfHelpWork: every command has examples; each is understood, and does what it is there for. What an example
// hands its credentials to (behind "--" or "|") is not ours, so nothing is run there.
func TestExamplesOfHelpWork(t *testing.T) {
	for _, cmd := range visible(newRootCmd(testApp()))[1:] {
		if cmd.Example == "" {
			t.Errorf("%s: --help has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			line = strings.TrimSpace(line)
			t.Run(line, func(t *testing.T) {
				at := strings.Index(line, "aws-credproc ")
				if at < 0 {
					t.Fatal("no command of ours")
				}
				ours, _, _ := strings.Cut(strings.TrimRight(line[at:], `)"`), " | ")
				ours, _, toCommand := strings.Cut(ours, " -- ")
				if err := understood(strings.Fields(ours)[1:]); err != nil {
					t.Fatal(err)
				}
				if whereNotRun(line, map[string]bool{}) != "" {
					return
				}
				if toCommand {
					ours += " -- true"
				}
				h := newDocHome(t)
				h.add(t, exampleConfig)
				if code, stdout, stderr := h.run(t, ours); code != 0 {
					t.Errorf("%s: exit %d\n%s%s", ours, code, stderr, stdout)
				}
			})
		}
	}
}

// understood says what is wrong with the flags or the arguments of a command line.
func understood(args []string) error {
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
