package credproc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aws-credproc/cache"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/ststest"
)

// TestMain lets this test binary run as the command of a config; see command.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "as-command" {
		if err := asCommand(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// command returns a command line that runs asCommand.
func command(words ...string) string {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return strings.Join(append([]string{self, "as-command"}, words...), " ")
}

// asCommand is the command of a config.
func asCommand(what string, args []string) error {
	switch what {
	case "print": // a file, and count it in another
		text, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		count, err := os.OpenFile(args[0]+".count", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		if _, err := count.WriteString("x"); err != nil {
			return err
		}
		if err := count.Close(); err != nil {
			return err
		}
		_, err = os.Stdout.Write(text)
		return err
	case "renew-token": // in the working directory
		f, err := readTokenFile("token.json")
		if err != nil {
			return err
		}
		f.set("refreshToken", "new")
		return f.write()
	case "say": // write to stderr, then print a file
		fmt.Fprint(os.Stderr, "\x1b[31mlook\r\nat \u202ethis\u009b "+strings.Repeat("x", 100<<10))
		return asCommand("print", args)
	case "fail":
		code, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		os.Exit(code)
	case "flood":
		out := bufio.NewWriter(os.Stdout)
		for {
			if _, err := out.WriteString(strings.Repeat(" ", 4<<10)); err != nil {
				return err
			}
		}
	case "hang": // with a child that hangs too; both print their process ID
		if len(args) > 1 {
			child := exec.Command(os.Args[0], "as-command", "hang", args[1])
			child.Stdout = os.Stdout
			if err := child.Start(); err != nil {
				return err
			}
		}
		if err := os.WriteFile(args[0]+".tmp", []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return err
		}
		if err := os.Rename(args[0]+".tmp", args[0]); err != nil {
			return err
		}
		time.Sleep(time.Minute) // ends what a failing test leaves behind
	case "chain": // print the variable with the profiles that led to the command
		fmt.Fprint(os.Stderr, os.Getenv(plan.ChainVariable))
		return asCommand("print", args)
	}
	return errors.New("no such command: " + what)
}

// processJSON returns the output of a credential_process, with the exact expiration.
func processJSON(s cache.Session) string {
	s.Issued = s.Expiration // without a lifetime, Output changes nothing
	b, err := plan.Output(s, time.Now())
	if err != nil {
		panic(err)
	}
	return string(b)
}

// workingSource is the config of a source that works.
type workingSource struct {
	leaf  string // the settings of the profile that has it
	more  string // other sections
	role  bool   // it needs a profile with a role
	calls func() int
	given cache.Session
}

// sources sets up each kind of source.
var sources = map[string]func(w *fixture) workingSource{
	"process": func(w *fixture) workingSource {
		path := w.write("out.json", processJSON(w.given))
		return workingSource{leaf: "credential_process = " + command("print", path),
			calls: func() int { return counted(w, path) }}
	},
	"web identity by file": func(w *fixture) workingSource {
		path := w.write("token", w.token(time.Hour))
		return workingSource{leaf: "role_arn = " + webARN + "\nweb_identity_token_file = " + path,
			calls: func() int { return w.sts.Calls("AssumeRoleWithWebIdentity") },
			given: cache.Session{AccountID: account}}
	},
	"web identity by process": func(w *fixture) workingSource {
		path := w.write("token", " "+w.token(time.Hour)+"\n\n")
		return workingSource{leaf: "role_arn = " + webARN + "\nweb_identity_token_process = " +
			command("print", path), calls: func() int { return counted(w, path) },
			given: cache.Session{AccountID: account}}
	},
	"SSO by session": func(w *fixture) workingSource {
		w.signedIn("corp", ssoAccess, time.Hour, nil)
		return workingSource{leaf: "sso_session = corp\n" + ssoProfile, more: ssoSessionSection,
			calls: w.portal().calls}
	},
	"SSO by session, refreshed": func(w *fixture) workingSource {
		w.signedIn("corp", "old", -time.Hour,
			map[string]any{"refreshToken": "again", "clientId": "client", "clientSecret": "hush"})
		portal, oidc := w.portal(), w.oidc()
		return workingSource{leaf: "sso_session = corp\n" + ssoProfile, more: ssoSessionSection,
			calls: func() int { return (portal.calls() + oidc.calls()) / 2 }}
	},
	"SSO by session, refreshed, with the token of an old AWS CLI": func(w *fixture) workingSource {
		w.signedIn("corp", "old", 0, map[string]any{
			"expiresAt":    time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05UTC"),
			"refreshToken": "again", "clientId": "client", "clientSecret": "hush"})
		portal, oidc := w.portal(), w.oidc()
		return workingSource{leaf: "sso_session = corp\n" + ssoProfile, more: ssoSessionSection,
			calls: func() int { return (portal.calls() + oidc.calls()) / 2 }}
	},
	"SSO in the older form": func(w *fixture) workingSource {
		w.signedIn(ssoStart, ssoAccess, time.Hour, nil)
		return workingSource{leaf: "sso_region = eu-west-1\nsso_start_url = " + ssoStart + "\n" +
			ssoProfile, calls: w.portal().calls}
	},
	"SSO session with a name in quotes": func(w *fixture) workingSource {
		w.signedIn("My Corp Ltd", ssoAccess, time.Hour, nil)
		return workingSource{leaf: "sso_session = My Corp Ltd\n" + ssoProfile,
			more:  strings.Replace(ssoSessionSection, "corp]", "'My Corp Ltd']", 1),
			calls: w.portal().calls}
	},
	"SSO token of an old AWS CLI": func(w *fixture) workingSource {
		w.signedIn(ssoStart, ssoAccess, 0, map[string]any{
			"expiresAt": time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05UTC"),
		})
		return workingSource{leaf: "sso_region = eu-west-1\nsso_start_url = " + ssoStart + "\n" +
			ssoProfile, calls: w.portal().calls}
	},
	"SSO and static keys": func(w *fixture) workingSource {
		w.signedIn("corp", ssoAccess, time.Hour, nil)
		return workingSource{leaf: "sso_session = corp\naws_access_key_id = AKIAX\n" +
			"aws_secret_access_key = x\n" + ssoProfile, more: ssoSessionSection, calls: w.portal().calls}
	},
	"login": func(w *fixture) workingSource {
		s, _ := w.signin()
		return workingSource{leaf: "login_session = " + loginSessionARN, calls: s.calls}
	},
	"instance": func(w *fixture) workingSource {
		return workingSource{leaf: "credential_source = Ec2InstanceMetadata", role: true,
			calls: w.instance().calls}
	},
	"instance and static keys": func(w *fixture) workingSource {
		return workingSource{leaf: "credential_source = Ec2InstanceMetadata\n" +
			"aws_access_key_id = AKIAX\naws_secret_access_key = x", role: true, calls: w.instance().calls}
	},
	"container with a token": func(w *fixture) workingSource {
		s := w.container("Basic c2VjcmV0")
		w.t.Setenv(plan.ContainerFullURI, s.URL+"/v1/credentials")
		w.t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic c2VjcmV0")
		return workingSource{leaf: "credential_source = EcsContainer", role: true, calls: s.calls}
	},
	"container with a token file": func(w *fixture) workingSource {
		s := w.container("eyJ.pod.token")
		w.t.Setenv(plan.ContainerFullURI, s.URL+"/v1/credentials")
		w.t.Setenv(plan.ContainerTokenFile, w.write("eks-pod-identity-token", "eyJ.pod.token"))
		return workingSource{leaf: "credential_source = EcsContainer", role: true, calls: s.calls}
	},
}

// counted returns how often a command has printed the file.
func counted(w *fixture, path string) int {
	b, err := os.ReadFile(path + ".count")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Error(err)
	}
	return len(b)
}

func TestSourceIsCalledOncePerSession(t *testing.T) {
	const devRole = "role_arn = " + devARN + "\n"
	for name, make := range sources {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			s := make(w)
			if s.given == (cache.Session{}) {
				s.given = w.given
			}
			asked := func(want int, when string) {
				t.Helper()
				if got := s.calls(); got != want {
					t.Errorf("%s: asked %d times, want %d", when, got, want)
				}
			}
			w.config("[profile leaf]\n" + s.leaf + "\n" + s.more + "\n[profile dev]\n" + devRole +
				"source_profile = leaf\n")
			if s.role {
				w.config("[profile dev]\n" + devRole + s.leaf + "\n" + s.more)
			} else {
				first := w.mustGet("leaf")
				asked(1, "cold")
				if s.given.AccessKeyID != "" &&
					(first.AccessKeyID != s.given.AccessKeyID ||
						first.SecretAccessKey != s.given.SecretAccessKey ||
						first.SessionToken != s.given.SessionToken ||
						first.Expiration.Sub(s.given.Expiration).Abs() > 2*time.Second) {
					t.Errorf("it gave %v, want %v", first, s.given)
				}
				if first.AccountID != account && name != "instance" {
					t.Errorf("account %q", first.AccountID)
				}
				if again := w.mustGet("leaf"); again.AccessKeyID != first.AccessKeyID ||
					again.SessionToken != first.SessionToken {
					t.Error("warm: other credentials")
				}
				asked(1, "warm")
			}
			dev := w.mustGet("dev")
			asked(1, "for a role")
			if again := w.mustGet("dev"); again.AccessKeyID != dev.AccessKeyID {
				t.Error("for a role, warm: other credentials")
			}
			if calls := w.sts.Calls("AssumeRole"); calls != 1 || dev.AccountID != account {
				t.Errorf("%d calls of AssumeRole, account %q", calls, dev.AccountID)
			}
			asked(1, "for a role, warm")
			c, err := w.chain("dev")
			must(t, err)
			if _, err := w.resolver.Refresh(t.Context(), c, w.resolver.Now(), false); err != nil {
				t.Error(err)
			}
			asked(1, "for a new session of a role")
		})
	}
}

func TestEnvironmentIsSourceOfRolesOnly(t *testing.T) {
	w := newFixture(t)
	w.config("[profile dev]\nrole_arn = " + devARN + "\ncredential_source = Environment")
	if _, err := w.get("dev"); err == nil ||
		!strings.Contains(diag.Text(err), "InvalidClientTokenId") {
		t.Errorf("what is exported is not used: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", w.given.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", w.given.SecretAccessKey)
	t.Setenv("AWS_SESSION_TOKEN", w.given.SessionToken)
	first := w.mustGet("dev")
	if again := w.mustGet("dev"); again.AccessKeyID != first.AccessKeyID ||
		w.sts.Calls("AssumeRole") != 2 {
		t.Errorf("%d calls", w.sts.Calls("AssumeRole"))
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
	wantError(t, w, "dev", "AWS_SECRET_ACCESS_KEY is not set\nhint: export", 0)
}

// The kinds of failure.
const (
	temporary = 1 + iota
	needsUser
)

// wantError checks that get of a profile fails with an error that has no secret.
func wantError(t *testing.T, w *fixture, profile, want string, kind int) {
	t.Helper()
	_, err := w.get(profile)
	checkError(t, w, err, want, kind)
}

func checkError(t *testing.T, w *fixture, err error, want string, kind int) {
	t.Helper()
	var e *diag.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want an *diag.Error", err)
	}
	text := regexp.MustCompile(` \(failed [0-9]+s ago; next attempt in [0-9]+s\)`).ReplaceAllString(diag.Text(err), "")
	if !strings.Contains(text, want) {
		t.Errorf("error %q\n want %q", text, want)
	}
	if e.Has(diag.Temporary) != (kind == temporary) || e.Has(diag.NeedsUser) != (kind == needsUser) {
		t.Errorf("error %q: temporary %v, needs the user %v", err, e.Has(diag.Temporary),
			e.Has(diag.NeedsUser))
	}
	for _, secret := range []string{w.given.SecretAccessKey, w.given.SessionToken, ssoAccess, "hush"} {
		if strings.Contains(diag.Text(err)+w.stderr.String()+w.warnings.String(), secret) {
			t.Error("a secret is in the output")
		}
	}
	if strings.Contains(err.Error()+diag.Hint(err), "\n") || len(err.Error()) > 1500 {
		t.Errorf("error of %d bytes: %q", len(err.Error()), err)
	}
}

func TestSignInFailures(t *testing.T) {
	const bySession, older, login = "SSO by session", "SSO in the older form", "login"
	ssoFile := filepath.Join(".aws", "sso", "cache")
	for name, test := range map[string]struct {
		source string
		spoil  func(w *fixture)
		want   string
		kind   int
	}{
		"not signed in": {bySession,
			func(w *fixture) { must(w.t, os.RemoveAll(filepath.Join(w.dir, ssoFile))) },
			"IAM Identity Center (SSO): not signed in\nhint: aws-credproc login --sso-session corp", needsUser},
		"not signed in, older form": {
			older, func(w *fixture) { must(w.t, os.RemoveAll(filepath.Join(w.dir, ssoFile))) },
			"hint: aws-credproc login leaf", needsUser,
		},
		"expired": {
			bySession, func(w *fixture) { w.signedIn("corp", ssoAccess, -time.Second, nil) },
			"cannot be refreshed\nhint: aws-credproc login --sso-session corp", needsUser,
		},
		"expired, older form": {
			older, func(w *fixture) { w.signedIn(ssoStart, ssoAccess, -time.Second, nil) },
			"expired or is invalid\nhint: aws-credproc login leaf", needsUser,
		},
		"refresh is refused": {bySession, func(w *fixture) {
			w.oidc()
			w.signedIn("corp", "old", -time.Hour,
				map[string]any{"refreshToken": "used", "clientId": "client", "clientSecret": "hush"})
		}, "InvalidGrantException\nhint: aws-credproc login --sso-session corp", needsUser},
		"refresh request fails": {bySession, func(w *fixture) {
			w.t.Setenv("AWS_ENDPOINT_URL_SSO_OIDC", "http://127.0.0.1:1")
			w.signedIn("corp", "old", -time.Hour,
				map[string]any{"refreshToken": "again", "clientId": "client", "clientSecret": "hush"})
		}, "cannot reach IAM Identity Center (SSO): ", temporary},
		"token is revoked": {
			bySession, func(w *fixture) { w.signedIn("corp", "revoked", time.Hour, nil) },
			"UnauthorizedException: Session token not found or invalid\nhint: aws-credproc login", needsUser,
		},
		"token file is damaged": {
			bySession,
			func(w *fixture) { must(w.t, os.WriteFile(w.signedIn("corp", "", 0, nil), []byte("{"), 0o600)) },
			"hint: aws-credproc login", needsUser,
		},
		"token file is large": {
			bySession, func(w *fixture) { w.signedIn("corp", strings.Repeat("x", 65<<10), time.Hour, nil) },
			"is larger than 64 KB", 0,
		},
		"token file is a directory": {older, func(w *fixture) {
			path := w.signedIn(ssoStart, "", 0, nil)
			must(w.t, os.Remove(path))
			must(w.t, os.Mkdir(path, 0o700))
		}, "is not a regular file", 0},
		"portal cannot be reached": {
			bySession, func(w *fixture) { w.t.Setenv("AWS_ENDPOINT_URL_SSO", "http://127.0.0.1:1") },
			"cannot reach IAM Identity Center (SSO): ", temporary,
		},
		"not logged in": {login,
			func(w *fixture) { must(w.t, os.RemoveAll(filepath.Join(w.dir, ".aws"))) },
			"AWS sign-in: not signed in\nhint: aws login --profile leaf", needsUser},
		"login has expired": {
			login,
			func(w *fixture) { editLogin(w, func(token map[string]any) { token["refreshToken"] = "used" }) },
			"hint: aws login --profile leaf", needsUser,
		},
		"login's key is invalid": {login,
			func(w *fixture) { editLogin(w, func(token map[string]any) { token["dpopKey"] = "x" }) },
			"incomplete credentials\nhint: aws login --profile leaf", needsUser},
		"login's file is empty": {
			login, func(w *fixture) { must(w.t, os.WriteFile(loginFile(w), []byte("null"), 0o600)) },
			"hint: aws login --profile leaf", needsUser,
		},
		"sign-in cannot be reached": {
			login, func(w *fixture) { w.t.Setenv("AWS_ENDPOINT_URL_SIGNIN", "http://127.0.0.1:1") },
			"cannot reach AWS sign-in: ", temporary,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.shortPatience()
			s := sources[test.source](w)
			w.config("[profile leaf]\n" + s.leaf + "\n" + s.more + "\n[profile dev]\nrole_arn = " + devARN +
				"\nsource_profile = leaf\n")
			test.spoil(w)
			wantError(t, w, "leaf", test.want, test.kind)
			wantError(t, w, "dev", test.want, test.kind)
			if s.calls() != 0 {
				t.Error("it returned credentials")
			}
		})
	}
}

func loginFile(w *fixture) string {
	w.t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.dir, ".aws", "login", "cache", "*.json"))
	must(w.t, err)
	return paths[0]
}

func editLogin(w *fixture, edit func(map[string]any)) {
	w.t.Helper()
	path := loginFile(w)
	b, err := os.ReadFile(path)
	must(w.t, err)
	var token map[string]any
	must(w.t, json.Unmarshal(b, &token))
	edit(token)
	b, err = json.Marshal(token)
	must(w.t, err)
	must(w.t, os.WriteFile(path, b, 0o600))
}

// A refreshed token is saved for other tools, readable by its owner only.
func TestRefreshedTokenIsSaved(t *testing.T) {
	for _, name := range []string{
		"SSO by session, refreshed", "login",
		"SSO by session, refreshed, with the token of an old AWS CLI",
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			s := sources[name](w)
			w.config("[profile leaf]\n" + s.leaf + "\n" + s.more)
			w.mustGet("leaf")
			paths, err := filepath.Glob(filepath.Join(w.dir, ".aws", "*", "cache", "*"))
			must(t, err)
			b, err := os.ReadFile(paths[0])
			must(t, err)
			if len(paths) != 1 || !strings.Contains(string(b), "and again") && !strings.Contains(string(b), "refresh-") {
				t.Error("the new refresh token is lost")
			}
			if info, err := os.Stat(paths[0]); err != nil || runtime.GOOS != "windows" &&
				info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestRolesOfSSOSessionRefreshTokenOnce(t *testing.T) {
	w := newFixture(t)
	w.signedIn("corp", "old", -time.Hour,
		map[string]any{"refreshToken": "again", "clientId": "client", "clientSecret": "hush"})
	portal, oidc := w.portal(), w.oidc()
	const roles = 8
	config := ssoSessionSection
	for i := range roles {
		config += fmt.Sprintf("[profile p%d]\nsso_session = corp\nsso_account_id = %s\n"+
			"sso_role_name = Jill%d\n", i, account, i)
	}
	w.config(config)
	var wg sync.WaitGroup
	for i := range roles {
		wg.Go(func() {
			if _, err := w.get(fmt.Sprint("p", i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if oidc.calls() != 1 || portal.calls() != roles {
		t.Errorf("%d refreshes and %d calls of the portal", oidc.calls(), portal.calls())
	}
}

func TestSSOSessionWithoutRoleNamesMissingSettings(t *testing.T) {
	w := newFixture(t)
	w.config("[profile leaf]\nsso_session = corp\n" + ssoSessionSection)
	wantError(t, w, "leaf", "sso_session is set, but sso_account_id and sso_role_name are not", 0)
}

func TestUnusableResponsesOfServices(t *testing.T) {
	status := func(code int, body string) func(http.ResponseWriter) bool {
		return func(rw http.ResponseWriter) bool {
			if strings.HasPrefix(body, "{") {
				rw.Header().Set("Content-Type", "application/json")
			}
			rw.WriteHeader(code)
			fmt.Fprint(rw, body)
			return true
		}
	}
	answers := map[string]struct {
		answer func(http.ResponseWriter) bool
		kind   int
	}{
		"nothing":     {status(200, ""), 0},
		"null":        {status(200, "null"), 0},
		"an object":   {status(200, "{}"), 0},
		"not JSON":    {status(200, "<html>"), 0},
		"huge":        {status(200, `{"x":"`+strings.Repeat("x", maxAnswer)+`"}`), 0},
		"refused":     {status(400, `{"code":"Nope","message":"no"}`), 0},
		"null, 400":   {status(400, "null"), 0},
		"unavailable": {status(503, "try later"), temporary},
		"throttled":   {status(429, "{}"), temporary},
	}
	for _, source := range []string{"SSO by session", "instance", "container with a token"} {
		for name, test := range answers {
			t.Run(source+"/"+name, func(t *testing.T) {
				if source == "instance" && test.kind == temporary || source == "container with a token" &&
					name == "throttled" {
					t.Skip("takes the SDK seconds of trying again, whatever AWS_MAX_ATTEMPTS says")
				}
				w := newFixture(t)
				var leaf, more string
				broken := serve(t, func(*http.Request) (any, int, string) { return nil, 0, "" })
				broken.breaks = test.answer
				switch source {
				case "instance":
					leaf = "credential_source = Ec2InstanceMetadata"
					t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", broken.URL)
				case "container with a token":
					leaf = "credential_source = EcsContainer"
					t.Setenv(plan.ContainerFullURI, broken.URL+"/v1/credentials")
				default:
					w.signedIn("corp", ssoAccess, time.Hour, nil)
					t.Setenv("AWS_ENDPOINT_URL_SSO", broken.URL)
					leaf, more = "source_profile = leaf", "[profile leaf]\nsso_session = corp\n"+
						ssoProfile+ssoSessionSection
				}
				w.config("[profile dev]\nrole_arn = " + devARN + "\n" + leaf + "\n" + more)
				_, err := w.get("dev")
				var e *diag.Error
				if source == "container with a token" && name == "huge" &&
					!strings.Contains(diag.Text(err), "is incomplete") {
					t.Errorf("error %v: all of it is read", err)
				}
				if !errors.As(err, &e) || test.kind == temporary && !e.Has(diag.Temporary) ||
					e.Has(diag.NeedsUser) || len(err.Error()) > 1500 {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}

// Most machines have no instance metadata service; packets to its address may get no answer.
func TestSilentMetadataServiceIsNotWaitedFor(t *testing.T) {
	w := newFixture(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = silent.Close() })
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+silent.Addr().String())
	w.config("[profile dev]\nrole_arn = " + devARN + "\ncredential_source = Ec2InstanceMetadata\n")
	c, err := w.chain("dev")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := w.resolver.Credentials(ctx, c); err == nil || ctx.Err() != nil {
		t.Errorf("error %v, of the context: %v", err, ctx.Err())
	}
}

func TestMissingMetadataServices(t *testing.T) {
	for name, test := range map[string]struct {
		leaf string
		env  map[string]string
		want string
		kind int
	}{
		"instance metadata disabled": {
			"Ec2InstanceMetadata", map[string]string{"AWS_EC2_METADATA_DISABLED": "true"}, "access disabled",
			0,
		},
		"no instance": {
			"Ec2InstanceMetadata",
			map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"},
			"works only on an EC2 instance with a role", temporary,
		},
		"no container": {
			"EcsContainer", nil,
			"neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
			0,
		},
		"container elsewhere": {
			"EcsContainer", map[string]string{plan.ContainerFullURI: "http://192.0.2.1/v1/credentials"},
			"invalid endpoint host", 0,
		},
		"container's token file absent": {
			"EcsContainer",
			map[string]string{plan.ContainerFullURI: "http://127.0.0.1:1/",
				plan.ContainerTokenFile: "/nowhere/token"},
			"/nowhere/token: " + absent("/nowhere/token"), 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			for k, v := range test.env {
				t.Setenv(k, v)
			}
			w.config("[profile dev]\nrole_arn = " + devARN + "\ncredential_source = " + test.leaf)
			wantError(t, w, "dev", test.want, test.kind)
		})
	}
}

func TestInterruptHasNoHint(t *testing.T) {
	w := newFixture(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, silent.Close()) })
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		if conn, err := silent.Accept(); err == nil {
			cancel()
			<-t.Context().Done()
			_ = conn.Close() // the client has given up by then
		}
	}()
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+silent.Addr().String())
	w.config("[profile dev]\nrole_arn = " + devARN + "\ncredential_source = Ec2InstanceMetadata")
	c, err := w.chain("dev")
	must(t, err)
	if _, err := w.resolver.Credentials(ctx, c); !errors.Is(err, context.Canceled) ||
		diag.Hint(err) != "" {
		t.Error(err)
	}
}

func TestContainerWithStaticKeysIsRefused(t *testing.T) {
	w := newFixture(t)
	t.Setenv(plan.ContainerFullURI, "http://127.0.0.1:1/v1/credentials")
	w.config("[profile dev]\nrole_arn = " + devARN +
		"\ncredential_source = EcsContainer\naws_access_key_id = AKIAX\naws_secret_access_key = x")
	wantError(t, w, "dev", "the profile has static keys, which the AWS SDK prefers", 0)
}

// absent returns the system's message for a missing file.
func absent(path string) string {
	_, err := os.Stat(path)
	return cause(err).Error()
}

func TestWebIdentityFailures(t *testing.T) {
	for name, test := range map[string]struct {
		token func(w *fixture) string
		want  string
	}{
		"expired": {
			func(w *fixture) string { return w.token(-time.Hour) },
			": ExpiredTokenException for the web identity token: ",
		},
		"none":        {func(*fixture) string { return "\n" }, " has no token"},
		"not for STS": {func(*fixture) string { return "x.y.z" }, "InvalidIdentityToken"},
		"two tokens": {
			func(*fixture) string { return "x y" }, " has characters that a token cannot have",
		},
		"longer than it": {
			func(*fixture) string { return strings.Repeat("x", 20001) }, " has 20001 characters",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			path := w.write("token", test.token(w))
			w.config("[profile leaf]\nrole_arn = " + webARN + "\nweb_identity_token_file = " + path)
			wantError(t, w, "leaf", test.want, 0)
		})
	}
	w := newFixture(t)
	w.config("[profile leaf]\nrole_arn = " + webARN + "\nweb_identity_token_file = /nowhere/token")
	wantError(t, w, "leaf", "web identity token: /nowhere/token: "+absent("/nowhere/token"), 0)
	w.config("[profile leaf]\nrole_arn = " + webARN + "\nweb_identity_token_process = " +
		command("fail", "7"))
	wantError(t, w, "leaf", "leaf: web_identity_token_process ended with exit status 7", 0)
}

func TestRoleSettingsReachSTS(t *testing.T) {
	const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	w := newFixture(t)
	must(t, w.sts.AddManagedPolicy(readOnly, ststest.AllowAssume("*")))
	policy := w.write("policy.json", ststest.AllowAssume("*")+"\n")
	token := w.write("token", w.token(time.Hour))
	w.write("credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n"+
		"aws_session_token = %s\n",
		w.given.AccessKeyID, w.given.SecretAccessKey, w.given.SessionToken))
	w.config(`
[profile dev]
role_arn = ` + devARN + `
source_profile = base
source_identity = jill@example.com
session_tags = team = core , cost=12=3,empty=
transitive_session_tags = team, COST
policy = file://` + policy + `
policy_arns = ` + readOnly + `, ` + readOnly + `
[profile web]
role_arn = ` + webARN + `
web_identity_token_file = ` + token + `
role_session_name = web
policy = file://` + policy + `
policy_arns = ` + readOnly)
	w.mustGet("dev")
	w.mustGet("web")
	dev, err := w.chain("dev")
	must(t, err)
	x, err := w.resolver.Explain(t.Context(), dev)
	must(t, err)
	if got := x.Chain[1].Policy; got != "file://"+policy {
		t.Errorf("explain shows the policy %q", got)
	}
	requests := w.sts.Requests()
	for i, want := range []map[string]string{{
		"SourceIdentity": "jill@example.com", "Policy": ststest.AllowAssume("*"),
		"Tags.member.1.Key": "team", "Tags.member.1.Value": "core", "Tags.member.2.Key": "cost",
		"Tags.member.2.Value": "12=3", "Tags.member.3.Key": "empty", "Tags.member.3.Value": "",
		"TransitiveTagKeys.member.1": "team", "TransitiveTagKeys.member.2": "COST",
		"PolicyArns.member.1.arn": readOnly, "PolicyArns.member.2.arn": readOnly,
	}, {"RoleSessionName": "web", "Policy": ststest.AllowAssume("*"), "PolicyArns.member.1.arn": readOnly}} {
		for name, value := range want {
			if got, sent := requests[i].Params[name]; got != value || !sent {
				t.Errorf("call %d: %s is %q, want %q", i, name, got, value)
			}
		}
	}

	// The content of a policy file is part of the key, and checked before anything is sent.
	w.write("policy.json", ststest.AllowAssume(devARN))
	w.mustGet("dev")
	w.mustGet("web")
	if calls := len(w.sts.Requests()); calls != 4 {
		t.Errorf("%d calls of STS, want 4", calls)
	}
	for text, want := range map[string]string{"[]": "is not a JSON object", "": "is not a JSON object",
		strings.Repeat(" ", 70<<10): "is larger than 64 KB", `{"a":"` + strings.Repeat("x",
			2041) + `"}`: "has 2049 characters, and AWS allows 2048"} {
		w.write("policy.json", text)
		wantError(t, w, "dev", want, 0)
	}
	must(t, os.Remove(policy))
	wantError(t, w, "dev", "policy of profile dev: "+policy+": ", 0)
	if c, err := w.chain("web"); err != nil {
		t.Error(err)
	} else if _, err := w.resolver.Explain(t.Context(), c); err == nil ||
		!strings.Contains(diag.Text(err), policy) {
		t.Errorf("explain: %v", err)
	}
}

func TestExplainShowsEverySetting(t *testing.T) {
	w := newFixture(t)
	w.config("[profile p]\nrole_arn = " + devARN +
		"\nsource_profile = leaf\nsource_identity = jill\nsession_tags = a=b\n" +
		"transitive_session_tags = a\npolicy = {}\npolicy_arns = arn:aws:iam::aws:policy/A\n" +
		"[profile leaf]\nrole_arn = " + webARN + "\nweb_identity_token_process = x\n")
	c, err := w.chain("p")
	must(t, err)
	x, err := w.resolver.Explain(t.Context(), c)
	must(t, err)
	b, err := json.Marshal(x.Chain)
	must(t, err)
	want := `[{"type":"web_identity","profile":"leaf","role_arn":"` + webARN +
		`","web_identity_token_process":"x"},` +
		`{"type":"assume_role","profile":"p","role_arn":"` + devARN +
		`","source_identity":"jill","session_tags":{"a":"b"},"transitive_session_tags":["a"],"policy":"{}","policy_arns":["arn:aws:iam::aws:policy/A"]}]`
	if string(b) != want {
		t.Errorf("chain %s\n want %s", b, want)
	}
}
