package cache

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/cache/statedir"

	"github.com/google/go-cmp/cmp"
)

func TestParseChoice(t *testing.T) {
	for in, want := range map[string]Choice{"": Auto, "auto": Auto, "keyring": Keyring,
		"kernel": Kernel, "file": File, "none": None} {
		if got, err := ParseChoice(in); err != nil || got != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{"FILE": "one of auto, keyring, kernel, file, none",
		"\x1b": "unknown"} {
		if _, err := ParseChoice(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", in, err)
		}
	}
	if _, err := openWith(Options{Choice: "cupboard"}); err == nil {
		t.Error("Open accepts any choice")
	}
}

func TestSessionIsReturnedUntilItExpires(t *testing.T) {
	now := time.Now()
	w := &warnings{}
	c, err := openWith(Options{Dir: t.TempDir(), Choice: File,
		Warnf: w.warnf, Now: func() time.Time {
			return now
		}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	s := testSession()
	mustPut(t, c, testKey, s, File)
	if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := c.Get(t.Context(), otherKey); !errors.Is(err, ErrMiss) {
		t.Errorf("another key: %v", err)
	}
	now = s.Expiration
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("expired: %v", err)
	}
	if _, err := c.GetLocked(t.Context(), testKey, testFacts()); !errors.Is(err, ErrMiss) {
		t.Errorf("expired, GetLocked: %v", err)
	}
	w.want(t, 0)
}

// A session in memory is returned until it expires or is deleted.
func TestMemoryHasSessionsThatNoStoreAccepts(t *testing.T) {
	now := time.Now()
	open := func(memory bool) *Cache {
		c, err := openWith(Options{Dir: t.TempDir(), Choice: None,
			Memory: memory, Now: func() time.Time {
				return now
			}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	s := testSession()
	c := open(true)
	mustPut(t, c, testKey, s, None)
	if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := c.GetLocked(t.Context(), testKey, testFacts()); err != nil || got != s {
		t.Errorf("GetLocked: %v, %v", got, err)
	}
	for name, del := range map[string]func() error{
		"deleted": func() error { return c.Delete(t.Context(), testKey) },
		"cleared": func() error { _, err := c.Clear(t.Context()); return err },
		"expired": func() error { now = s.Expiration; return nil },
	} {
		now = s.Expiration.Add(-time.Minute)
		mustPut(t, c, testKey, s, None)
		if err := del(); err != nil {
			t.Error(err)
		}
		if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
			t.Errorf("%s: %v", name, err)
		}
	}
	now = s.Expiration.Add(-time.Minute)
	c = open(false)
	mustPut(t, c, testKey, s, None)
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("without the option: %v", err)
	}

	dir := t.TempDir()
	c, err := openWith(Options{Dir: dir, Choice: File, Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, c, testKey, s, File)
	other, _ := openTest(t, File, dir)
	if err := other.Delete(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("deleted from the store: %v", err)
	}
}

func TestReadingAnEmptyCacheCreatesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	c, w := openTest(t, File, dir)
	_, getErr := c.Get(t.Context(), testKey)
	all, factsErr := c.Facts()
	if !errors.Is(getErr, ErrMiss) || factsErr != nil || len(all) != 0 ||
		c.Delete(t.Context(), testKey) != nil {
		t.Errorf("%v, %v, %v", getErr, all, factsErr)
	}
	if name, reason := c.StoreName(t.Context()); name != File || reason != "" {
		t.Errorf("store %v: %v", name, reason)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading created the state directory: %v", err)
	}
	w.want(t, 0)
}

func TestNoneCachesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	c, w := openTest(t, None, dir)
	mustPut(t, c, testKey, testSession(), None)
	_, err := c.Get(t.Context(), testKey)
	_, lockedErr := c.GetLocked(t.Context(), testKey, testFacts())
	if !errors.Is(err, ErrMiss) || !errors.Is(lockedErr, ErrMiss) {
		t.Errorf("%v, %v", err, lockedErr)
	}
	if err := c.RecordFailure(testKey, testFacts(), errors.New("x")); err != nil {
		t.Error(err)
	}
	one, err := c.Lock(t.Context(), testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := c.Lock(t.Context(), testKey, nil) // does not wait
	if err != nil {
		t.Fatal(err)
	}
	one()
	two()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the state directory was created: %v", err)
	}
	w.want(t, 0)
}

func TestNoneReadsNothingAndDeletesEverything(t *testing.T) {
	dir := t.TempDir()
	file, _ := openTest(t, File, dir)
	mustPut(t, file, testKey, testSession(), File)
	c, _ := openTest(t, None, dir)
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("read: %v", err)
	}
	if err := c.Delete(t.Context(), testKey); err != nil {
		t.Error(err)
	}
	if _, err := file.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("still there: %v", err)
	}
}

func TestGetLockedFindsASessionWithoutFacts(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"killed before the facts": os.Remove,
		"corrupt facts": func(path string) error {
			return os.WriteFile(path, []byte("{"), 0o600)
		},
		"facts of the one before": func(path string) error {
			b, err := Facts{Store: File, Expires: time.Now().Add(-time.Minute)}.encode()
			return errors.Join(err, os.WriteFile(path, b, 0o600))
		},
		"facts of another store": func(path string) error {
			b, err := Facts{Store: Keyring, Expires: time.Now().Add(time.Minute)}.encode()
			return errors.Join(err, os.WriteFile(path, b, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := openTest(t, File, "")
			s := testSession()
			mustPut(t, c, testKey, s, File)
			if err := damage(factsPath(c.opts.Dir, testKey)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
				t.Errorf("Get: %v", err)
			}
			if got, err := c.GetLocked(t.Context(), testKey, testFacts()); err != nil || got != s {
				t.Errorf("GetLocked: %v, %v", got, err)
			}
			if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
				t.Errorf("afterwards: %v, %v", got, err)
			}
			if f, err := c.FactsOf(testKey); err != nil || f.Profile != "dev-role" ||
				!f.Expires.Equal(s.Expiration) {
				t.Errorf("facts %+v, %v", f, err)
			}
		})
	}
}

func TestSessionOfANewerVersionIsNotReplaced(t *testing.T) {
	for name, write := range map[string]func(dir string) error{
		"facts": func(dir string) error {
			return os.WriteFile(factsPath(dir, testKey), []byte(`{"v":2}`), 0o600)
		},
		"session": func(dir string) error {
			return os.WriteFile(sealedPath(dir, testKey), []byte(sealMagic+"\x02"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := openTest(t, File, "")
			mustPut(t, c, testKey, testSession(), File)
			if err := write(c.opts.Dir); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrVersion) {
				t.Errorf("get: %v", err)
			}
			if _, err := c.GetLocked(t.Context(), testKey,
				testFacts()); !errors.Is(err, ErrVersion) {
				t.Errorf("GetLocked: %v", err)
			}
			if _, err := c.Put(t.Context(), testKey, testSession(),
				testFacts()); !errors.Is(err, ErrVersion) {
				t.Errorf("put: %v", err)
			}
			if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrVersion) {
				t.Errorf("it was replaced: %v", err)
			}
		})
	}
}

func TestStoreOfANewerVersionIsAFailure(t *testing.T) {
	c, _ := openTest(t, Auto, "")
	d, err := c.state.open(true)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeFacts(d,
		Facts{Key: testKey, Store: "cupboard", Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrVersion) {
		t.Errorf("get: %v", err)
	}
	if err := c.Delete(t.Context(), testKey); !errors.Is(err, ErrVersion) {
		t.Errorf("delete: %v", err)
	}
	if _, err := c.FactsOf(testKey); err != nil {
		t.Errorf("its facts are gone: %v", err)
	}
}

func TestCorruptSessionIsReplacedAndDeleted(t *testing.T) {
	c, _ := openTest(t, File, "")
	s := testSession()
	mustPut(t, c, testKey, s, File)
	path := sealedPath(c.opts.Dir, testKey)
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), testKey); !errors.Is(err, ErrCorrupt) {
		t.Errorf("get: %v", err)
	}
	mustPut(t, c, testKey, s, File)
	if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("replaced: %v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), testKey); err != nil {
		t.Error(err)
	}
}

func TestRecordFailureKeepsTheSession(t *testing.T) {
	c, w := openTest(t, File, "")
	if err := c.RecordFailure(otherKey, testFacts(), errors.New("AccessDenied:\nno")); err != nil {
		t.Fatal(err)
	}
	if f, err := c.FactsOf(otherKey); err != nil || f.LastError != "AccessDenied: no" ||
		f.LastErrorAt.IsZero() || f.Store != "" || f.Profile != "dev-role" {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := c.Get(t.Context(), otherKey); !errors.Is(err, ErrMiss) {
		t.Errorf("a failure is returned as a session: %v", err)
	}
	s := testSession()
	mustPut(t, c, testKey, s, File)
	before, err := c.FactsOf(testKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.RecordFailure(testKey, Facts{Profile: "another", Unshared: true},
		errors.New(strings.Repeat("x", 10000))); err != nil {
		t.Fatal(err)
	}
	after, err := c.FactsOf(testKey)
	if err != nil || len(after.LastError) != maxLastError || !after.Unshared {
		t.Errorf("%d bytes, unshared: %v, %v", len(after.LastError), after.Unshared, err)
	}
	after.Unshared = false
	after.LastError, after.LastErrorAt = "", time.Time{}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	if got, err := c.Get(t.Context(), testKey); err != nil || got != s {
		t.Errorf("session: %v, %v", got, err)
	}
	mustPut(t, c, testKey, s, File)
	if f, err := c.FactsOf(testKey); err != nil || f != before {
		t.Errorf("Put did not clear the error: %+v, %v", f, err)
	}
	w.want(t, 0)
}

func TestFactsAreSorted(t *testing.T) {
	c, w := openTest(t, File, "")
	for i, profile := range []string{"b", "a", "c", "a"} {
		f := testFacts()
		f.Profile = profile
		if _, err := c.Put(t.Context(), Key{byte(9 - i)}, testSession(), f); err != nil {
			t.Fatal(err)
		}
	}
	dir := factsDir(c.opts.Dir)
	for name, content := range map[string]string{
		Key{1}.String() + ".json": "{", Key{2}.String() + ".json": `{"v":2}`,
		statedir.TempPrefix + "x": "", "README": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.Facts()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range all {
		got = append(got, f.Profile+" "+f.Key.String()[:2])
	}
	if diff := cmp.Diff([]string{"a 06", "a 08", "b 09", "c 07"}, got); diff != "" {
		t.Error(diff)
	}
	w.want(t, 2)
}

func TestLockEndsWithLookOrContext(t *testing.T) {
	c, w := openTest(t, File, "")
	unlock, err := c.Lock(t.Context(), testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.Lock(t.Context(), otherKey, func() bool { return false }) // a different lock
	if err != nil {
		t.Fatal(err)
	}
	other()
	unlock()
	unlock, err = c.Lock(t.Context(), testKey, func() bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	defer unlock() // returned without the lock
	held, err := c.Lock(t.Context(), testKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held()
	w.want(t, 0)
}

func TestNothingIsCachedWithoutLocks(t *testing.T) {
	c, w := openTest(t, File, "")
	if err := os.WriteFile(filepath.Join(c.opts.Dir, "locks"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		looked := false
		unlock, err := c.Lock(t.Context(), testKey, func() bool { looked = true; return false })
		if err != nil || !looked {
			t.Errorf("%v, looked %v", err, looked)
		}
		unlock()
	}
	mustPut(t, c, testKey, testSession(), None)
	w.want(t, 1)
}

func TestClearRemovesSealedFilesWithoutFacts(t *testing.T) {
	c, _ := openTest(t, File, "")
	mustPut(t, c, testKey, testSession(), File)
	mustPut(t, c, otherKey, testSession(), File)
	if err := c.RecordFailure(Key{7}, testFacts(), errors.New("x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(factsPath(c.opts.Dir, otherKey)); err != nil {
		t.Fatal(err)
	}
	// Clear of the file store only: Cache.Clear would use the keyring of this machine outside
	// Linux.
	d, err := c.state.open(false)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := (fileStore{d}).clear(); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := (fileStore{d}).sealKey(); err != nil {
		t.Errorf("the key: %v", err)
	}
	if err := os.Truncate(filepath.Join(c.opts.Dir, fileKey), 3); err != nil {
		t.Fatal(err)
	}
	if n, err := (fileStore{d}).clear(); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(c.opts.Dir, fileKey)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a corrupt key is still there: %v", err)
	}
}

func TestStoreNameAndHealthCreateNothing(t *testing.T) {
	dir, before := t.TempDir(), time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(dir, before, before); err != nil {
		t.Fatal(err)
	}
	c, w := openTest(t, File, filepath.Join(dir, "not", "yet"))
	if name, reason := c.StoreName(t.Context()); name != File || reason != "" {
		t.Errorf("store %v: %s", name, reason)
	}
	if h := c.Health(t.Context()); h.StateDir != nil {
		t.Error(h.StateDir)
	}
	w.want(t, 0)
	if info, err := os.Stat(dir); err != nil || !info.ModTime().Equal(before) {
		t.Errorf("the directory was changed: %v, %v", info.ModTime(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
