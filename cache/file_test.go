package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/childtest"
)

func init() {
	// sealkey DIR creates the key if there is none, and prints it.
	childtest.Register("sealkey", func(args []string) error {
		d, err := statedir.Create(args[0])
		if err != nil {
			return err
		}
		if err := (fileStore{d}).put(context.Background(), testKey, testSession()); err != nil {
			return err
		}
		key, err := fileStore{d}.sealKey()
		if err != nil {
			return err
		}
		fmt.Printf("%x\n", key)
		return nil
	})
}

func openFileStore(t *testing.T) fileStore {
	t.Helper()
	d, err := statedir.Create(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return fileStore{d}
}

func TestUnsealRejectsEveryChange(t *testing.T) {
	sealKey, s := bytes.Repeat([]byte{1}, sealKeySize), testSession()
	sealed, err := seal(sealKey, testKey, s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := unseal(sealKey, testKey, sealed); err != nil || got != s {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := unseal(sealKey, otherKey, sealed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("with another cache key: %v", err)
	}
	if _, err := unseal(bytes.Repeat([]byte{2}, sealKeySize), testKey,
		sealed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("with another sealing key: %v", err)
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
			t.Errorf("truncated to %d bytes: %v", i, err)
		}
	}
	if _, err := unseal(sealKey, testKey,
		append(bytes.Clone(sealed), 0)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("one more byte: %v", err)
	}
	if _, err := unseal(sealKey, testKey, []byte(sealMagic+"\x02")); !errors.Is(err, ErrVersion) {
		t.Errorf("newer: %v", err)
	}
}

func TestFileStore(t *testing.T) {
	st, s := openFileStore(t), testSession()
	if _, err := st.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("empty: %v", err)
	}
	for _, size := range tokenSizes {
		s.SessionToken = strings.Repeat("t", size)
		if err := st.put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if got, err := st.get(t.Context(), testKey); err != nil || got != s {
			t.Fatalf("%d bytes: %v, %v", size, got, err)
		}
	}
	if _, err := st.get(t.Context(), otherKey); !errors.Is(err, ErrMiss) {
		t.Errorf("another key: %v", err)
	}
	for range 2 {
		if _, err := st.delete(t.Context(), testKey); err != nil {
			t.Error(err)
		}
	}
	if _, err := st.get(t.Context(), testKey); !errors.Is(err, ErrMiss) {
		t.Errorf("deleted: %v", err)
	}
}

func TestFileStoreReportsDamage(t *testing.T) {
	for name, tc := range map[string]struct {
		damage func(session, key string) error
		want   error
	}{
		"empty session":     {func(s, _ string) error { return os.Truncate(s, 0) }, ErrCorrupt},
		"truncated session": {func(s, _ string) error { return os.Truncate(s, 40) }, ErrCorrupt},
		"foreign session": {func(s, _ string) error {
			return os.WriteFile(s, []byte("hush"), 0o600)
		}, ErrCorrupt},
		"huge session": {func(s, _ string) error { return os.Truncate(s, 1<<40) }, ErrCorrupt},
		"newer session": {func(s, _ string) error {
			return os.WriteFile(s, []byte(sealMagic+"\x09"), 0o600)
		}, ErrVersion},
		"directory": {func(s, _ string) error {
			return errors.Join(os.Remove(s), os.Mkdir(s, 0o700))
		}, ErrCorrupt},
		"no key":    {func(_, k string) error { return os.Remove(k) }, ErrCorrupt},
		"short key": {func(_, k string) error { return os.Truncate(k, 5) }, ErrCorrupt},
		"other key": {func(_, k string) error {
			return os.WriteFile(k, make([]byte, sealKeySize), 0o600)
		}, ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			st := openFileStore(t)
			if err := st.put(t.Context(), testKey, testSession()); err != nil {
				t.Fatal(err)
			}
			key := filepath.Join(st.dir.Path(), fileKey)
			if err := tc.damage(sealedPath(st.dir.Path(), testKey), key); err != nil {
				t.Fatal(err)
			}
			if _, err := st.get(t.Context(), testKey); !errors.Is(err, tc.want) ||
				errors.Is(err, ErrMiss) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestFileStoreRecoversFromALostKey(t *testing.T) {
	for _, size := range []int64{0, 31} { // as after a crash of the machine
		st, s := openFileStore(t), testSession()
		if err := st.put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(st.dir.Path(), fileKey), size); err != nil {
			t.Fatal(err)
		}
		if err := st.put(t.Context(), testKey, s); err != nil {
			t.Fatal(err)
		}
		if got, err := st.get(t.Context(), testKey); err != nil || got != s {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestProcessesShareTheSealingKey(t *testing.T) {
	dir := t.TempDir()
	keys := childtest.Run(t, 16, "sealkey", func(int) []string { return []string{dir} })
	for _, key := range keys {
		if key != keys[0] || len(key) != 2*sealKeySize {
			t.Fatal("processes created different keys")
		}
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
		// Each process of the fuzzer seals its own seed.
		if err == nil &&
			(s.SecretAccessKey != testSession().SecretAccessKey || len(b) != len(sealed)) {
			t.Fatalf("forged: %v", s)
		}
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion) {
			t.Fatalf("unexpected error: %v", err)
		}
	})
}

func BenchmarkFileGet(b *testing.B) {
	c, err := openWith(Options{Dir: b.TempDir(), Choice: File})
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
