package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"aws-credproc/internal/tui"
)

// helpOf returns the help page of a command.
func helpOf(t *testing.T, to tui.Screen, command ...string) string {
	t.Helper()
	cmd, _, err := newRootCmd(testApp()).Find(command)
	if err != nil {
		t.Fatal(err)
	}
	return string(helpPage(cmd, to))
}

func TestHelpIsWrappedToTheTerminal(t *testing.T) {
	for _, cmd := range append(visible(newRootCmd(testApp())), newHelpCmd()) {
		for name, test := range map[string]struct {
			to    tui.Screen
			limit int
		}{
			"not a terminal": {tui.Screen{}, 80},
			"80 columns":     {tui.Screen{IsTerminal: true, Width: 80}, 80},
			"96 columns":     {tui.Screen{IsTerminal: true, Width: 96}, 96},
			"300 columns":    {tui.Screen{IsTerminal: true, Width: 300}, 100},
		} {
			for line := range strings.Lines(string(helpPage(cmd, test.to))) {
				n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
				if n > test.limit {
					t.Errorf("%s, %s: %d columns: %s", cmd.CommandPath(), name, n, line)
				}
			}
		}
	}
	narrow := helpOf(t, tui.Screen{IsTerminal: true, Width: 60}, "status")
	if !strings.Contains(narrow, "\nerror of those that could not be obtained or renewed. It\n") {
		t.Errorf("the paragraphs are not wrapped again: %s", narrow)
	}
}

func TestHelpListsEveryCommandInAGroup(t *testing.T) {
	root := newRootCmd(testApp())
	root.InitDefaultHelpCmd()
	page := string(helpPage(root, tui.Screen{}))
	at := -1
	for _, title := range []string{"Use", "Set up", "Diagnose", "More"} {
		i := strings.Index(page, "\n\n"+title+":\n")
		if i < at || i < 0 {
			t.Errorf("the group %s is missing or misplaced in %s", title, page)
		}
		at = i
	}
	for _, cmd := range root.Commands() {
		listed := strings.Contains(page, "\n  "+cmd.Name()+"  ")
		if listed == cmd.Hidden || (cmd.GroupID == "") != cmd.Hidden {
			t.Errorf("%s: listed %t, group %q", cmd.Name(), listed, cmd.GroupID)
		}
	}
	for _, cmd := range visible(root) {
		if c := cmd.Short[:1]; c == strings.ToLower(c) || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: not a title: %q", cmd.CommandPath(), cmd.Short)
		}
	}
	for _, want := range []string{"man", "help"} {
		if !strings.Contains(page[at:], "\n  "+want+" ") {
			t.Errorf("%s is not under More", want)
		}
	}
}

func TestGlobalFlagsAreInTheHelpOfTheProgramOnly(t *testing.T) {
	global := []string{
		"-h, --help", "--prompt PROMPT", "--store STORE", "--timeout DURATION", "--verbose",
	}
	root := helpOf(t, tui.Screen{})
	for _, flag := range global {
		if strings.Count(root, "\n  "+flag+" ") != 1 {
			t.Errorf("%s is not listed once in %s", flag, root)
		}
	}
	for _, cmd := range visible(newRootCmd(testApp()))[1:] {
		page := string(helpPage(cmd, tui.Screen{}))
		for _, flag := range global {
			if strings.Contains(page, "\n  "+flag) {
				t.Errorf("%s lists %s", cmd.CommandPath(), flag)
			}
		}
		if !strings.HasSuffix(page, "\nFor the flags of all commands: aws-credproc --help\n") {
			t.Errorf("%s does not lead to the global flags: %s", cmd.CommandPath(), page)
		}
	}
}

func TestHelpPages(t *testing.T) {
	for command, want := range map[string][]string{
		"exec": {
			"Usage:\n  aws-credproc exec [flags] PROFILE [-- CMD [ARGS...]]\n",
			"\n  --duration DURATION  ",
		},
		"setup": {
			"Usage:\n  aws-credproc setup [PROFILE... | --sso-session NAME] [--", "\n  --role-arn ARN  ",
			" \\\n      --source-profile base",
		},
		"mfa":    {"Usage:\n  aws-credproc mfa COMMAND [flags]\n", "\nCommands:\n  add  "},
		"demo":   {"Usage:\n  aws-credproc demo\n"},
		"list":   {"\n  --filter TEXT  "},
		"export": {"(default env)"},
	} {
		page := helpOf(t, tui.Screen{}, command)
		for _, text := range want {
			if !strings.Contains(page, text) {
				t.Errorf("%s: no %q in %s", command, text, page)
			}
		}
	}
	page := helpOf(t, tui.Screen{Colors: true}, "list")
	if !strings.Contains(page, "\n\x1b[1mUsage:\x1b[0m\n") {
		t.Errorf("titles are not bold: %q", page)
	}
}

func TestHelpIsPrintedInEachForm(t *testing.T) {
	want := helpOf(t, tui.Screen{}, "mfa", "add")
	for _, args := range [][]string{
		{"mfa", "add", "--help"}, {"mfa", "add", "-h"}, {"help", "mfa", "add"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(slices.Clone(args), &stdout, &stderr); code != 0 || stdout.String() != want {
			t.Errorf("%q: exit %d: %s%s", args, code, stdout.String(), stderr.String())
		}
	}
}
