package cache

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestSecretsAreKeptApart(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(true)
	s, other := NewSecrets("aws-credproc-test", "A test's"), NewSecrets("aws-credproc-test-2", "Another test's")
	if _, err := s.Get(t.Context(), "jill"); err != ErrMiss {
		t.Errorf("before: %v", err)
	}
	for _, value := range []string{"hush", "hush again", strings.Repeat("h", keyringMaxItem)} {
		if err := s.Set(t.Context(), "jill", value); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), "jill"); err != nil || got != value {
			t.Errorf("%v", err)
		}
	}
	if err := s.Set(t.Context(), "jill", strings.Repeat("h", keyringMaxItem+1)); err == nil {
		t.Error("a secret without end is kept")
	}
	for _, absent := range []struct {
		of   *Secrets
		user string
	}{{s, "jack"}, {other, "jill"}} {
		if _, err := absent.of.Get(t.Context(), absent.user); err != ErrMiss {
			t.Errorf("got %v", err)
		}
		if err := absent.of.Delete(t.Context(), absent.user); !errors.Is(err, ErrMiss) {
			t.Errorf("deleted: %v", err)
		}
	}
	// Who forgets all sessions forgets no secret.
	c, _ := openTest(t, Keyring, "")
	mustPut(t, c, testKey, testSession(), Keyring)
	if n, err := c.Clear(t.Context()); n != 1 || err != nil {
		t.Errorf("cleared %d, %v", n, err)
	}
	if _, err := s.Get(t.Context(), "jill"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), "jill"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), "jill"); err != ErrMiss {
		t.Errorf("after: %v", err)
	}
}

func TestSecretsOfALockedOrAbsentKeyring(t *testing.T) {
	d := newDesktop(t)
	each := func(want error) {
		t.Helper()
		for name, call := range map[string]func(s *Secrets) error{
			"get":    func(s *Secrets) error { _, err := s.Get(t.Context(), "jill"); return err },
			"set":    func(s *Secrets) error { return s.Set(t.Context(), "jill", "hush") },
			"delete": func(s *Secrets) error { return s.Delete(t.Context(), "jill") },
		} {
			if err := call(NewSecrets("aws-credproc-test", "A test's")); !errors.Is(err, want) || errors.Is(err, ErrMiss) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
		}
	}
	each(ErrUnavailable)
	d.startKeyring(true)
	if err := NewSecrets("aws-credproc-test", "A test's").Set(context.Background(), "jill", "hush"); err != nil {
		t.Fatal(err)
	}
	d.lock()
	each(ErrLocked)
	if n := d.prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// A secret that cannot be made anew is not kept where it ends with the login.
func TestSecretsAreNotKeptInMemoryOnly(t *testing.T) {
	d := newDesktop(t)
	d.startKeyring(false)
	if err := d.conn.Object(ssName, ssPath).Call(ssService+".SetAlias", 0, "default", ssMemory).Err; err != nil {
		t.Fatal(err)
	}
	s := NewSecrets("aws-credproc-test", "A test's")
	if err := s.Set(t.Context(), "jill", "hush"); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "ends with the login") {
		t.Errorf("got %v", err)
	}
	if _, err := s.Get(t.Context(), "jill"); err != ErrMiss {
		t.Errorf("it is kept: %v", err)
	}
	c, _ := openTest(t, Keyring, "") // which for a session is good enough
	mustPut(t, c, testKey, testSession(), Keyring)
}

// The default collection may have been another one before: which of two items is read first is anybody's guess.
func TestASecretTakesThePlaceOfThoseInOtherCollections(t *testing.T) {
	newDesktop(t).startKeyring(true)
	s, other := NewSecrets("aws-credproc-test", "A test's"), itemName{"aws-credproc-test", "jack"}
	createElsewhere(t, itemName{"aws-credproc-test", "jill"}, []byte("old"))
	createElsewhere(t, other, []byte("another's"))
	for _, value := range []string{"new", "newer"} {
		if err := s.Set(t.Context(), "jill", value); err != nil {
			t.Fatal(err)
		}
		items, err := keyringGet(t.Context(), itemName{"aws-credproc-test", "jill"})
		if err != nil || len(items) != 1 || string(items[0]) != value {
			t.Errorf("%d items, %v", len(items), err)
		}
	}
	if got, err := s.Get(t.Context(), "jack"); err != nil || got != "another's" {
		t.Errorf("another user's: %v", err)
	}
}
