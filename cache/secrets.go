package cache

import (
	"context"
	"fmt"
)

// Secrets keeps secrets that are no sessions, and that a person has entrusted to it, in the operating system's keyring:
// one item each, under a service of its own, which neither Clear nor anything else here reaches. It neither unlocks nor
// prompts, and answers in bounded time. Its methods may be called from several goroutines.
type Secrets struct {
	service string
	label   string // of an item, for a person who looks through the keyring
	keyring *keyring
}

// NewSecrets gives the secrets of a service. Its name is not that of another one, and stays; the label is for a person.
func NewSecrets(service, label string) *Secrets {
	return &Secrets{service, label, &keyring{}}
}

// Secrets gives the secrets of a service as NewSecrets does, in the keyring as this Cache knows it: one that has just been
// silent is not waited for again.
func (c *Cache) Secrets(service, label string) *Secrets { return &Secrets{service, label, c.keyring} }

// Get reads the secret of a user name: ErrMiss if there is none. Any other error is a failure of the keyring, see
// ErrLocked and its like.
func (s *Secrets) Get(ctx context.Context, user string) (string, error) {
	items, err := bounded(ctx, s.keyring, usualPatience, func(ctx context.Context) ([][]byte, error) {
		return keyringGet(ctx, itemName{s.service, user})
	})
	if err != nil {
		return "", err
	}
	return string(items[0]), nil
}

// Set makes or replaces the secret of a user name: ErrUnavailable where the keyring would not keep it beyond this login.
func (s *Secrets) Set(ctx context.Context, user, secret string) error {
	if len(secret) > keyringMaxItem {
		return fmt.Errorf("keyring: secret of %d bytes; items have at most %d here", len(secret), keyringMaxItem)
	}
	_, err := bounded(ctx, s.keyring, writePatience, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringPutLasting(ctx, itemName{s.service, user}, s.label+" "+user, []byte(secret))
	})
	return err
}

// Delete deletes the secret of a user name: ErrMiss if there is none.
func (s *Secrets) Delete(ctx context.Context, user string) error {
	_, err := bounded(ctx, s.keyring, writePatience, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringDelete(ctx, itemName{s.service, user})
	})
	return err
}
