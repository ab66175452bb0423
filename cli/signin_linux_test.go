package cli

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/terminal/ptytest"
)

// TestRefreshSignsIn: at a terminal, "aws sso login" runs once for two profiles of one sign-in. A
// script in place of the AWS CLI creates the token file.
func TestRefreshSignsIn(t *testing.T) {
	portal := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("x-amz-sso_bearer_token")
		if r.URL.Path != "/federation/credentials" || token != "fresh" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(rw, `{"roleCredentials": {"accessKeyId": "ASIASSO",
			"secretAccessKey": "x", "sessionToken": "x", "expiration": %d}}`,
			time.Now().Add(time.Hour).UnixMilli())
	}))
	defer portal.Close()
	sum := sha1.Sum([]byte("corp"))
	const hint = "hint: aws sso login --sso-session corp"
	const settings = "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = "
	for name, test := range map[string]struct {
		args     []string
		terminal bool
		login    string // what the script does
		want     string // in stderr; "" means success
	}{
		"at a terminal": {[]string{"refresh", "dev", "ops"}, true, "cp fresh.json \"$CACHED\"", ""},
		"sign-in fails": {[]string{"refresh", "dev", "ops"}, true, "exit 7", "exit status 7"},
		"no terminal":   {[]string{"refresh", "dev"}, false, "", hint},
		"--prompt none": {[]string{"--prompt", "none", "refresh", "dev"}, true, "", hint},
		"get":           {[]string{"get", "dev"}, true, "", hint},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHelper(t, startSTS(t))
			cached := filepath.Join(h.dir, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
			if err := os.MkdirAll(filepath.Dir(cached), 0o700); err != nil {
				t.Fatal(err)
			}
			for path, text := range map[string]string{
				filepath.Join(h.dir, "aws"): "#!/bin/sh\n" + version2 + "echo \"$@\" >>login.log\n" +
					"echo 'Attempting to open your browser'\n" + test.login + "\n",
				filepath.Join(h.dir, "fresh.json"): freshToken(),
				filepath.Join(h.dir, "config"): "[profile dev]\n" + settings + "Dev\n" +
					"[profile ops]\n" + settings + "Ops\n" + corpSession,
			} {
				if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			h.env = append(h.env, "HOME="+h.dir, "PATH="+h.dir+":"+os.Getenv("PATH"),
				"CACHED="+cached, "AWS_ENDPOINT_URL_SSO="+portal.URL)
			var stdout, stderr bytes.Buffer
			cmd := h.command(t, test.args...)
			cmd.Dir, cmd.Stdout, cmd.Stderr = h.dir, &stdout, &stderr
			var err error
			if pty := ptytest.New(t); test.terminal {
				pty.Start(cmd)
				err = cmd.Wait()
			} else {
				err = cmd.Run()
			}
			out, errOut := stdout.String(), stderr.String()
			if (err == nil) != (test.want == "") || !strings.Contains(errOut, test.want) ||
				strings.Contains(out, "browser") {
				t.Errorf("%v, stdout %s, stderr %s", err, out, errOut)
			}
			if test.want == "" && strings.Count(out, ": refreshed, valid for ") != 2 {
				t.Errorf("stdout %s", out)
			}
			want := ""
			if test.login != "" {
				want = "sso login --sso-session corp\n"
			}
			log, _ := os.ReadFile(filepath.Join(h.dir, "login.log")) // it does not exist if not run
			if string(log) != want {
				t.Errorf("the AWS CLI was run with %q, want %q", log, want)
			}
		})
	}
}

// version2 answers --version as the AWS CLI does.
const version2 = "if [ \"$1\" = --version ]; then echo aws-cli/2.31.0 Python/3.13; exit; fi\n"

// TestRefreshNamesOldAWSCLI: version 1 has no "aws sso login".
func TestRefreshNamesOldAWSCLI(t *testing.T) {
	const install = ": install version 2, then run aws sso login --sso-session corp\n"
	for name, test := range map[string]struct{ script, hint string }{
		"version 1": {
			"echo aws-cli/1.42.1 Python/3.13.5 Linux/6.1 botocore/1.40.1\n",
			"the AWS CLI in the PATH is version 1, which has no sso login" + install,
		},
		"an old version 1": {
			"echo aws-cli/1.11.0 Python/2.7 >&2\n",
			"the AWS CLI in the PATH is version 1, which has no sso login" + install,
		},
		"none": {"", "the AWS CLI is not in the PATH" + install},
	} {
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
		h.setting(t, "[profile sso]\nsso_session = corp\nsso_account_id = 123456789012\n"+
			"sso_role_name = Dev\n"+corpSession)
		h.env = append(h.env, "HOME="+h.dir, "PATH="+bin)
		var stderr bytes.Buffer
		cmd := h.command(t, "refresh", "sso")
		cmd.Dir, cmd.Stderr = h.dir, &stderr
		ptytest.New(t).Start(cmd)
		if err := cmd.Wait(); err == nil || !strings.HasSuffix(stderr.String(), "hint: "+test.hint) {
			t.Errorf("%s: %v, stderr %s", name, err, stderr.String())
		}
		if log, err := os.ReadFile(filepath.Join(h.dir, "login.log")); err == nil {
			t.Errorf("%s: the AWS CLI was run with %q", name, log)
		}
	}
}

// corpSession is a sign-in of IAM Identity Center.
const corpSession = "[sso-session corp]\nsso_region = eu-west-3\n" +
	"sso_start_url = https://example.awsapps.com/start\n"

// freshToken returns a token file that is valid for an hour.
func freshToken() string {
	expires := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	return `{"accessToken": "fresh", "expiresAt": "` + expires + `"}`
}

// TestTimeoutExcludesSignIn: the profiles after a sign-in that takes longer than --timeout have
// their own time.
func TestTimeoutExcludesSignIn(t *testing.T) {
	h := newHelper(t, startSTS(t))
	const script = "#!/bin/sh\n" + version2 + "sleep 4\nexit 7\n"
	if err := os.WriteFile(filepath.Join(h.dir, "aws"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	h.setting(t, "[profile sso]\nsso_session = corp\nsso_account_id = 123456789012\n"+
		"sso_role_name = Dev\n"+corpSession)
	h.env = append(h.env, "HOME="+h.dir, "PATH="+h.dir+":"+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd := h.command(t, "refresh", "--timeout", "3s", "sso", "dev")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ptytest.New(t).Start(cmd)
	if err := cmd.Wait(); err == nil || !strings.HasPrefix(stdout.String(), "dev: refreshed") {
		t.Errorf("%v, stdout %s, stderr %s", err, stdout.String(), stderr.String())
	}
}
