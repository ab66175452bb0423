package credproc

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aws-credproc/cache"
	"aws-credproc/internal/keyringapi"
)

// brokenKeyring loses the connection whenever an item is read.
type brokenKeyring struct{ cache.OSKeyring }

func (brokenKeyring) Get(context.Context, keyringapi.Item) ([][]byte, error) {
	return nil, &keyringapi.Error{Err: errors.New("session bus: EOF")}
}

func (brokenKeyring) RetryOnce() bool { return false }

func (brokenKeyring) MaxItem() int { return 1 << 10 }

func TestUnreadableCacheIsNotReportedAsACachedSession(t *testing.T) {
	w := newAccountTest(t)
	c, err := cache.Open(cache.Options{Dir: t.TempDir(), Choice: cache.Keyring,
		Keyring: brokenKeyring{}})
	must(t, err)
	w.resolver.Cache = c
	_, err = w.get("dev")
	must(t, err)
	const want = "dev: the cache cannot be read, getting a new session: keyring: session bus: EOF"
	if got := w.warnings.String(); strings.Count(got, want) != 1 ||
		strings.Contains(got, "cached session") {
		t.Errorf("warnings: %s", got)
	}
}
