package cache

import (
	"context"
	"time"

	"aws-credproc/internal/keyringapi"
)

// OSKeyring is the keyring of the operating system. [aws-credproc/cache/keyring.Keyring] implements
// it and describes the methods. Its errors are those of package keyringapi.
type OSKeyring interface {
	Get(ctx context.Context, item keyringapi.Item) ([][]byte, error)
	Put(ctx context.Context, item keyringapi.Item, label string, value []byte) error
	Delete(ctx context.Context, item keyringapi.Item) error
	DeleteAll(ctx context.Context, service string, users []string) (int, error)
	Status(ctx context.Context, limit time.Duration) error
	Unlock(ctx context.Context, limit time.Duration) error
	RetryOnce() bool
	MaxItem() int
}

// noKeyring is the keyring of a Cache without one.
type noKeyring struct{}

var errNoKeyring = &keyringapi.Error{Err: ErrUnavailable}

func (noKeyring) Get(context.Context, keyringapi.Item) ([][]byte, error) {
	return nil, errNoKeyring
}

func (noKeyring) Put(context.Context, keyringapi.Item, string, []byte) error { return errNoKeyring }

func (noKeyring) Delete(context.Context, keyringapi.Item) error { return errNoKeyring }

func (noKeyring) DeleteAll(context.Context, string, []string) (int, error) {
	return 0, errNoKeyring
}

func (noKeyring) Status(context.Context, time.Duration) error { return errNoKeyring }

func (noKeyring) Unlock(context.Context, time.Duration) error { return errNoKeyring }

func (noKeyring) RetryOnce() bool { return false }

func (noKeyring) MaxItem() int { return 0 }
