package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openAt opens a cache with a clock that can be set.
func openAt(t *testing.T, choice Choice, dir string, now *time.Time) (*Cache, *warnings) {
	t.Helper()
	w := &warnings{}
	c, err := openWith(Options{Dir: dir, Choice: choice, Warnf: w.warnf,
		Now: func() time.Time {
			return *now
		}})
	if err != nil {
		t.Fatal(err)
	}
	return c, w
}

func TestExpiredSessionsAreSwept(t *testing.T) {
	for store, dir := range map[Choice]func(t *testing.T) string{
		File:   func(t *testing.T) string { return t.TempDir() },
		Kernel: func(t *testing.T) string { return kernelDir(t) },
	} {
		t.Run(string(store), func(t *testing.T) { testExpiredSessionsAreSwept(t, store, dir(t)) })
	}
}

func testExpiredSessionsAreSwept(t *testing.T, store Choice, dir string) {
	now := time.Now()
	c, w := openAt(t, store, dir, &now)
	s := testSession()
	mustPut(t, c, testKey, s, store)
	mustPut(t, c, Key{2}, s, store)
	if err := c.RecordFailure(Key{2}, testFacts(), errors.New("AccessDenied")); err != nil {
		t.Fatal(err)
	}
	if err := c.RecordFailure(Key{3}, testFacts(), errors.New("AccessDenied")); err != nil {
		t.Fatal(err)
	}
	held, err := c.Lock(t.Context(), Key{4}, nil) // as a process that renews it does
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, c, Key{4}, s, store)
	// Key{4} has no facts.
	if err := os.Remove(factsPath(dir, Key{4})); err != nil {
		t.Fatal(err)
	}
	mustPut(t, c, Key{5}, s, store)
	heldToo, err := c.Lock(t.Context(), Key{5}, nil)
	if err != nil {
		t.Fatal(err)
	}

	now = s.Expiration.Add(time.Second)
	next := testSession()
	next.Issued, next.Expiration = now, now.Add(time.Hour)
	mustPut(t, c, otherKey, next, store)
	if _, err := c.FactsOf(testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("facts: %v", err)
	}
	if f, err := c.FactsOf(Key{2}); err != nil || f.Store != "" || f.LastError == "" {
		t.Errorf("facts of a recent failure: %+v, %v", f, err)
	}
	if _, err := c.FactsOf(Key{3}); err != nil {
		t.Errorf("facts of a failure without a session: %v", err)
	}
	if f, err := c.FactsOf(Key{5}); err != nil || f.Store != store {
		t.Errorf("facts of a locked session: %+v, %v", f, err)
	}
	// Those of otherKey and of the two locked sessions.
	if files := filesIn(t, sessionsDir(dir)); len(files) != 3 {
		t.Errorf("sealed files: %v", files)
	}
	held()
	heldToo()

	now = now.Add(errorAge)
	next.Issued, next.Expiration = now, now.Add(time.Hour)
	mustPut(t, c, otherKey, next, store)
	if left := filesIn(t, factsDir(dir)); len(left) != 1 {
		t.Errorf("facts: %v", left)
	}
	if files := filesIn(t, sessionsDir(dir)); len(files) != 1 ||
		!strings.Contains(files[0], otherKey.String()) {
		t.Errorf("sealed files: %v", files)
	}
	w.want(t, 0)
}

func TestSweepKeepsOtherFiles(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	c, w := openAt(t, File, dir, &now)
	s := testSession()
	mustPut(t, c, testKey, s, File)
	sessions, facts := sessionsDir(dir), factsDir(dir)
	newer, err := seal(make([]byte, sealKeySize), Key{1}, s)
	if err != nil {
		t.Fatal(err)
	}
	newer[len(sealMagic)]++
	stays := map[string]string{
		filepath.Join(sessions, Key{1}.String()): string(newer),
		filepath.Join(sessions, "README"):        "x",
		filepath.Join(facts, factsName(Key{2})):  `{"v":2}`,
		filepath.Join(facts,
			factsName(Key{3})): `{"v":1,"store":"cupboard","expires":"2020-01-01T00:00:00Z"}`,
		filepath.Join(sessions, sealedName(Key{9}, Keyring, "unread")): "torn",
	}
	goes := map[string]string{
		filepath.Join(sessions, sealedName(Key{4}, Keyring, "any")): "torn long ago",
		filepath.Join(sessions, sealedName(Key{5}, File, "")):       "",
	}
	// An expired file of another kernel or user namespace, whose session has been replaced since.
	replaced := Facts{Key: Key{6}, Store: Kernel, Expires: now.Add(time.Hour)}
	old := s
	old.Issued, old.Expiration = now.Add(-time.Hour), now.Add(-time.Minute)
	sealed, err := seal(make([]byte, sealKeySize), Key{6}, old)
	if err = errors.Join(err, writeFacts(c.state.dir, replaced)); err != nil {
		t.Fatal(err)
	}
	goes[filepath.Join(sessions, sealedName(Key{6}, Kernel, "any"))] = string(sealed)
	stays[filepath.Join(sessions, sealedName(Key{6}, Kernel, "here"))] = string(newer)
	long := now.Add(-kernelKeyLife - time.Hour)
	for path, content := range stays {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, content := range goes {
		if err := errors.Join(os.WriteFile(path, []byte(content), 0o600),
			os.Chtimes(path, long, long)); err != nil {
			t.Fatal(err)
		}
	}
	mustPut(t, c, otherKey, s, File)
	for path := range stays {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	for path := range goes {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("left: %s", path)
		}
	}
	w.want(t, 0)
}

// A Put does not wait until any number of sessions is swept.
func TestSweepIsBounded(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	c, _ := openAt(t, File, dir, &now)
	s := testSession()
	mustPut(t, c, testKey, s, File)
	d, err := c.state.open(false)
	if err != nil {
		t.Fatal(err)
	}
	const many = maxSwept + 2*maxSweptSessions
	for i := range many {
		if err := writeFacts(d,
			Facts{Key: Key{1, byte(i), byte(i >> 8)}, Store: File,
				Expires: now.Add(-time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	for want := many - maxSweptSessions; want > many-4*maxSweptSessions; want -= maxSweptSessions {
		mustPut(t, c, testKey, s, File)
		if left := len(filesIn(t, factsDir(dir))) - 1; left != want {
			t.Fatalf("%d are left, want %d", left, want)
		}
	}
}

func TestSampleCoversEverything(t *testing.T) {
	list := make([]int, 3*maxSwept)
	for i := range list {
		list[i] = i
	}
	seen := map[int]bool{}
	for i := 0; len(seen) < len(list); i++ {
		some := sample(list)
		if len(some) != maxSwept || i > 1000 {
			t.Fatal(fmt.Sprint(len(some), " of which ", len(seen), " seen"))
		}
		for _, x := range some {
			seen[x] = true
		}
	}
}
