package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"aws-credproc/internal/ststest"
)

// programs are the programs that the test binary runs as, by its name.
var programs = map[string]func(){
	"aws-credproc": func() { os.Exit(Main(os.Args[1:])) },
	"xdg-open":     openPage, // the browser on Linux
	"open":         openPage, // on macOS
}

// openPage visits the page in the first argument, as a browser does.
func openPage() {
	response, err := http.Get(os.Args[1])
	if err != nil {
		os.Exit(1)
	}
	_ = response.Body.Close() // the page was only visited
}

const (
	testAccount = "123456789012"
	testRole    = "arn:aws:iam::123456789012:role/Dev"
	testRole2   = "arn:aws:iam::210987654321:role/path/Ops"
)

const jillARN = "arn:aws:iam::" + testAccount + ":user/jill"

// jill remembers the first access key of each server's user.
var jill userKeys

type userKeys struct{ keys sync.Map }

func (u *userKeys) Key(s *ststest.Server) ststest.AccessKey {
	key, _ := u.keys.Load(s)
	return key.(ststest.AccessKey)
}

// newTestSTS starts an STS server with the user jill and two roles.
func newTestSTS() (*ststest.Server, error) {
	s, err := ststest.Start()
	if err != nil {
		return nil, err
	}
	user, err := s.AddUser(testAccount, "jill", ststest.AllowAssume(testRole))
	if err != nil {
		return nil, err
	}
	jill.keys.Store(s, user.Key)
	dev := ststest.Role{
		ARN: testRole, Trust: ststest.TrustPolicy(jillARN), Policy: ststest.AllowAssume(testRole2),
	}
	if err := s.AddRole(dev); err != nil {
		return nil, err
	}
	ops := ststest.Role{ARN: testRole2, Trust: ststest.TrustPolicy(testRole)}
	return s, s.AddRole(ops)
}

func writeKey(ts *testscript.TestScript, args []string, key ststest.AccessKey) {
	text := keysSection(args[1], key)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

var faults = map[string]ststest.Fault{
	"none":      {Kind: ststest.Slow},
	"5xx":       {Kind: ststest.Fail, Status: 503, Times: ststest.Always},
	"throttle":  {Kind: ststest.Throttle, Times: ststest.Always},
	"drop":      {Kind: ststest.Drop, Times: ststest.Always},
	"swallow":   {Kind: ststest.Swallow, Times: ststest.Always},
	"truncate":  {Kind: ststest.Truncate, Times: ststest.Always},
	"lost-key":  {Action: "CreateAccessKey", Kind: ststest.Truncate},
	"bytes":     {Kind: ststest.GarbageBytes, Times: ststest.Always},
	"html":      {Kind: ststest.GarbageHTML, Times: ststest.Always},
	"xml":       {Kind: ststest.GarbageXML, Times: ststest.Always},
	"empty":     {Kind: ststest.GarbageEmpty, Times: ststest.Always},
	"huge":      {Kind: ststest.GarbageHuge, Times: ststest.Always},
	"escapes":   {Kind: ststest.GarbageEscapes, Times: ststest.Always},
	"c1":        {Kind: ststest.GarbageC1, Times: ststest.Always},
	"fields":    {Kind: ststest.GarbageFields, Times: ststest.Always},
	"expired":   {Kind: ststest.Expired, Times: ststest.Always},
	"longtoken": {Kind: ststest.LongToken, Size: 16 << 10},
}

// helper is this program as a process, with config files and a state directory.
type helper struct {
	path, dir string
	env       []string
}

// newHelper returns the program with the profile dev, whose role jill may assume at s.
func newHelper(t *testing.T, s *ststest.Server) helper {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := helper{dir: t.TempDir()}
	h.path = filepath.Join(h.dir, "aws-credproc") // see programs
	link := os.Symlink
	if runtime.GOOS == "windows" { // symbolic links need a privilege
		h.path += ".exe"
		link = copyFile
	}
	if err := link(self, h.path); err != nil {
		t.Fatal(err)
	}
	key := jill.Key(s)
	for name, text := range map[string]string{
		"config":      "[profile dev]\nrole_arn = " + testRole + "\nsource_profile = base\n",
		"credentials": keysSection("base", key),
	} {
		if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.env = append(os.Environ(),
		"AWS_CONFIG_FILE="+filepath.Join(h.dir, "config"),
		"AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(h.dir, "credentials"),
		"AWS_CREDPROC_STATE_DIR="+filepath.Join(h.dir, "state"),
		"AWS_CREDPROC_STORE=file",
		"AWS_ENDPOINT_URL_STS="+s.URL)
	return h
}

// keysSection returns a section with an access key.
func keysSection(profile string, key ststest.AccessKey) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		profile, key.ID, key.Secret)
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o700)
}

func (h helper) command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), h.path, args...)
	cmd.Env = h.env
	return cmd
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(moduleRoot, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// isRunning reports whether a process has marker in its command line.
func isRunning(t *testing.T, marker string) bool {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), marker) {
			return true // an error means that the process has ended
		}
	}
	return false
}

// run runs the program and returns its output.
func (h helper) run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut strings.Builder
	cmd := h.command(t, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	return out.String(), errOut.String(), err
}

// runMany runs the program n times concurrently and calls check with the output of each.
func (h helper) runMany(
	t *testing.T, n int, check func(stdout, stderr string, err error), args ...string,
) {
	t.Helper()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			stdout, stderr, err := h.run(t, args...)
			check(stdout, stderr, err)
		})
	}
	wg.Wait()
}

// hangLimit is much longer than anything here takes.
const hangLimit = 30 * time.Second

// waitFor polls until condition returns true.
func waitFor(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(hangLimit); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

// newAgedHelper is newHelper with a cached session with a lifetime of an hour, of the given age.
func newAgedHelper(t *testing.T, s *ststest.Server, age time.Duration) helper {
	t.Helper()
	h := newHelper(t, s)
	// It identifies the processes of this helper: see renewalPID.
	h.env = append(h.env, fmt.Sprintf("AWS_CREDPROC_TIMEOUT=49.%09ds", rand.N(1_000_000_000)))
	s.SetMaxSkew(2 * time.Hour)
	s.SetNow(func() time.Time { return time.Now().Add(-age) })
	if _, stderr, err := h.run(t, "refresh", "dev"); err != nil {
		t.Fatal(stderr)
	}
	s.SetNow(nil)
	return h
}

// isNew reports whether a session that get has printed is valid for an hour.
func isNew(t *testing.T, out string) bool {
	t.Helper()
	var printed struct{ Expiration time.Time }
	if err := json.Unmarshal([]byte(out), &printed); err != nil {
		t.Fatal(err)
	}
	return time.Until(printed.Expiration) > 55*time.Minute
}

// renewalPID returns the ID of the process that renews a session of an aged helper, 0 if there is
// none.
func renewalPID(t *testing.T, h helper) int {
	t.Helper()
	var timeout string
	for _, v := range h.env {
		if value, ok := strings.CutPrefix(v, "AWS_CREDPROC_TIMEOUT=49."); ok {
			timeout = "49." + strings.TrimRight(value, "0s")
		}
	}
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		isRenew := err == nil && strings.Contains(string(line), "\x00"+renewName+"\x00")
		if isRenew && strings.Contains(string(line), timeout) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	return 0
}

// startSTS is newTestSTS for one test.
func startSTS(t *testing.T) *ststest.Server {
	t.Helper()
	s, err := newTestSTS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// setting adds a line to the profile dev.
func (h helper) setting(t *testing.T, line string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(h.dir, "config"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
}

// testApp returns an app whose output is discarded.
func testApp() *app { return &app{console: newConsole(io.Discard, io.Discard)} }
