package keyring

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aws-credproc/internal/keyringtest"
)

const testService = "aws-credproc-test"

func TestSecretsOfServicesAreSeparate(t *testing.T) {
	keyringtest.Start(t)
	s, other := NewSecrets(testService, "A test's"), NewSecrets("aws-credproc-test-2",
		"Another test's")
	if _, err := s.Get(t.Context(), "jill"); !errors.Is(err, ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	for _, value := range []string{"hush", "hush again", strings.Repeat("h", MaxItem)} {
		if err := s.Set(t.Context(), "jill", value); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), "jill"); err != nil || got != value {
			t.Errorf("%v", err)
		}
	}
	if err := s.Set(t.Context(), "jill", strings.Repeat("h", MaxItem+1)); err == nil {
		t.Error("a secret that is too large was accepted")
	}
	for _, absent := range []struct {
		secrets *Secrets
		user    string
	}{{s, "jack"}, {other, "jill"}} {
		if _, err := absent.secrets.Get(t.Context(), absent.user); !errors.Is(err, ErrNotFound) {
			t.Errorf("get: %v", err)
		}
		if err := absent.secrets.Delete(t.Context(), absent.user); !errors.Is(err, ErrNotFound) {
			t.Errorf("delete: %v", err)
		}
	}
	// Deleting all items of another service deletes no secret.
	k := new(Keyring)
	if err := k.Put(t.Context(), testItem, "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := k.DeleteAll(t.Context(), testItem.Service, nil); n != 1 || err != nil {
		t.Errorf("deleted %d, %v", n, err)
	}
	if _, err := s.Get(t.Context(), "jill"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(t.Context(), "jill"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(t.Context(), "jill"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after: %v", err)
	}
}

func TestSecretsInALockedOrAbsentKeyring(t *testing.T) {
	d := keyringtest.New(t)
	each := func(want error) {
		t.Helper()
		for name, call := range map[string]func(s *Secrets) error{
			"get":    func(s *Secrets) error { _, err := s.Get(t.Context(), "jill"); return err },
			"set":    func(s *Secrets) error { return s.Set(t.Context(), "jill", "hush") },
			"delete": func(s *Secrets) error { return s.Delete(t.Context(), "jill") },
		} {
			err := call(NewSecrets(testService, "A test's"))
			if !errors.Is(err, want) || errors.Is(err, ErrNotFound) {
				t.Errorf("%s: got %v, want %v", name, err, want)
			}
		}
	}
	each(ErrUnavailable)
	d.StartKeyring(true)
	if err := NewSecrets(testService, "A test's").Set(context.Background(), "jill",
		"hush"); err != nil {
		t.Fatal(err)
	}
	d.Lock()
	each(ErrLocked)
	if n := d.Prompts.Load(); n != 0 {
		t.Errorf("%d prompts", n)
	}
}

// A secret cannot be obtained again, so it must survive a logout. A session need not.
func TestSecretsAreNotKeptInMemoryOnly(t *testing.T) {
	d := keyringtest.New(t)
	d.StartKeyring(false)
	d.UseMemory()
	s := NewSecrets(testService, "A test's")
	err := s.Set(t.Context(), "jill", "hush")
	if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "is deleted at logout") {
		t.Errorf("got %v", err)
	}
	if _, err := s.Get(t.Context(), "jill"); !errors.Is(err, ErrNotFound) {
		t.Errorf("it was kept: %v", err)
	}
	if err := new(Keyring).Put(t.Context(), testItem, "", []byte("x")); err != nil {
		t.Errorf("an item that need not last: %v", err)
	}
}

// The default collection may have been changed. Which of two items is read first is undefined.
func TestSecretReplacesThoseInOtherCollections(t *testing.T) {
	d := keyringtest.Start(t)
	s := NewSecrets(testService, "A test's")
	d.CreateElsewhere(testService, "jill", []byte("old"))
	d.CreateElsewhere(testService, "jack", []byte("another's"))
	for _, value := range []string{"new", "newer"} {
		if err := s.Set(t.Context(), "jill", value); err != nil {
			t.Fatal(err)
		}
		items, err := new(Keyring).Get(t.Context(), Item{Service: testService, User: "jill"})
		if err != nil || len(items) != 1 || string(items[0]) != value {
			t.Errorf("%d items, %v", len(items), err)
		}
	}
	if got, err := s.Get(t.Context(), "jack"); err != nil || got != "another's" {
		t.Errorf("another user's: %v", err)
	}
}
