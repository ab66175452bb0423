package cli

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ssotest"
	"aws-credproc/internal/terminal/ptytest"
)

// TestRefreshSignsIn: at a terminal, refresh signs in once for two profiles of one sign-in.
func TestRefreshSignsIn(t *testing.T) {
	const hint = "hint: aws-credproc login --sso-session corp"
	for name, test := range map[string]struct {
		args     []string
		terminal bool
		consent  ssotest.Consent
		want     string // in stderr; "" means success
	}{
		"at a terminal":   {[]string{"refresh", "dev", "ops"}, true, ssotest.Allow, ""},
		"denied":          {[]string{"refresh", "dev", "ops"}, true, ssotest.Deny, hint},
		"no terminal":     {[]string{"refresh", "dev"}, false, ssotest.Allow, hint},
		"--prompt none":   {[]string{"--prompt", "none", "refresh", "dev"}, true, ssotest.Allow, hint},
		"get":             {[]string{"get", "dev"}, true, ssotest.Allow, hint},
		"whoami, exports": {[]string{"export", "dev"}, true, ssotest.Allow, hint},
	} {
		t.Run(name, func(t *testing.T) {
			h := newSignInHelper(t, ssotest.Settings{Consent: test.consent})
			var stdout, stderr string
			var err error
			signsIn := test.terminal && len(test.args) == 3 && test.args[0] == "refresh"
			if test.terminal {
				_, wait := h.start(t, test.args...)
				if signsIn {
					visit(t, h.openedURL(t))
				}
				stdout, stderr, err = wait()
			} else {
				stdout, stderr, err = h.run(t, test.args...)
			}
			if (err == nil) != (test.want == "") || !strings.Contains(stderr, test.want) {
				t.Errorf("%v, stdout %s, stderr %s", err, stdout, stderr)
			}
			if test.want == "" && strings.Count(stdout, ": refreshed, valid for ") != 2 {
				t.Errorf("stdout %s", stdout)
			}
			want := 0
			if signsIn {
				want = 1
			} else if status := exitStatus(err); status != exitNeedsUser {
				t.Errorf("exit status %d", status)
			}
			if n := h.Calls("RegisterClient"); n != want {
				t.Errorf("%d sign-ins, want %d", n, want)
			}
		})
	}
}

func exitStatus(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// TestAWSLogin: login and refresh run "aws login" for a profile with login_session, if the AWS CLI
// has that command.
func TestAWSLogin(t *testing.T) {
	const install = "install version 2.32, then run aws login --profile signed\n"
	for name, test := range map[string]struct{ script, want string }{
		"version 1": {
			"echo aws-cli/1.42.1 Python/3.13.5 Linux/6.1 botocore/1.40.1\n",
			"the AWS CLI in the PATH is version 1.42, which has no login",
		},
		"an old version 1": {
			"echo aws-cli/1.11.0 Python/2.7 >&2\n",
			"the AWS CLI in the PATH is version 1.11, which has no login",
		},
		"version 2.31": {
			"echo aws-cli/2.31.0 Python/3.13\n",
			"the AWS CLI in the PATH is version 2.31, which has no login",
		},
		"none":   {"", "the AWS CLI is not in the PATH"},
		"recent": {version2 + "exit 7\n", "signed: aws login: exit status 7\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHelper(t, startSTS(t))
			bin := filepath.Join(h.dir, "bin")
			if err := os.Mkdir(bin, 0o700); err != nil {
				t.Fatal(err)
			}
			if test.script != "" {
				script := "#!/bin/sh\n[ \"$1\" = --version ] || echo \"$@\" >>login.log\n" + test.script
				if err := os.WriteFile(filepath.Join(bin, "aws"), []byte(script), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			h.setting(t, "[profile signed]\nlogin_session = arn:aws:sts::123456789012:assumed-role/Jill/jill")
			h.env = append(h.env, "HOME="+h.dir, "PATH="+bin)
			for _, command := range []string{"login", "refresh"} {
				var stderr bytes.Buffer
				cmd := h.command(t, command, "signed")
				cmd.Dir, cmd.Stderr = h.dir, &stderr
				ptytest.New(t).Start(cmd)
				if err := cmd.Wait(); err == nil || !strings.Contains(stderr.String(), test.want) ||
					strings.Contains(stderr.String(), install) == (name == "recent") {
					t.Errorf("%s: %v, stderr %s", command, err, stderr.String())
				}
			}
			log, _ := os.ReadFile(filepath.Join(h.dir, "login.log")) // it does not exist if not run
			if want := strings.Repeat("login --profile signed\n", 2); (string(log) == want) != (name == "recent") {
				t.Errorf("the AWS CLI was run with %q", log)
			}
		})
	}
}

// version2 answers --version as the AWS CLI does.
const version2 = "if [ \"$1\" = --version ]; then echo aws-cli/2.32.0 Python/3.13; exit; fi\n"

// TestTimeoutExcludesSignIn: the profiles after a sign-in that takes longer than --timeout have
// their own time.
func TestTimeoutExcludesSignIn(t *testing.T) {
	h := newSignInHelper(t, ssotest.Settings{Consent: ssotest.Deny})
	h.setting(t, "[profile role]\nrole_arn = "+testRole+"\nsource_profile = base")
	_, wait := h.start(t, "refresh", "--timeout", "3s", "dev", "role")
	url := h.openedURL(t)
	time.Sleep(7 * time.Second) // longer than --timeout and the grace of the watchdog
	visit(t, url)
	stdout, stderr, err := wait()
	if err == nil || !strings.HasPrefix(stdout, "role: refreshed") {
		t.Errorf("%v, stdout %s, stderr %s", err, stdout, stderr)
	}
}
