package cli

import (
	"fmt"
	"strings"
	"testing"
)

// exampleConfig is the config for the examples in --help.
const exampleConfig = `[profile dev]
credential_process = aws-credproc get dev-role
region = eu-west-1

[profile dev-role]
role_arn = arn:aws:iam::123456789012:role/Dev
source_profile = base
region = eu-west-1

[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1

[profile dev-sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Developer
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
	if strings.Contains(command, " --all") || strings.HasPrefix(command, "aws-credproc setup --sso") {
		if code, _, stderr := h.run(t, "aws-credproc login --sso-session corp"); code != 0 {
			t.Fatal(stderr)
		}
	}
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
