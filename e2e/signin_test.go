package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"aws-credproc/internal/childtest"
)

func TestMain(m *testing.M) {
	childtest.Register("gosdk", printSDKCredentials)
	childtest.Main()
	os.Exit(m.Run())
}

// printSDKCredentials prints the access key ID that the AWS SDK for Go returns for a profile.
func printSDKCredentials(args []string) error {
	cfg, err := config.LoadDefaultConfig(context.Background(),
		config.WithSharedConfigProfile(args[0]))
	if err != nil {
		return err
	}
	c, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil {
		return err
	}
	fmt.Println(c.AccessKeyID)
	return nil
}

// signInStores are the settings of a store with which processes renew a sign-in.
var signInStores = map[string]struct {
	env      string
	warnings int
}{
	"none":                     {"AWS_CREDPROC_STORE=none", 0},
	"file":                     {"AWS_CREDPROC_STORE=file", 0},
	"kernel":                   {"AWS_CREDPROC_STORE=kernel", 0},
	"keyring":                  {"AWS_CREDPROC_STORE=keyring", 0},
	"unusable state directory": {"AWS_CREDPROC_STATE_DIR=/dev/null/state", 1},
	"none, unusable directory": {
		"AWS_CREDPROC_STORE=none\x00AWS_CREDPROC_STATE_DIR=/dev/null/state", 1,
	},
}

// TestE2ESignInIsRenewedOnce: many processes need an expired sign-in whose refresh token is valid
// for one use. One redeems it, whatever the store.
func TestE2ESignInIsRenewedOnce(t *testing.T) {
	service := startSecretService(t)
	program := buildProgram(t)
	for kind := range signInKinds {
		for store, test := range signInStores {
			t.Run(kind+", "+store, func(t *testing.T) {
				s := startSignInServices(t)
				env := append(service.env, s.env()...)
				h := newHome(t, append(env, strings.Split(test.env, "\x00")...)...)
				if store == "kernel" {
					auto := h.with("DBUS_SESSION_BUS_ADDRESS=", "XDG_RUNTIME_DIR=", "AWS_CREDPROC_STORE=auto")
					if got, reason := auto.newSessions(t, program); got != store {
						t.Skipf("SKIPPED: no kernel store: %s", reason)
					}
				}
				t.Cleanup(func() { forgetKernelKey(t, h) })
				path := s.signIn(t, h, kind)
				results, _ := h.storm(t, program, profilesOf(15, kind), nil)
				for _, r := range results {
					r.credentials(t, test.warnings)
				}
				s.check(t, 1, 0)
				checkToken(t, path, kind)
				if store == "keyring" {
					h.ok(t, program, "clear", "--all")
				}
			})
		}
	}
}

// check checks how many refresh tokens were redeemed and refused.
func (s *signInServices) check(t *testing.T, redeemed, refused int) {
	t.Helper()
	if n, r := s.counts(); n != redeemed || r != refused {
		t.Errorf("%d tokens were redeemed and %d refused, want %d and %d", n, r, redeemed, refused)
	}
}

// checkToken checks that a token file was renewed and has all members that it had.
func checkToken(t *testing.T, path, kind string) {
	t.Helper()
	token := readToken(t, path)
	want := []string{"clientId", "refreshToken", "unknownMember", "accessToken"}
	if kind == "sso" {
		want = append(want, "startUrl", "region", "expiresAt", "clientSecret", "registrationExpiresAt")
	} else {
		want = append(want, "tokenType", "idToken", "dpopKey")
		access := token["accessToken"].(map[string]any)
		if access["accountId"] != signInAccount || access["expiresAt"] == nil {
			t.Errorf("accountId %v, expiresAt %v", access["accountId"], access["expiresAt"])
		}
	}
	for _, name := range want {
		if token[name] == nil {
			t.Errorf("the token file has lost %s", name)
		}
	}
	if token["refreshToken"] == refreshToken(0) {
		t.Error("the new refresh token is lost")
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("%d files in the directory of the token, want 1 (%v)", len(files), err)
	}
}

// signInPrograms are other programs that renew sign-ins.
var signInPrograms = map[string]struct {
	kinds   []string
	command func(t *testing.T, h *home, kind string) *exec.Cmd
}{
	"AWS CLI": {[]string{"sso"}, func(t *testing.T, h *home, kind string) *exec.Cmd {
		need(t, hasPythonParts(t), "AWS CLI v1 in build/venv")
		return h.command(t, python(t), "-m", "awscli", "sts", "get-caller-identity",
			"--profile", kind)
	}},
	"boto3": {[]string{"sso"}, func(t *testing.T, h *home, kind string) *exec.Cmd {
		need(t, hasPythonParts(t), "boto3 in build/venv")
		return h.command(t, python(t), "-c", "import boto3, sys; print(boto3.Session("+
			"profile_name=sys.argv[1]).get_credentials().get_frozen_credentials().access_key)", kind)
	}},
	"SDK for Go": {[]string{"sso", "login"}, func(t *testing.T, h *home, kind string) *exec.Cmd {
		cmd := childtest.Command(t, "gosdk", kind)
		cmd.Env = append(h.env, cmd.Env[len(cmd.Env)-1])
		return cmd
	}},
}

func (h *home) command(t *testing.T, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = h.env
	return cmd
}

// TestE2ESignInIsSharedWithOtherPrograms: other programs renew the same sign-in, before, during and
// after processes of this program do.
func TestE2ESignInIsSharedWithOtherPrograms(t *testing.T) {
	program := buildProgram(t)
	for name, other := range signInPrograms {
		for _, kind := range other.kinds {
			start := func(t *testing.T) (*signInServices, *home, string) {
				s := startSignInServices(t)
				h := newHome(t, append(s.env(), "AWS_CREDPROC_STORE=none")...)
				return s, h, s.signIn(t, h, kind)
			}
			mustRun := func(t *testing.T, cmd *exec.Cmd) {
				t.Helper()
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", name, err, out)
				}
			}
			t.Run(name+" redeems first, "+kind, func(t *testing.T) {
				s, h, path := start(t)
				// It has no response yet when a process of this program is refused.
				s.hold = func() { s.waitFor(1, 1) }
				cmd := other.command(t, h, kind)
				done := make(chan struct{})
				go func() { defer close(done); mustRun(t, cmd) }()
				if !s.waitFor(1, 0) {
					t.Fatal("the other program does not redeem the token")
				}
				results, _ := h.storm(t, program, profilesOf(15, kind), nil)
				<-done
				for _, r := range results {
					r.credentials(t, 0)
				}
				if n, _ := s.counts(); n != 1 {
					t.Errorf("%d redemptions, want 1", n)
				}
				checkOwnFile(t, path)
			})
			t.Run(name+" redeems second, "+kind, func(t *testing.T) {
				s, h, path := start(t)
				cmd := other.command(t, h, kind) // it may skip the test
				refused := make(chan struct{})
				release := sync.OnceFunc(func() { close(refused) })
				defer release()
				s.hold = func() { <-refused }
				done := make(chan []result)
				go func() {
					results, _ := h.storm(t, program, profilesOf(15, kind), nil)
					done <- results
				}()
				if !s.waitFor(1, 0) {
					t.Fatal("this program does not redeem the token")
				}
				_ = cmd.Run() // fails: it does not read again
				release()
				for _, r := range <-done {
					r.credentials(t, 0)
				}
				if n, _ := s.counts(); n != 1 {
					t.Errorf("%d redemptions, want 1", n)
				}
				checkToken(t, path, kind)

				s.hold = nil
				mustRun(t, other.command(t, h, kind)) // with the token that this program has saved
				if n, _ := s.counts(); n != 1 {
					t.Errorf("%d redemptions, want 1", n)
				}
				for redeemed := 2; redeemed <= 3; redeemed++ {
					expire(t, path, kind)
					if redeemed == 2 {
						mustRun(t, other.command(t, h, kind))
					} else {
						h.run(t, program, "get", kind).credentials(t, 0)
					}
					if n, _ := s.counts(); n != redeemed {
						t.Errorf("%d redemptions, want %d", n, redeemed)
					}
				}
			})
		}
	}
}

// checkOwnFile checks that a token file holds the token of the only redemption.
func checkOwnFile(t *testing.T, path string) {
	t.Helper()
	if token := readToken(t, path); token["refreshToken"] != refreshToken(1) {
		t.Error("the refresh token of the other program is lost")
	}
}

// TestSignInFileThatIsBeingWritten: some programs truncate the token file and then write it.
func TestSignInFileThatIsBeingWritten(t *testing.T) {
	program := buildProgram(t)
	for kind := range signInKinds {
		for state, cut := range map[string]func(string) string{
			"empty":      func(string) string { return "" },
			"incomplete": func(text string) string { return text[:len(text)/2] },
		} {
			t.Run(kind+", "+state, func(t *testing.T) {
				s := startSignInServices(t)
				h := newHome(t, append(s.env(), "AWS_CREDPROC_STORE=none")...)
				path := s.signIn(t, h, kind)
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(cut(string(text))), 0o600); err != nil {
					t.Fatal(err)
				}
				cmd := h.command(t, program, "--verbose", "get", kind)
				read, write, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				cmd.Stderr = write
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				_ = write.Close()
				waited := false
				log := scan(read, func(line string) {
					if strings.Contains(line, "reading the token file again") && !waited {
						waited = true
						if err := os.WriteFile(path, text, 0o600); err != nil {
							t.Error(err)
						}
					}
				})
				if err := cmd.Wait(); err != nil || !waited {
					t.Errorf("%v; it waited: %v\n%s", err, waited, log)
				}
				s.check(t, 1, 0)
			})
		}
	}
}

// scan calls do for each line of a pipe until its end, and returns all of them.
func scan(pipe *os.File, do func(line string)) string {
	defer pipe.Close()
	var all strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		do(lines.Text())
		all.WriteString(lines.Text() + "\n")
	}
	return all.String()
}
