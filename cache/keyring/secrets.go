package keyring

import (
	"context"
	"fmt"
	"time"
)

// Secrets are the long-lived secrets of one service, such as access keys or TOTP seeds, by user
// name. Only Delete deletes them. Its methods are safe for concurrent use.
type Secrets struct {
	service string
	label   string
	keyring *Keyring
}

// NewSecrets returns the secrets of a service. A user sees the label, before the user name, in the
// keyring.
func NewSecrets(service, label string) *Secrets { return new(Keyring).Secrets(service, label) }

// Secrets returns the secrets of a service, see [NewSecrets].
func (k *Keyring) Secrets(service, label string) *Secrets { return &Secrets{service, label, k} }

// Get returns the secret of a user name. The error is ErrNotFound if there is none.
func (s *Secrets) Get(ctx context.Context, user string) (string, error) {
	values, err := s.keyring.Get(ctx, Item{Service: s.service, User: user})
	if err != nil {
		return "", err
	}
	return string(values[0]), nil
}

// Set creates or replaces the secret of a user name. The error wraps ErrUnavailable if the keyring
// would lose it at the end of this login.
func (s *Secrets) Set(ctx context.Context, user, secret string) error {
	if len(secret) > MaxItem {
		return &Error{Err: fmt.Errorf("a secret of %d bytes is too large (limit: %d)", len(secret),
			MaxItem)}
	}
	item := Item{Service: s.service, User: user}
	return s.keyring.PutPersistent(ctx, item, s.label+" "+user, []byte(secret))
}

// Delete deletes the secret of a user name. The error is ErrNotFound if there is none.
func (s *Secrets) Delete(ctx context.Context, user string) error {
	return s.keyring.Delete(ctx, Item{Service: s.service, User: user})
}

// WaitWritten waits until the keyring has written a secret to disk, which Set had stored before the
// time: see [Keyring.WaitWritten].
func (s *Secrets) WaitWritten(
	ctx context.Context, user, secret string, stored time.Time,
) (bool, error) {
	item := Item{Service: s.service, User: user}
	return s.keyring.WaitWritten(ctx, item, []byte(secret), stored)
}
