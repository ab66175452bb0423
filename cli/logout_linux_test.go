package cli

import (
	"os"
	"strings"
	"testing"

	"aws-credproc/internal/ssotest"
)

// signedInHelper is a signInHelper that is signed in to corp and to the older start URL.
func signedInHelper(t *testing.T) signInHelper {
	t.Helper()
	h := newSignInHelper(t, ssotest.Settings{Consent: ssotest.Allow})
	for _, profile := range []string{"dev", "older"} {
		_, wait := h.start(t, "login", profile)
		visit(t, h.openedURL(t))
		if _, stderr, err := wait(); err != nil {
			t.Fatal(stderr)
		}
		if err := os.Remove(h.dir + "/url"); err != nil {
			t.Fatal(err)
		}
	}
	for _, profile := range []string{"dev", "ops", "older"} {
		if _, stderr, err := h.run(t, "get", profile); err != nil {
			t.Fatal(stderr)
		}
	}
	return h
}

func TestLogout(t *testing.T) {
	const start = "https://example.awsapps.com/start"
	for name, test := range map[string]struct {
		args        []string
		stdout      string
		corp, older bool // signed in afterwards
	}{
		"session": {
			[]string{"--sso-session", "corp"}, "corp: signed out; 2 cached sessions deleted\n", false, true,
		},
		"only session": {nil, "corp: signed out; 2 cached sessions deleted\n", false, true},
		"all": {
			[]string{"--all"}, "corp: signed out; 2 cached sessions deleted\n" + start +
				": signed out; 1 cached session deleted\n", false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := signedInHelper(t)
			tokens := map[string]string{}
			for _, key := range []string{"corp", start} {
				tokens[key] = h.token(t, key)["accessToken"]
			}
			stdout, stderr, err := h.run(t, append([]string{"logout"}, test.args...)...)
			if err != nil || stdout != test.stdout || stderr != "" {
				t.Errorf("%v, stdout %s, stderr %s", err, stdout, stderr)
			}
			for key, want := range map[string]bool{"corp": test.corp, start: test.older} {
				_, err := os.Stat(h.tokenFile(key))
				if (err == nil) != want || h.IsSignedIn(tokens[key]) != want {
					t.Errorf("%s: token file %v, signed in %v", key, err, h.IsSignedIn(tokens[key]))
				}
			}
			for profile, want := range map[string]bool{
				"dev": test.corp, "ops": test.corp, "older": test.older,
			} {
				if _, stderr, err := h.run(t, "get", profile); (err == nil) != want {
					t.Errorf("get %s: %v, %s", profile, err, stderr)
				}
			}
			if stdout, _, err := h.run(t, "logout"); err != nil || stdout != "corp: not signed in\n" {
				t.Errorf("again: %v, %s", err, stdout)
			}
		})
	}
}

// TestLogoutWithoutPortal: the token is deleted although the portal cannot be reached.
func TestLogoutWithoutPortal(t *testing.T) {
	h := signedInHelper(t)
	h.env = append(h.env, "AWS_ENDPOINT_URL_SSO=http://127.0.0.1:1")
	_, stderr, err := h.run(t, "logout", "--all")
	if err == nil || strings.Count(stderr, "cannot reach IAM Identity Center (SSO)") != 2 ||
		!strings.Contains(stderr, "hint: the token was deleted here; sign out at https://example.awsapps.com/start too\n") {
		t.Errorf("%v, %s", err, stderr)
	}
	files, err := os.ReadDir(h.dir + "/.aws/sso/cache")
	if err != nil || len(files) > 0 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

// TestLogoutOfUnknownSession: --all signs out of a session that the config no longer has.
func TestLogoutOfUnknownSession(t *testing.T) {
	h := signedInHelper(t)
	if err := os.WriteFile(h.dir+"/config", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	token := h.token(t, "corp")["accessToken"]
	stdout, stderr, err := h.run(t, "logout", "--all")
	if err != nil || strings.Count(stdout, "https://example.awsapps.com/start: signed out\n") != 2 ||
		h.IsSignedIn(token) {
		t.Errorf("%v, stdout %s, stderr %s", err, stdout, stderr)
	}
}
