package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestREADMEShowsWhatTheProgramPrints takes the config blocks of the README as the two files and runs each command that
// stands there with its output.
func TestREADMEShowsWhatTheProgramPrints(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	blocks := regexp.MustCompile("(?s)```(ini|console)\n(.*?)```").FindAllSubmatch(readme, -1)
	var ran int
	for _, block := range blocks {
		text := string(block[2])
		if string(block[1]) == "ini" {
			name := "credentials"
			if strings.Contains(text, "[profile ") {
				name = "config"
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		command, want, _ := strings.Cut(text, "\n")
		args, ours := strings.CutPrefix(command, "$ aws-credproc ")
		if !ours || want == "" {
			continue
		}
		ran++
		for name, value := range map[string]string{
			"AWS_CONFIG_FILE": filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(dir, "credentials"),
			"AWS_CREDPROC_STATE_DIR": filepath.Join(dir, "state"), "AWS_CREDPROC_STORE": "keyring",
			"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_STS": "",
		} {
			t.Setenv(name, value)
		}
		var stdout, stderr bytes.Buffer
		if code := run(strings.Fields(args), &stdout, &stderr); code != 0 || stdout.String() != want || stderr.Len() > 0 {
			t.Errorf("%s: exit %d, stderr %q, stdout\n%s\nand the README shows\n%s", command, code, stderr.String(), stdout.String(), want)
		}
	}
	if ran == 0 {
		t.Error("the README shows no command with its output")
	}
}

// TestREADMENamesEveryCommand: the table of commands is that of the program.
func TestREADMENamesEveryCommand(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, cmd := range (&app{}).rootCommand().Commands() {
		if !cmd.Hidden && !strings.Contains(string(readme), "\n| `"+strings.Fields(cmd.Use)[0]) {
			t.Errorf("the README's table lacks %s", cmd.Name())
		}
	}
}
