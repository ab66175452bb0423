package credproc

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// shortPatience makes the wait for the token file of another program short.
func (w *fixture) shortPatience() {
	old := tokenPatience
	tokenPatience = 3 * tokenInterval
	w.t.Cleanup(func() { tokenPatience = old })
}

// whenReadAgain calls do when the token file is about to be read again, once.
func (w *fixture) whenReadAgain(do func()) {
	w.resolver.Tracef = func(format string, args ...any) {
		if do != nil && strings.Contains(fmt.Sprintf(format, args...), "reading the token file again") {
			do()
			do = nil
		}
	}
	w.t.Cleanup(func() {
		if do != nil {
			w.t.Error("the token file was not read again")
		}
	})
}

// TestTokenOfAnotherProgramIsUsed: another program replaces the token that a service has refused.
func TestTokenOfAnotherProgramIsUsed(t *testing.T) {
	renewable := map[string]any{"refreshToken": "used", "clientId": "client", "clientSecret": "hush"}
	for name, test := range map[string]struct {
		source string
		old    func(w *fixture)
		newer  func(w *fixture)
	}{
		"refresh token is refused": {
			"SSO by session, refreshed",
			func(w *fixture) { w.signedIn("corp", "old", -time.Hour, renewable) },
			func(w *fixture) { w.signedIn("corp", ssoAccess, time.Hour, renewable) },
		},
		"access token is refused": {
			"SSO by session",
			func(w *fixture) { w.signedIn("corp", "revoked", time.Hour, nil) },
			func(w *fixture) { w.signedIn("corp", ssoAccess, time.Hour, nil) },
		},
		"access token of a start URL is refused": {
			"SSO in the older form",
			func(w *fixture) { w.signedIn(ssoStart, "revoked", time.Hour, nil) },
			func(w *fixture) { w.signedIn(ssoStart, ssoAccess, time.Hour, nil) },
		},
		"login's refresh token is refused": {
			"login",
			func(w *fixture) { editLogin(w, func(token map[string]any) { token["refreshToken"] = "used" }) },
			func(w *fixture) {
				editLogin(w, func(token map[string]any) {
					token["accessToken"] = map[string]any{
						"accessKeyId": w.given.AccessKeyID, "secretAccessKey": w.given.SecretAccessKey,
						"sessionToken": w.given.SessionToken, "accountId": account,
						"expiresAt": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
					}
				})
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			s := sources[test.source](w)
			w.config("[profile leaf]\n" + s.leaf + "\n" + s.more)
			test.old(w)
			w.whenReadAgain(func() { test.newer(w) })
			if got := w.mustGet("leaf"); got.AccessKeyID != w.given.AccessKeyID {
				t.Errorf("access key ID %s, want %s", got.AccessKeyID, w.given.AccessKeyID)
			}
		})
	}
}

// TestRenewedTokenDoesNotReplaceNewSignIn: the user signs in while a process renews the token.
func TestRenewedTokenDoesNotReplaceNewSignIn(t *testing.T) {
	w := newFixture(t)
	path := w.signedIn("corp", "old", -time.Hour,
		map[string]any{"refreshToken": "again", "clientId": "client", "clientSecret": "hush"})
	w.portal()
	oidc := w.oidc()
	oidc.breaks = func(http.ResponseWriter) bool {
		w.signedIn("corp", ssoAccess, time.Hour, map[string]any{"refreshToken": "newer"})
		return false
	}
	w.config("[profile leaf]\nsso_session = corp\n" + ssoProfile + ssoSessionSection)
	w.mustGet("leaf")
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "newer") {
		t.Errorf("the token of the new sign-in is lost (%v)", err)
	}
}

// TestTokenFile: a token file is replaced, with all its members, by one that only the user can
// read. A link stays one.
func TestTokenFile(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "token.json"), filepath.Join(t.TempDir(), "link.json")
	must(t, os.WriteFile(path, []byte(`{"a": "<&>", "unknown": {"n": 12345678901234567890}}`), 0o644))
	if err := os.Symlink(path, link); err != nil {
		if runtime.GOOS != "windows" { // there, a link requires a privilege
			t.Fatal(err)
		}
		link = path
	}
	f, err := readTokenFile(link)
	must(t, err)
	f.set("expiresAt", time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)))
	must(t, f.write())
	text, err := os.ReadFile(path)
	must(t, err)
	want := map[string]any{"a": "<&>", "unknown": map[string]any{"n": json.Number("12345678901234567890")},
		"expiresAt": "2030-01-02T02:04:05Z"}
	if got := decode(t, string(text)); !reflect.DeepEqual(got, want) {
		t.Errorf("token %v, want %v", got, want)
	}
	info, err := os.Lstat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files, want 1 (%v)", len(entries), err)
	}
}

func TestSignInRegion(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                              "eu-west-1",
		`{"signInRegion": "us-east-2"}`:   "us-east-2",
		`{"signInRegion": ""}`:            "eu-west-1",
		`{"signInRegion": 1}`:             "eu-west-1",
		`{"signInRegion": "evil.test/?"}`: "eu-west-1",
	} {
		if got := signInRegion(tokenFile{text: []byte(text)}, "eu-west-1"); got != want {
			t.Errorf("%s: region %q, want %q", text, got, want)
		}
	}
}

// FuzzTokenFile checks that a token file is either rejected or written with the same members.
func FuzzTokenFile(f *testing.F) {
	for _, text := range []string{"", "{", "null", "[]", `{"accessToken": {"a": [1e400, "\ud800"]}}`,
		`{"a": 1, "a": 2, "": null}`, "\xef\xbb\xbf{}", `{"a":"` + "\xff" + `"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := tokenFile{text: []byte(text)}
		if file.parse() != nil {
			return
		}
		_, _ = otherToken(file, "", time.Now()) // must not panic
		in := login{signIn{source: source{Resolver: &Resolver{Now: time.Now, Tracef: func(string, ...any) {}}}}}
		_, _ = in.session(file)
		written, err := json.Marshal(file.members)
		must(t, err)
		if !reflect.DeepEqual(decode(t, text), decode(t, string(written))) {
			t.Errorf("%q became %q", text, written)
		}
	})
}

// decode decodes a JSON object without loss of precision.
func decode(t *testing.T, text string) (object map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	must(t, d.Decode(&object))
	return object
}
