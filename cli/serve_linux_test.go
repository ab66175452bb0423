package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"
)

// servedCommand is a command of exec --serve that runs until end is called.
type servedCommand struct {
	url, token string
	stderr     bytes.Buffer
	cmd        *exec.Cmd
	stdin      io.Closer
}

// endpoint expands to the URL and the token in a shell.
const endpoint = "$AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN"

func (h helper) serve(t *testing.T, args ...string) *servedCommand {
	t.Helper()
	args = append([]string{"exec", "dev", "--serve"}, args...)
	args = append(args, "--", "sh", "-c", `echo "`+endpoint+`"; exec cat`)
	s := &servedCommand{cmd: h.command(t, args...)}
	s.cmd.Stderr = &s.stderr
	stdin, err := s.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.stdin = stdin
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("%v; %v; stderr %s", err, s.cmd.Wait(), s.stderr.String())
	}
	s.url, s.token, _ = strings.Cut(strings.TrimSpace(line), " ")
	return s
}

// end ends the command and returns its stderr.
func (s *servedCommand) end(t *testing.T) (stderr string) {
	t.Helper()
	s.stdin.Close()
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
	return s.stderr.String()
}

// response is a response of the endpoint.
type response struct {
	status        int
	AccessKeyId   string
	Expiration    time.Time
	Code, Message string
}

func (s *servedCommand) ask(t *testing.T) (g response) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", s.token)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&g); err != nil {
		t.Fatal(err)
	}
	g.status = resp.StatusCode
	return g
}

// shortSession makes the next session expire after 3 seconds.
var shortSession = ststest.Fault{Kind: ststest.Expired, By: -3 * time.Second}

// TestServeRenewsSessions: with a store, and without one.
func TestServeRenewsSessions(t *testing.T) {
	for _, store := range []string{"file", "none"} {
		t.Run(store, func(t *testing.T) {
			s := startSTS(t)
			h := newHelper(t, s)
			h.env = append(h.env, "AWS_CREDPROC_STORE="+store)
			s.Fault(shortSession)
			e := h.serve(t)
			var next response
			waitFor(t, "the next session", func() bool {
				next = e.ask(t)
				return time.Until(next.Expiration) > 55*time.Minute
			})
			for range 10 {
				if again := e.ask(t); again != next || again.status != 200 {
					t.Errorf("%+v", again)
				}
			}
			if calls := s.Calls("AssumeRole"); calls != 2 {
				t.Errorf("%d calls, want 2", calls)
			}
			if stderr := e.end(t); stderr != "" {
				t.Errorf("stderr %s", stderr)
			}
		})
	}
}

// TestServeSharesTheCache: it returns the session of another process, and renews in the background.
func TestServeSharesTheCache(t *testing.T) {
	s := startSTS(t)
	h := newAgedHelper(t, s, 34*time.Minute)
	e := h.serve(t)
	old := e.ask(t)
	h.output(t, "refresh", "dev")
	if g := e.ask(t); g.AccessKeyId == old.AccessKeyId {
		t.Error("not the session of refresh")
	}
	e.end(t)

	h = newAgedHelper(t, s, 40*time.Minute)
	e = h.serve(t)
	old = e.ask(t)
	waitFor(t, "the renewal", func() bool { return e.ask(t).AccessKeyId != old.AccessKeyId })
	if pid := renewalPID(t, h); pid != 0 {
		t.Errorf("process %d renews the session too", pid)
	}
	e.end(t)
}

// TestServeReportsFailures: to the command each time, on stderr once.
func TestServeReportsFailures(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	h.env = append(h.env, "AWS_MAX_ATTEMPTS=1")
	s.Fault(shortSession)
	e := h.serve(t)
	s.Fault(faults["5xx"])
	var failed response
	waitFor(t, "a failure", func() bool { failed = e.ask(t); return failed.status != 200 })
	if failed.status != 503 || failed.Code != "CredentialsUnavailable" ||
		!strings.HasPrefix(failed.Message, "dev: AssumeRole "+testRole) {
		t.Errorf("%+v", failed)
	}
	for range 3 {
		e.ask(t)
	}
	s.ClearFaults()
	h.output(t, "refresh", "dev") // ignores the cached failure
	if g := e.ask(t); g.status != 200 {
		t.Errorf("after the outage: %+v", g)
	}
	stderr := strings.Replace(e.end(t), "warning: ", "", 1)
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "aws-credproc: dev: ") {
		t.Errorf("stderr %s", stderr)
	}
}

func TestServeEndsWithTheCommand(t *testing.T) {
	e := newHelper(t, startSTS(t)).serve(t)
	if g := e.ask(t); g.status != 200 {
		t.Fatalf("%+v", g)
	}
	e.end(t)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if resp, err := http.Get(e.url); err == nil {
		resp.Body.Close()
		t.Error("the endpoint still responds")
	}
}

// TestServeWritesTheTokenToAFile: only the user can read it, and it is deleted at the end.
func TestServeWritesTheTokenToAFile(t *testing.T) {
	h := newHelper(t, startSTS(t))
	temporary := t.TempDir()
	h.env = append(h.env, "TMPDIR="+temporary)
	const script = `umask 0; f=$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
stat -c %a "$f" "${f%/*}"; [ "$(cat "$f")" = "$AWS_CONTAINER_AUTHORIZATION_TOKEN" ] && wc -c <"$f"`
	out := h.output(t, "exec", "dev", "--serve", "--", "sh", "-c", script)
	if out != "600\n700\n26\n" {
		t.Errorf("modes and size: %q", out)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("remaining files: %v (%v)", left, err)
	}
	h.env = append(h.env, "TMPDIR="+temporary+"/none")
	stdout, stderr, err := h.run(t, "exec", "dev", "--serve", "--", "env")
	if err != nil || strings.Contains(stdout, "TOKEN_FILE") ||
		!strings.Contains(stderr, "cannot write the token") {
		t.Errorf("%v; stderr %s", err, stderr)
	}
}

// TestServeReadsTheConfigAgain: changes have effect from the next request on.
func TestServeReadsTheConfigAgain(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	e := h.serve(t)
	old := e.ask(t)
	h.setting(t, "role_session_name = other")
	if g := e.ask(t); g.status != 200 || g.AccessKeyId == old.AccessKeyId {
		t.Errorf("%+v", g)
	}
	h.setting(t, "role_arn = nonsense")
	if g := e.ask(t); g.status != 403 || !strings.Contains(g.Message, "which is not an ARN") {
		t.Errorf("%+v", g)
	}
	e.end(t)
}

// TestServeLeavesTheTerminalToTheCommand: the user is asked there only before the command starts.
func TestServeLeavesTheTerminalToTheCommand(t *testing.T) {
	const serial = "arn:aws:iam::" + testAccount + ":mfa/jill"
	const seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	s := startSTS(t)
	if err := s.AddMFADevice(jillARN, serial, seed); err != nil {
		t.Fatal(err)
	}
	fault := shortSession
	fault.Times = ststest.Always
	s.Fault(fault)
	h := newHelper(t, s)
	h.setting(t, "mfa_serial = "+serial+"\nmfa_session_duration = 0")
	p := ptytest.New(t)
	const script = `echo "<` + endpoint + `>"; read line`
	cmd := h.command(t, "exec", "dev", "--serve", "--", "sh", "-c", script)
	cmd.Env = append(cmd.Env, "DISPLAY=", "WAYLAND_DISPLAY=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, p.TTY, p.TTY
	p.Start(cmd)
	const question = "MFA code for"
	p.Await(question)
	code, err := totp.GenerateCode(seed, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p.Type(code + "\n")
	p.Await(">")
	_, text, _ := strings.Cut(p.Shown(), "<")
	text, _, _ = strings.Cut(text, ">")
	var e servedCommand
	e.url, e.token, _ = strings.Cut(text, " ")

	var refused response
	waitFor(t, "the session to expire", func() bool {
		refused = e.ask(t)
		return refused.status != 200
	})
	if refused.status != 403 || !strings.Contains(refused.Message, "MFA code required for") {
		t.Errorf("%+v", refused)
	}
	p.Type("\n")
	if err := cmd.Wait(); err != nil || strings.Count(p.Shown(), question) != 1 {
		t.Errorf("%v; the terminal shows %q", err, p.Shown())
	}
}

// TestServeRespondsFromTheBackground: an interactive shell as command has the terminal. With
// "stty tostop", writing a message there would stop the program.
func TestServeRespondsFromTheBackground(t *testing.T) {
	s := startSTS(t)
	s.Fault(shortSession)
	h := newHelper(t, s)
	h.env = append(h.env, "AWS_MAX_ATTEMPTS=1", "PS1=ready> ", "TERM=dumb")
	p := ptytest.New(t)
	// The user's shell, which runs the program as a job.
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile")
	cmd.Env = h.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, p.TTY, p.TTY
	p.Start(cmd)
	p.Await("ready> ")
	p.Type(h.path + " exec dev --serve -- bash --norc --noprofile\n")
	p.Await("ready> ")
	s.Fault(faults["5xx"])
	p.Type("stty tostop; echo \"<" + endpoint + ">\"\n")
	p.Await("<http")
	p.Await("ready> ")
	_, text, _ := strings.Cut(p.Shown(), "<http")
	text, _, _ = strings.Cut("http"+text, ">")
	var e servedCommand
	e.url, e.token, _ = strings.Cut(text, " ")
	ask := func() int {
		responses := make(chan int, 1)
		go func() { responses <- e.ask(t).status }()
		select {
		case status := <-responses:
			return status
		case <-time.After(hangLimit):
			t.Fatal("no response")
			return 0
		}
	}
	waitFor(t, "a failure", func() bool { return ask() == 503 })
	p.Type("exit\nexit\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
