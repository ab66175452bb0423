package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// childVar makes the test binary run one of children instead of the tests, in a process of its own.
const childVar = "AWS_CREDPROC_CACHE_TEST_CHILD"

var children = map[string]func(args []string) error{}

func TestMain(m *testing.M) {
	chooseLimit *= 10 // a machine that is busy with tests must not look like a keyring that is silent
	if name := os.Getenv(childVar); name != "" {
		if err := children[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// No test reaches the keyring of who runs it.
	os.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	os.Setenv("XDG_RUNTIME_DIR", "")
	os.Exit(m.Run())
}

func child(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), childVar+"="+name)
	return cmd
}

// runChildren runs n children at once and returns what each wrote; args gets the number of the child.
func runChildren(t *testing.T, n int, name string, args func(i int) []string) []string {
	t.Helper()
	out := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		cmd := child(t, name, args(i)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		all.Go(func() {
			b, err := cmd.Output()
			if err != nil {
				t.Errorf("child %d: %v: %s", i, err, stderr.String())
			}
			out[i] = strings.TrimSpace(string(b))
		})
	}
	all.Wait()
	return out
}

var (
	testKey  = Key{0xab, 1, 2, 3}
	otherKey = Key{0xcd}
)

// tokenSizes are those of session tokens that every store takes.
var tokenSizes = []int{300, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10}

// filesIn gives the paths of all files below a directory, if there is one.
func filesIn(t testing.TB, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return paths
}

func testSession() Session {
	issued := time.Now().UTC().Truncate(time.Second)
	return Session{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "hush/secret", SessionToken: "hush+token==", AccountID: "123456789012",
		Issued: issued, Expiration: issued.Add(time.Hour),
	}
}

func testFacts() Facts {
	return Facts{Profile: "dev-role", RoleARN: "arn:aws:iam::123456789012:role/Dev", Type: "assume_role", Source: "base"}
}

// warnings collects what a Cache warns of.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) warnf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, fmt.Sprintf(format, args...))
}

// want checks the number of warnings so far, and forgets them.
func (w *warnings) want(t *testing.T, n int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) != n {
		t.Errorf("%d warnings, want %d: %q", len(w.all), n, w.all)
	}
	w.all = nil
}

// openTest opens a Cache on a directory; an empty one is made anew.
func openTest(t *testing.T, choice Choice, dir string) (*Cache, *warnings) {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	w := &warnings{}
	c, err := Open(Options{Dir: dir, Choice: choice, Warnf: w.warnf})
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func mustPut(t *testing.T, c *Cache, key Key, s Session, want Choice) {
	t.Helper()
	got, err := c.Put(context.Background(), key, s, testFacts())
	if err != nil || got != want {
		t.Fatalf("Put: %v, %v; want %v", got, err, want)
	}
}
