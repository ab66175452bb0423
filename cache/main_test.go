package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/internal/childtest"
)

// testKeyringLimit is longer than the default, because a busy machine must not look like a keyring
// that does not respond.
const testKeyringLimit = 10 * defaultKeyringLimit

func TestMain(m *testing.M) {
	childtest.Main()
	// No test uses the keyring of the user who runs it.
	os.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	os.Setenv("XDG_RUNTIME_DIR", "")
	os.Exit(m.Run())
}

var (
	testKey  = Key{0xab, 1, 2, 3}
	otherKey = Key{0xcd}
)

// tokenSizes are sizes of session tokens that every store accepts.
var tokenSizes = []int{300, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10}

// filesIn returns the paths of all files below a directory, none if it does not exist.
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

func factsDir(dir string) string { return filepath.Join(dir, string(statedir.Facts)) }

func factsPath(dir string, key Key) string { return filepath.Join(factsDir(dir), factsName(key)) }

func sessionsDir(dir string) string { return filepath.Join(dir, string(statedir.Sessions)) }

// sealedPath returns the path of a sealed file of the file store.
func sealedPath(dir string, key Key) string { return filepath.Join(sessionsDir(dir), key.String()) }

func testSession() Session {
	issued := time.Now().UTC().Truncate(time.Second)
	return Session{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "hush/secret",
		SessionToken: "hush+token==", AccountID: "123456789012",
		Issued: issued, Expiration: issued.Add(time.Hour),
	}
}

func testFacts() Facts {
	return Facts{Profile: "dev-role", RoleARN: "arn:aws:iam::123456789012:role/Dev",
		Type: "assume_role", Source: "base"}
}

// warnings collects the warnings of a Cache.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) warnf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, fmt.Sprintf(format, args...))
}

// want checks the number of warnings since the last call.
func (w *warnings) want(t *testing.T, n int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) != n {
		t.Errorf("%d warnings, want %d: %q", len(w.all), n, w.all)
	}
	w.all = nil
}

// openWith opens a Cache with a keyring that has time to respond.
func openWith(o Options) (*Cache, error) {
	o.Keyring, o.KeyringLimit = new(keyring.Keyring), testKeyringLimit
	return Open(o)
}

// openTest opens a Cache with a state directory, a new one if dir is empty.
func openTest(t *testing.T, choice Choice, dir string) (*Cache, *warnings) {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	w := &warnings{}
	c, err := openWith(Options{Dir: dir, Choice: choice, Warnf: w.warnf})
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
