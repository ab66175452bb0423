package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/ststest"
	"aws-credproc/internal/terminal/ptytest"

	"github.com/pquerna/otp/totp"
)

// served is a command that runs with an endpoint, until it is told to end.
type served struct {
	url, token string
	stderr     bytes.Buffer
	cmd        *exec.Cmd
	stdin      io.Closer
}

func (h helper) serve(t *testing.T, args ...string) *served {
	t.Helper()
	const command = `echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN"; exec cat`
	s := &served{cmd: h.command(t, append(append([]string{"exec", "dev", "--serve"}, args...), "--", "sh", "-c", command)...)}
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

// end ends the command, and gives what was said meanwhile.
func (s *served) end(t *testing.T) (stderr string) {
	t.Helper()
	s.stdin.Close()
	if err := s.cmd.Wait(); err != nil {
		t.Error(err)
	}
	return s.stderr.String()
}

// given is an answer of the endpoint.
type given struct {
	status        int
	AccessKeyId   string
	Expiration    time.Time
	Code, Message string
}

func (s *served) ask(t *testing.T) (g given) {
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

// TestServeRenewsWhatIsUsedUp: with any store, and without one.
func TestServeRenewsWhatIsUsedUp(t *testing.T) {
	for _, store := range []string{"file", "none"} {
		t.Run(store, func(t *testing.T) {
			s := startSTS(t)
			h := newHelper(t, s)
			h.env = append(h.env, "AWS_CREDPROC_STORE="+store)
			s.Fault(ststest.Fault{Kind: ststest.Expired, By: -3 * time.Second}) // this one session lasts for 3 seconds
			e := h.serve(t)
			var next given
			waitFor(t, "the session after it", func() bool { next = e.ask(t); return time.Until(next.Expiration) > 55*time.Minute })
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

// TestServeSharesTheCache: it gives what another process got, and renews ahead for all.
func TestServeSharesTheCache(t *testing.T) {
	s := startSTS(t)
	h := newAgedHelper(t, s, 34*time.Minute)
	e := h.serve(t)
	old := e.ask(t)
	h.output(t, "refresh", "dev")
	if young := e.ask(t); young.AccessKeyId == old.AccessKeyId {
		t.Error("it does not see what refresh did")
	}
	e.end(t)

	h = newAgedHelper(t, s, 40*time.Minute)
	e = h.serve(t)
	old = e.ask(t)
	waitFor(t, "the renewal", func() bool { return e.ask(t).AccessKeyId != old.AccessKeyId })
	if pid := renewalPID(t, h); pid != 0 {
		t.Errorf("process %d renews", pid)
	}
	e.end(t)
}

// TestServeInAnOutage: the command hears of it, and a person once.
func TestServeInAnOutage(t *testing.T) {
	s := startSTS(t)
	h := newHelper(t, s)
	h.env = append(h.env, "AWS_MAX_ATTEMPTS=1")
	s.Fault(ststest.Fault{Kind: ststest.Expired, By: -3 * time.Second})
	e := h.serve(t)
	s.Fault(faults["5xx"])
	var failed given
	waitFor(t, "a failure", func() bool { failed = e.ask(t); return failed.status != 200 })
	if failed.status != 503 || failed.Code != "CredentialsUnavailable" || !strings.HasPrefix(failed.Message, "dev: AssumeRole "+testRole) {
		t.Errorf("%+v", failed)
	}
	for range 3 {
		e.ask(t)
	}
	s.ClearFaults()
	h.output(t, "refresh", "dev") // which tries at once, where others wait a little
	if g := e.ask(t); g.status != 200 {
		t.Errorf("and when it is over: %+v", g)
	}
	if stderr := e.end(t); strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "aws-credproc: dev: ") && !strings.HasPrefix(stderr, "aws-credproc: warning: dev: ") {
		t.Errorf("stderr %s", stderr)
	}
}

// TestServeEndsWithTheCommand: nothing answers after it.
func TestServeEndsWithTheCommand(t *testing.T) {
	e := newHelper(t, startSTS(t)).serve(t)
	if g := e.ask(t); g.status != 200 {
		t.Fatalf("%+v", g)
	}
	e.end(t)
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	if resp, err := http.Get(e.url); err == nil {
		resp.Body.Close()
		t.Error("it still answers")
	}
}

// TestServeFollowsTheConfig: another key of the source, and another role, count from the next
// answer on.
func TestServeFollowsTheConfig(t *testing.T) {
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

// TestServeLeavesTheTerminalToTheCommand: a person is asked there before it starts, and no more
// when it runs.
func TestServeLeavesTheTerminalToTheCommand(t *testing.T) {
	const serial, seed = "arn:aws:iam::" + testAccount + ":mfa/jill", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
	s := startSTS(t)
	if err := s.AddMFADevice(jillARN, serial, seed); err != nil {
		t.Fatal(err)
	}
	s.Fault(ststest.Fault{Kind: ststest.Expired, By: -3 * time.Second, Times: ststest.Always})
	h := newHelper(t, s)
	h.setting(t, "mfa_serial = "+serial+"\nmfa_session_duration = 0")
	p := ptytest.New(t)
	cmd := h.command(t, "exec", "dev", "--serve", "--", "sh", "-c", `echo "<$AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN>"; read line`)
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
	_, told, _ := strings.Cut(p.Shown(), "<")
	told, _, _ = strings.Cut(told, ">")
	var e served
	e.url, e.token, _ = strings.Cut(told, " ")

	var refused given
	waitFor(t, "the end of the session", func() bool { refused = e.ask(t); return refused.status != 200 })
	if refused.status != 403 || !strings.Contains(refused.Message, "MFA code required for") {
		t.Errorf("%+v", refused)
	}
	p.Type("\n")
	if err := cmd.Wait(); err != nil || strings.Count(p.Shown(), question) != 1 {
		t.Errorf("%v; the terminal shows %q", err, p.Shown())
	}
}

// TestServeAnswersFromTheBackground: a shell with job control takes the terminal, and may be set to
// stop who writes there from the background, as the endpoint does when it fails.
func TestServeAnswersFromTheBackground(t *testing.T) {
	s := startSTS(t)
	s.Fault(ststest.Fault{Kind: ststest.Expired, By: -3 * time.Second})
	h := newHelper(t, s)
	h.env = append(h.env, "AWS_MAX_ATTEMPTS=1", "PS1=ready> ", "TERM=dumb")
	p := ptytest.New(t)
	cmd := exec.CommandContext(t.Context(), "bash", "--norc", "--noprofile") // a person's, with the program as a job of it
	cmd.Env = h.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.TTY, p.TTY, p.TTY
	p.Start(cmd)
	p.Await("ready> ")
	p.Type(h.path + " exec dev --serve -- bash --norc --noprofile\n")
	p.Await("ready> ")
	s.Fault(faults["5xx"])
	p.Type("stty tostop; echo \"<$AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN>\"\n")
	p.Await("<http")
	p.Await("ready> ")
	_, told, _ := strings.Cut(p.Shown(), "<http")
	told, _, _ = strings.Cut("http"+told, ">")
	var e served
	e.url, e.token, _ = strings.Cut(told, " ")
	ask := func() int {
		answer := make(chan int, 1)
		go func() { answer <- e.ask(t).status }()
		select {
		case status := <-answer:
			return status
		case <-time.After(hangLimit):
			t.Fatal("no answer")
			return 0
		}
	}
	waitFor(t, "a failure", func() bool { return ask() == 503 })
	p.Type("exit\nexit\n")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
