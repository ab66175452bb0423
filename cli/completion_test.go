package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completions returns the completions for the last of args.
func completions(t *testing.T, args ...string) []string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if code := run(append([]string{"__completeNoDesc"}, args...), &stdout, &stderr); code != 0 {
		t.Fatalf("%q: exit %d: %s", args, code, stderr.String())
	}
	offered := strings.Split(strings.TrimSpace(stdout.String()), "\n")
	return offered[:len(offered)-1]
}

// TestEveryCommandCompletes: profiles, if the command accepts another one, and flags.
func TestEveryCommandCompletes(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	const text = "[profile one]\nregion = eu-west-1\n[profile two]\nregion = eu-west-1\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	for _, cmd := range visible(newRootCmd(testApp()))[1:] {
		path := strings.Fields(cmd.CommandPath())[1:]
		offered := completions(t, append(path, "")...)
		if takes := strings.Contains(cmd.Use, "PROFILE"); takes != slices.Contains(offered, "one") {
			t.Errorf("%s: completed with %q", cmd.Use, offered)
		}
		offered = completions(t, append(path, "one", "")...)
		if more := strings.Contains(cmd.Use, "PROFILE..."); more != slices.Contains(offered, "two") {
			t.Errorf("%s one: completed with %q", cmd.Use, offered)
		}
		if !slices.Contains(completions(t, append(path, "--st")...), "--store") {
			t.Errorf("%s: flags are not completed", cmd.Use)
		}
	}
	for line, want := range map[string][]string{
		"get one --store ": {"auto", "keyring", "kernel", "file", "none"},
		"get --prompt ":    {"auto", "tty", "gui", "none"},
		"get --timeout ":   {},
		"completion ":      completionShells,
		"help mfa ":        {"add", "code", "list", "remove"},
		"setup new --role-arn r --source-profile ":   {"one", "two"},
		"setup one --credential-source ":             {"Environment", "Ec2InstanceMetadata", "EcsContainer"},
		"setup one --region ":                        {},
		"export one --format ":                       {"env", "fish", "powershell", "dotenv", "json"},
		"exec --serve ":                              {"one", "two"},
		"exec one -- ":                               {},
		"refresh one ":                               {"two"},
		"refresh --all ":                             {},
		"get this-is-no-profile and-one-more-of-it ": {},
	} {
		if got := completions(t, strings.Split(line, " ")...); !slices.Equal(got, want) {
			t.Errorf("%s: completed with %q, want %q", line, got, want)
		}
	}
}
