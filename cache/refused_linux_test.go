package cache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aws-credproc/internal/keyringapi"
)

// pickyKeyring is unlocked, and refuses items while refuses is true.
type pickyKeyring struct {
	noKeyring
	refuses bool
	puts    int
}

func (*pickyKeyring) Status(context.Context, time.Duration) error { return nil }

func (*pickyKeyring) MaxItem() int { return 8 << 10 }

func (*pickyKeyring) Get(context.Context, keyringapi.Item) ([][]byte, error) {
	return nil, keyringapi.ErrNotFound
}

func (k *pickyKeyring) Put(context.Context, keyringapi.Item, string, []byte) error {
	k.puts++
	if k.refuses {
		return fmt.Errorf("password too short: %w", keyringapi.ErrRefused)
	}
	return nil
}

// TestRefusalOfTheKeyring: an unlocked keyring that refuses a session is not used again for ten
// minutes, and StoreName says so.
func TestRefusalOfTheKeyring(t *testing.T) {
	dir := kernelDir(t)
	k := &pickyKeyring{refuses: true}
	now := time.Now()
	open := func(choice Choice) *Cache { // another process
		c, err := Open(Options{
			Dir: dir, Choice: choice, Keyring: k, Warnf: t.Errorf,
			Now: func() time.Time { return now },
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	storeName := func(choice, want Choice, reason string) {
		t.Helper()
		got, why := open(choice).StoreName(t.Context())
		if got != want || !strings.HasPrefix(why, reason) {
			t.Errorf("%s: %s, %s; want %s, %s", choice, got, why, want, reason)
		}
	}
	storeName(Auto, Keyring, "unlocked")
	mustPut(t, open(Auto), testKey, testSession(), Kernel)
	const reason = "keyring: refused the last session: password too short"
	storeName(Auto, Kernel, reason)
	storeName(Keyring, None, reason)
	mustPut(t, open(Auto), Key{2}, testSession(), Kernel)
	if k.puts != 1 {
		t.Errorf("%d puts in the keyring, want 1", k.puts)
	}
	now, k.refuses = now.Add(refusedAge+time.Second), false
	storeName(Auto, Keyring, "unlocked")
	mustPut(t, open(Auto), testKey, testSession(), Keyring)
	if _, err := os.Stat(filepath.Join(dir, refusedFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of an earlier refusal is left: %v", err)
	}
	now, k.refuses = now.Add(time.Second), true
	mustPut(t, open(Auto), testKey, testSession(), Kernel)
	k.refuses = false
	storeName(Auto, Kernel, reason)
	if err := ForgetRefusal(dir); err != nil {
		t.Fatal(err)
	}
	storeName(Auto, Keyring, "unlocked")
	k.refuses = true
	mustPut(t, open(Auto), testKey, testSession(), Kernel)
	k.refuses = false
	if store, err := open(Keyring).Put(t.Context(), testKey, testSession(), testFacts()); err != nil ||
		store != Keyring {
		t.Errorf("%s, %v", store, err)
	}
	storeName(Auto, Keyring, "unlocked")
}
