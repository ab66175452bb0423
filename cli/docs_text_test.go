package cli

import (
	"errors"
	"go/scanner"
	"go/token"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

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

// TestDocsSecurityTestsExist checks that the tests that docs/security.md names exist.
func TestDocsSecurityTestsExist(t *testing.T) {
	declared := map[string]bool{}
	err := filepath.WalkDir(moduleRoot, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, f := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(b, -1) {
			declared[string(f[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[^`]*)`").FindAllStringSubmatch(
		read(t, "docs/security.md"), -1)
	if len(named) < 30 {
		t.Errorf("docs/security.md names %d tests", len(named))
	}
	for _, name := range named {
		if !declared[name[1]] {
			t.Errorf("docs/security.md names %s, which is not a test", name[1])
		}
	}
}

// otherMessages are the messages of docs/troubleshooting.md that come from AWS or from the system.
var otherMessages = []string{
	"AccessDenied", "ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch",
	"The requested DurationSeconds exceeds the MaxSessionDuration",
	"invalid MFA one time pass code", "unable to validate MFA code",
	"operation not permitted",
}

// variableRE matches what varies in a message: "...", the name of the setting for a command, and
// the ": " that joins a message and its cause.
var variableRE = regexp.MustCompile(`"?\.\.\."?|credential_process|: `)

// TestDocsTroubleshootingMessagesExist searches the source for the messages of the table.
func TestDocsTroubleshootingMessagesExist(t *testing.T) {
	source := stringLiterals(t)
	page := read(t, "docs/troubleshooting.md")
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(page, -1) {
		for _, part := range variableRE.Split(m[1], -1) {
			part = strings.TrimSpace(part)
			if !strings.Contains(source, part) && !slices.Contains(otherMessages, part) {
				t.Errorf("%q: the program never prints %q", m[1], part)
			}
		}
	}
}

// stringLiterals returns the string literals of the program, one after the other.
func stringLiterals(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(moduleRoot, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != moduleRoot {
			if name == "build" || name == "testdata" || name == "scripts" || name[0] == '.' {
				return fs.SkipDir
			}
		} else if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var s scanner.Scanner
			s.Init(token.NewFileSet().AddFile(path, -1, len(src)), src, nil, 0)
			for _, tok, lit := s.Scan(); tok != token.EOF; _, tok, lit = s.Scan() {
				if tok == token.STRING {
					text, err := strconv.Unquote(lit)
					if err != nil {
						return err
					}
					all.WriteString(text)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// randomRE matches what differs between runs of the demo.
var randomRE = regexp.MustCompile(`ASIA\w+|"[^"]{4}\.\.\."|"20[^"]*Z"|\d+ ms`)

// TestREADMEPictureShowsTheDemo compares the lines of docs/demo.svg with the demo. To update the
// picture, run scripts/picture.sh.
func TestREADMEPictureShowsTheDemo(t *testing.T) {
	program, err := exec.LookPath("aws-credproc") // a copy: the demo runs its executable by path
	if err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := newDocHome(t).run(t, program+" demo")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	demo := randomRE.ReplaceAllString(stdout, "RANDOM")
	picture := read(t, "docs/demo.svg")
	lines := regexp.MustCompile(`<text.*>(.*)</text>`).FindAllString(picture, -1)
	if len(lines) < 10 {
		t.Fatalf("the picture has %d lines", len(lines))
	}
	for _, line := range lines {
		text := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(line, ""))
		_, rest, found := strings.Cut(demo, randomRE.ReplaceAllString(text, "RANDOM")+"\n")
		if !found {
			t.Fatalf("the demo does not print %q there", text)
		}
		demo = rest
	}
}
