package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func init() {
	// sealkey DIR: makes the key if there is none, and prints it: it opens nothing but this test's.
	children["sealkey"] = func(args []string) error {
		d, err := openStateDir(args[0], true)
		if err != nil {
			return err
		}
		if err := (fileStore{d}).Put(context.Background(), testKey, testSession()); err != nil {
			return err
		}
		key, err := fileStore{d}.sealKey()
		if err != nil {
			return err
		}
		fmt.Printf("%x\n", key)
		return nil
	}
	// churn DIR I: puts, reads and deletes sessions that others churn too; each session is whole or absent.
	children["churn"] = func(args []string) error {
		c, err := Open(Options{Dir: args[0], Choice: File, Warnf: func(f string, a ...any) { fmt.Fprintf(os.Stderr, f, a...) }})
		if err != nil {
			return err
		}
		me, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		for i := range 60 {
			key := Key{byte((me + i) % 5)}
			s := testSession()
			s.SessionToken = strings.Repeat(string(rune('A'+me%26)), 100+1000*i%7000)
			switch (i + me) % 7 {
			case 0:
				err = c.Delete(context.Background(), key)
			case 1, 2:
				_, err = c.Put(context.Background(), key, s, testFacts())
			default:
				var got Session
				got, err = c.Get(context.Background(), key)
				if err == nil && strings.Trim(got.SessionToken, got.SessionToken[:1]) != "" {
					err = errors.New("two sessions in one")
				}
				if errors.Is(err, ErrMiss) {
					err = nil
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

func openFileStore(t *testing.T) fileStore {
	t.Helper()
	d, err := openStateDir(t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	return fileStore{d}
}

func TestSealedSessionOpensOnlyAsItWasSealed(t *testing.T) {
	sealKey, s := bytes.Repeat([]byte{1}, sealKeySize), testSession()
	sealed, err := seal(sealKey, testKey, s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unseal(sealKey, testKey, sealed); err != nil || got != s {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := unseal(sealKey, otherKey, sealed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("under another name: %v", err)
	}
	if _, err := unseal(bytes.Repeat([]byte{2}, sealKeySize), testKey, sealed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("with another key: %v", err)
	}
	for i := range sealed {
		b := bytes.Clone(sealed)
		b[i] ^= 0x80
		want := ErrCorrupt
		if i == len(sealMagic) { // the version
			want = ErrVersion
		}
		if _, err := unseal(sealKey, testKey, b); !errors.Is(err, want) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := unseal(sealKey, testKey, sealed[:i]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := unseal(sealKey, testKey, append(bytes.Clone(sealed), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := unseal(sealKey, testKey, []byte(sealMagic+"\x02")); !errors.Is(err, ErrVersion) {
		t.Errorf("newer: %v", err)
	}
}

func TestFileStoreKeepsReplacesAndForgets(t *testing.T) {
	st, s := openFileStore(t), testSession()
	if _, err := st.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	for _, size := range []int{300, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 64 << 10} {
		s.SessionToken = strings.Repeat("t", size)
		if err := st.Put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if got, err := st.Get(t.Context(), testKey); err != nil || got != s {
			t.Fatalf("%d bytes: %v, %v", size, got, err)
		}
	}
	if _, err := st.Get(t.Context(), otherKey); !errors.Is(err, ErrMiss) {
		t.Errorf("another key: %v", err)
	}
	for range 2 {
		if err := st.Delete(t.Context(), testKey); err != nil {
			t.Error(err)
		}
	}
	if _, err := st.Get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("deleted: %v", err)
	}
}

func TestFileStoreTakesNoDamageForAMiss(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(session, key string) error
		want   error
	}{
		"empty session":     {func(s, _ string) error { return os.Truncate(s, 0) }, ErrCorrupt},
		"truncated session": {func(s, _ string) error { return os.Truncate(s, 40) }, ErrCorrupt},
		"foreign session":   {func(s, _ string) error { return os.WriteFile(s, []byte("hush"), 0o600) }, ErrCorrupt},
		"huge session":      {func(s, _ string) error { return os.Truncate(s, 1<<40) }, ErrCorrupt},
		"newer session":     {func(s, _ string) error { return os.WriteFile(s, []byte(sealMagic+"\x09"), 0o600) }, ErrVersion},
		"directory":         {func(s, _ string) error { return errors.Join(os.Remove(s), os.Mkdir(s, 0o700)) }, ErrCorrupt},
		"no key":            {func(_, k string) error { return os.Remove(k) }, ErrCorrupt},
		"short key":         {func(_, k string) error { return os.Truncate(k, 5) }, ErrCorrupt},
		"other key":         {func(_, k string) error { return os.WriteFile(k, make([]byte, sealKeySize), 0o600) }, ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			st := openFileStore(t)
			if err := st.Put(t.Context(), testKey, testSession()); err != nil {
				t.Fatal(err)
			}
			session, key := filepath.Join(st.dir.path, sessionsDir, testKey.String()), filepath.Join(st.dir.path, fileKey)
			if err := tc.damage(session, key); err != nil {
				t.Fatal(err)
			}
			if _, err := st.Get(t.Context(), testKey); !errors.Is(err, tc.want) || errors.Is(err, ErrMiss) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestFileStoreRecoversFromALostKey(t *testing.T) {
	for _, size := range []int64{0, 31} { // what a crash of the machine may leave
		st, s := openFileStore(t), testSession()
		if err := st.Put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(st.dir.path, fileKey), size); err != nil {
			t.Fatal(err)
		}
		if err := st.Put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if got, err := st.Get(t.Context(), testKey); err != nil || got != s {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestOneSealingKeyForAllProcesses(t *testing.T) {
	dir := t.TempDir()
	keys := runChildren(t, 16, "sealkey", func(int) []string { return []string{dir} })
	for _, key := range keys {
		if key != keys[0] || len(key) != 2*sealKeySize {
			t.Fatal("processes made different keys")
		}
	}
}

func TestFileStoreIsWholeUnderManyProcesses(t *testing.T) {
	dir := t.TempDir()
	runChildren(t, 12, "churn", func(i int) []string { return []string{dir, strconv.Itoa(i)} })
	var left []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			left = append(left, path)
		}
		return err
	})
	if err != nil || left != nil {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

// A process that is killed while it puts leaves a whole session or none, and nothing but files known as temporary.
func TestKillDuringPutLeavesTheSessionWhole(t *testing.T) {
	dir := t.TempDir()
	for i := range 40 {
		cmd := child(t, "churn", dir, strconv.Itoa(i))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i%20) * time.Millisecond) // the moment to kill it at, not a condition
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		c, w := openTest(t, File, dir)
		for k := range 5 {
			if _, err := c.GetLocked(t.Context(), Key{byte(k)}, testFacts()); err != nil && !errors.Is(err, ErrMiss) {
				t.Fatal(err)
			}
		}
		w.want(t, 0)
	}
}

func FuzzUnseal(f *testing.F) {
	sealKey := bytes.Repeat([]byte{1}, sealKeySize)
	sealed, err := seal(sealKey, testKey, testSession())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:sealHeader])
	f.Add([]byte(sealMagic + "\x01"))
	f.Add([]byte(sealMagic + "\x02 and more"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := unseal(sealKey, testKey, b)
		// Each process of the fuzzer seals a seed of its own.
		if err == nil && (s.SecretAccessKey != testSession().SecretAccessKey || len(b) != len(sealed)) {
			t.Fatalf("forged: %v", s)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("unsorted: %v", err)
		}
	})
}

func BenchmarkFileGet(b *testing.B) {
	c, err := Open(Options{Dir: b.TempDir(), Choice: File})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.Put(b.Context(), testKey, testSession(), testFacts()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Get(b.Context(), testKey); err != nil {
			b.Fatal(err)
		}
	}
}
