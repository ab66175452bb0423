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

// TestRefreshSignsInWhereAPersonIs: "aws sso login" is run for two profiles of one sign-in once, at
// a terminal. The AWS CLI itself would need the real service, so a stand-in leaves what it leaves:
// the token that the portal then takes.
func TestRefreshSignsInWhereAPersonIs(t *testing.T) {
	portal := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/federation/credentials" || r.Header.Get("x-amz-sso_bearer_token") != "fresh" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = fmt.Fprintf(rw, `{"roleCredentials": {"accessKeyId": "ASIASSO", "secretAccessKey": "x", "sessionToken": "x", "expiration": %d}}`,
			time.Now().Add(time.Hour).UnixMilli())
	}))
	defer portal.Close()
	sum := sha1.Sum([]byte("corp"))
	const settings = "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = "
	for name, test := range map[string]struct {
		args     []string
		terminal bool
		login    string // what the stand-in does beside noting its arguments
		want     string // in what is shown; "" for success
	}{
		"at a terminal":   {[]string{"refresh", "dev", "ops"}, true, "cp fresh.json \"$CACHED\"", ""},
		"it fails":        {[]string{"refresh", "dev", "ops"}, true, "exit 7", "exit status 7"},
		"nobody there":    {[]string{"refresh", "dev"}, false, "", "hint: aws sso login --sso-session corp"},
		"not to be asked": {[]string{"--prompt", "none", "refresh", "dev"}, true, "", "hint: aws sso login --sso-session corp"},
		"get":             {[]string{"get", "dev"}, true, "", "hint: aws sso login --sso-session corp"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHelper(t, startSTS(t))
			cached := filepath.Join(h.dir, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
			if err := os.MkdirAll(filepath.Dir(cached), 0o700); err != nil {
				t.Fatal(err)
			}
			for path, text := range map[string]string{
				filepath.Join(h.dir, "aws"):        "#!/bin/sh\necho \"$@\" >>login.log\necho 'Attempting to open your browser'\n" + test.login + "\n",
				filepath.Join(h.dir, "fresh.json"): `{"accessToken": "fresh", "expiresAt": "` + time.Now().Add(time.Hour).UTC().Format(time.RFC3339) + `"}`,
				filepath.Join(h.dir, "config"): "[profile dev]\n" + settings + "Dev\n[profile ops]\n" + settings + "Ops\n" +
					"[sso-session corp]\nsso_region = eu-west-3\nsso_start_url = https://example.awsapps.com/start\n",
			} {
				if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			h.env = append(h.env, "HOME="+h.dir, "PATH="+h.dir+":"+os.Getenv("PATH"), "CACHED="+cached, "AWS_ENDPOINT_URL_SSO="+portal.URL)
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
			if (err == nil) != (test.want == "") || !strings.Contains(stderr.String(), test.want) || strings.Contains(stdout.String(), "browser") {
				t.Errorf("%v, stdout %s, stderr %s", err, stdout.String(), stderr.String())
			}
			if test.want == "" && strings.Count(stdout.String(), ": refreshed, valid for ") != 2 {
				t.Errorf("stdout %s", stdout.String())
			}
			want := ""
			if test.login != "" {
				want = "sso login --sso-session corp\n"
			}
			if log, _ := os.ReadFile(filepath.Join(h.dir, "login.log")); string(log) != want { // absent: not run
				t.Errorf("the AWS CLI was run with %q, want %q", log, want)
			}
		})
	}
}

// TestSigningInTakesNoTimeFromOthers: a person who signs in for one profile may take longer than
// --timeout.
func TestSigningInTakesNoTimeFromOthers(t *testing.T) {
	h := newHelper(t, startSTS(t))
	if err := os.WriteFile(filepath.Join(h.dir, "aws"), []byte("#!/bin/sh\nsleep 4\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.setting(t, "[profile sso]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n"+
		"[sso-session corp]\nsso_region = eu-west-3\nsso_start_url = https://example.awsapps.com/start")
	h.env = append(h.env, "HOME="+h.dir, "PATH="+h.dir+":"+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd := h.command(t, "refresh", "--timeout", "3s", "sso", "dev")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	ptytest.New(t).Start(cmd)
	if err := cmd.Wait(); err == nil || !strings.HasPrefix(stdout.String(), "dev: refreshed") {
		t.Errorf("%v, stdout %s, stderr %s", err, stdout.String(), stderr.String())
	}
}
