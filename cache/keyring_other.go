//go:build !linux

package cache

import (
	"context"
	"errors"
	"fmt"

	gokeyring "github.com/zalando/go-keyring"
)

// keyringTells says that no call tells bounded of an answer: there is one, and it is the end.
const keyringTells = false

// keyringGet gives the content of the item of a name; ErrMiss if there is none.
func keyringGet(_ context.Context, name itemName) (items [][]byte, err error) {
	value, err := gokeyring.Get(name.service, name.user)
	if err != nil {
		return nil, keyringError(err)
	}
	return [][]byte{[]byte(value)}, nil
}

func keyringPut(_ context.Context, name itemName, _ string, value []byte) error {
	return keyringError(gokeyring.Set(name.service, name.user, string(value)))
}

// keyringPutLasting is keyringPut: there is one item of a name, and it lasts.
func keyringPutLasting(ctx context.Context, name itemName, label string, value []byte) error {
	return keyringPut(ctx, name, label, value)
}

// keyringDelete deletes the item of a name; ErrMiss if there is none.
func keyringDelete(_ context.Context, name itemName) error {
	return keyringError(gokeyring.Delete(name.service, name.user))
}

// keyringDeleteAll deletes the known ones one by one, for their number, and then whatever else there is.
func keyringDeleteAll(ctx context.Context, known []Key) (n int, err error) {
	for _, key := range known {
		if ctx.Err() != nil {
			return n, context.Cause(ctx)
		}
		switch err := keyringDelete(ctx, sessionItem(key)); {
		case err == nil:
			n++
		case !errors.Is(err, ErrMiss):
			return n, err
		}
	}
	return n, keyringError(gokeyring.DeleteAll(keyringService))
}

// keyringLook asks for an item that there is not.
func keyringLook(ctx context.Context) error {
	if _, err := keyringGet(ctx, sessionItem(Key{})); !errors.Is(err, ErrMiss) {
		return err
	}
	return nil
}

// keyringUnlock looks for an item: macOS raises the prompt by itself where there is somebody to answer it.
func keyringUnlock(ctx, _ context.Context) error { return keyringLook(ctx) }

// keyringError sorts go-keyring's errors into ours.
func keyringError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gokeyring.ErrNotFound):
		return ErrMiss
	case errors.Is(err, gokeyring.ErrUnsupportedPlatform):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return platformError(err)
}
