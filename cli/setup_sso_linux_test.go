package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ssotest"
	"aws-credproc/profiles"
)

// organization returns n accounts with m roles each. Some accounts have the same name, or names
// that cannot be those of a profile.
func organization(n, m int) (accounts []ssotest.Account) {
	names := []string{"Main", "Data Lake (prod)", "Bücher", "Main", "../../etc", "", "[x] = y\n#"}
	for i := range n {
		name := fmt.Sprintf("Team %d", i)
		if i < len(names) {
			name = names[i]
		}
		a := ssotest.Account{ID: fmt.Sprintf("%012d", 100_000_000_000+i), Name: name}
		for j := range m {
			a.Roles = append(a.Roles, fmt.Sprintf("Role%d", j))
		}
		accounts = append(accounts, a)
	}
	return accounts
}

func (h signInHelper) config(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(h.dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSetupOrganization: from an empty config, login and setup make a profile for each of 2,000
// roles. Run again, setup changes nothing. A removed account is shown and then pruned.
func TestSetupOrganization(t *testing.T) {
	h := newSignInHelper(t, ssotest.Settings{Consent: ssotest.Allow})
	for _, name := range []string{"config", "credentials"} {
		if err := os.Remove(filepath.Join(h.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	accounts := organization(400, 5)
	h.SetAccounts(accounts...)
	h.Fault(ssotest.Fault{Action: "ListAccountRoles", Status: 429, Code: "TooManyRequestsException", Times: 3})
	_, wait := h.start(t, "login", "--sso-session", "corp", "--sso-region", "eu-west-3",
		"--sso-start-url", "https://example.awsapps.com/start")
	visit(t, h.openedURL(t))
	if _, stderr, err := wait(); err != nil {
		t.Fatal(stderr)
	}
	start := time.Now()
	setup := []string{"setup", "--sso-session", "corp", "--region", "eu-west-1", "--yes"}
	stdout, stderr, err := h.run(t, setup...)
	if err != nil || !strings.Contains(stdout, "corp: 2000 profiles added, 0 kept, 0 gone\n") {
		t.Fatalf("%v\n%.2000s\n%s", err, stdout, stderr)
	}
	t.Logf("2,000 profiles in %s", time.Since(start))
	first := h.config(t)
	checkOrganization(t, h, 2000)
	if _, stderr, err := h.run(t, "get", "Team-399-Role4"); err != nil {
		t.Error(stderr)
	}

	stdout, stderr, err = h.run(t, setup...)
	if err != nil || stdout != "corp: 0 profiles added, 2000 kept, 0 gone\n" || h.config(t) != first {
		t.Errorf("again: %v\n%.2000s\n%s", err, stdout, stderr)
	}

	// The user has added sections, edited and renamed some; one account is gone, and one is new.
	edited := strings.Replace(first, "[profile Team-20-Role1]", "[profile mine]", 1)
	edited = strings.Replace(edited, "get Team-21-Role1-sso\n", "get Team-21-Role1-sso\noutput = json\n", 1)
	edited += "\n[profile own]\nsso_session = corp\nsso_account_id = 100000000010\nsso_role_name = Role0\n"
	if err := os.WriteFile(filepath.Join(h.dir, "config"), []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	accounts = append(accounts[:10:10], accounts[11:]...)
	h.SetAccounts(append(accounts, ssotest.Account{ID: "999999999999", Name: "New", Roles: []string{"Dev"}})...)
	stdout, stderr, err = h.run(t, setup...)
	if err != nil || strings.Count(stdout, ": gone; --prune removes it\n") != 5 ||
		!strings.HasSuffix(stdout, "corp: 1 profile added, 1995 kept, 5 gone\n") ||
		!strings.HasPrefix(h.config(t), edited) {
		t.Errorf("removed account: %v\n%.2000s\n%s", err, stdout, stderr)
	}
	checkOrganization(t, h, 2002)
	stdout, stderr, err = h.run(t, append(setup, "--prune")...)
	if err != nil || strings.Count(stdout, ": removed; the role is gone\n") != 5 {
		t.Errorf("--prune: %v\n%.2000s\n%s", err, stdout, stderr)
	}
	checkOrganization(t, h, 1997)
	if text := h.config(t); !strings.Contains(text, "[profile own]") || strings.Contains(text, "Team-10-") {
		t.Error("--prune removed another section, or kept one")
	}
	if stdout, _, err := h.run(t, append(setup, "--prune")...); err != nil ||
		stdout != "corp: 0 profiles added, 1996 kept, 0 gone\n" {
		t.Errorf("at the end: %v %.2000s", err, stdout)
	}
}

// TestSetupSSOUndo: --undo restores the file byte for byte, without IAM Identity Center.
func TestSetupSSOUndo(t *testing.T) {
	for _, end := range []string{"", "\n", "\n\n"} {
		h := signedInHelper(t)
		h.SetAccounts(organization(8, 3)...)
		before := strings.TrimRight(corpConfig, "\n") + end
		if err := os.WriteFile(filepath.Join(h.dir, "config"), []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, err := h.run(t, "setup", "--sso-session", "corp", "--yes"); err != nil {
			t.Fatal(stderr)
		}
		h.Close()
		stdout, stderr, err := h.run(t, "setup", "--sso-session", "corp", "--undo", "--yes")
		if err != nil || !strings.Contains(stdout, "corp: 24 profiles removed\n") {
			t.Errorf("%v, stdout %s, stderr %s", err, stdout, stderr)
		}
		if got := h.config(t); got != before {
			t.Errorf("config %q, want %q", got, before)
		}
	}
}

// TestSetupUndoAll: --undo --all removes what setup has added for SSO sessions, unwires and removes
// other profiles, and names the one that it cannot restore.
func TestSetupUndoAll(t *testing.T) {
	h := signedInHelper(t)
	h.SetAccounts(organization(8, 3)...)
	const role = "arn:aws:iam::123456789012:role/Dev"
	before := corpConfig + `
[profile base]
region = eu-west-1
[profile team]
role_arn = ` + role + `
source_profile = base
[profile lost]
role_arn = ` + role + `
source_profile = base
[profile user]
role_arn = ` + role + `
source_profile = lost
`
	config := filepath.Join(h.dir, "config")
	write := func(text string) {
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	setup := func(args ...string) string {
		stdout, stderr, err := h.run(t, append([]string{"setup", "--yes"}, args...)...)
		if err != nil {
			t.Fatal(stderr)
		}
		return stdout
	}
	write(before)
	setup("team", "lost")
	setup("--sso-session", "corp")
	setup("made", "--role-arn", role, "--source-profile", "base")
	write(strings.Replace(h.config(t), "source_profile = lost\n", "source_profile = lost-role\n", 1))
	h.Close()
	stdout := setup("--undo", "--all")
	for _, line := range []string{
		"corp: 24 profiles removed\n",
		"team: unwired; it has the settings of team-role again\n",
		"made: removed; setup had created it\n",
		"lost: not changed: ",
	} {
		if !strings.Contains(stdout, "\n"+line) {
			t.Errorf("no %q in %s", line, stdout)
		}
	}
	write(strings.Replace(h.config(t), "source_profile = lost-role\n", "source_profile = lost\n", 1))
	setup("--undo", "--all")
	if got := h.config(t); got != before {
		t.Errorf("config %q, want %q", got, before)
	}
	if stdout := setup("--undo", "--all"); stdout != "no profile is set up\n" {
		t.Errorf("again: %s", stdout)
	}
}

// checkOrganization checks that the config is valid, that the number of profiles for tools is n,
// and that their names are safe.
func checkOrganization(t *testing.T, h signInHelper, n int) {
	t.Helper()
	f, err := profiles.Load(filepath.Join(h.dir, "config"), filepath.Join(h.dir, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	if faults := f.Faults(); len(faults) > 0 {
		t.Fatal(faults[0])
	}
	count := 0
	for _, name := range f.Names() {
		c, err := f.Chain(name)
		if err != nil || c.Source.Type != profiles.SSO || c.Source.SSOSession != "corp" {
			t.Fatalf("%s: %v", name, err)
		}
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._@+") != "" {
			t.Errorf("name %q", name)
		}
		if !strings.HasSuffix(name, "-sso") {
			count++
		}
	}
	if count != n {
		t.Errorf("%d profiles, want %d", count, n)
	}
}

func TestSetupSSOFlags(t *testing.T) {
	h := signedInHelper(t)
	h.SetAccounts(organization(8, 3)...)
	before := h.config(t)
	for name, test := range map[string]struct{ args, want string }{
		"dry run":  {"--dry-run", "+[profile Main-Role0-100000000000-sso]\n"},
		"role":     {"--role *2 --yes", "corp: 8 profiles added, 0 kept, 0 gone\n"},
		"account":  {"--account Main --yes", "corp: 6 profiles added, 0 kept, 0 gone\n"},
		"ID":       {"--account *007 --role Role1 --yes", "Team-7-Role1: added\n"},
		"template": {"--name {role}.{account_id} --account *7 --yes", "Role2.100000000007: added\n"},
		"same":     {"--name x-{role} --role Role1 --yes", "x-Role1-100000000003: added\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(h.dir, "config"), []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"setup", "--sso-session", "corp"}, strings.Fields(test.args)...)
			stdout, stderr, err := h.run(t, args...)
			if err != nil || !strings.Contains(stdout, test.want) {
				t.Errorf("%v, stdout %s, stderr %s", err, stdout, stderr)
			}
			if !strings.HasPrefix(h.config(t), before) {
				t.Error("the config that was there has changed")
			}
		})
	}
	for args, want := range map[string]string{
		"--name x --sso-session corp":         "use the placeholders",
		"--name {role}{x} --sso-session corp": "use the placeholders",
		"--prune dev":                         "require --sso-session",
		"--sso-session corp dev":              "cannot be combined with profiles",
		"--sso-session corp --undo --sso-start-url https://x --sso-region eu-west-1": "cannot be combined with --sso-start-url",
		"--sso-session corp --role [":               "not a valid pattern",
		"--sso-session corp --mfa-serial x":         "cannot be combined with --mfa-serial",
		"--sso-session corp --sso-region eu-west-1": "must be used together",
		"--sso-session corp --region eu-west-1a":    "not a valid AWS Region name",
	} {
		_, stderr, err := h.run(t, append([]string{"setup"}, strings.Fields(args)...)...)
		if exitStatus(err) != exitUsage || !strings.Contains(stderr, want) {
			t.Errorf("%s: %v, %s", args, err, stderr)
		}
	}
}

// TestSetupSSOSignsIn: setup signs in at a terminal; elsewhere the hint is the command.
func TestSetupSSOSignsIn(t *testing.T) {
	h := newSignInHelper(t, ssotest.Settings{Consent: ssotest.Allow})
	_, stderr, err := h.run(t, "setup", "--sso-session", "corp")
	if exitStatus(err) != exitNeedsUser || !strings.HasSuffix(stderr,
		"not signed in\naws-credproc: hint: aws-credproc login --sso-session corp\n") {
		t.Errorf("%v, %s", err, stderr)
	}
	_, stderr, err = h.run(t, "setup", "--sso-session", "new", "--sso-region", "eu-west-3",
		"--sso-start-url", "https://example.awsapps.com/start")
	if exitStatus(err) != exitNeedsUser || !strings.HasSuffix(stderr, "hint: aws-credproc login "+
		"--sso-session new --sso-start-url https://example.awsapps.com/start --sso-region eu-west-3\n") {
		t.Errorf("%v, %s", err, stderr)
	}
	_, wait := h.start(t, "setup", "--sso-session", "corp", "--yes")
	visit(t, h.openedURL(t))
	stdout, stderr, err := wait()
	if err != nil || !strings.HasSuffix(stdout, "corp: 2 profiles added, 0 kept, 0 gone\nbackup: "+
		h.dir+"/config.aws-credproc.bak\n") {
		t.Errorf("%v, %s, %s", err, stdout, stderr)
	}
}
