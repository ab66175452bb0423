//go:build !linux

package cache

import (
	"context"

	gokeyring "github.com/zalando/go-keyring"
)

func secretGet(_ context.Context, service, user string) ([]byte, error) {
	value, err := gokeyring.Get(service, user)
	return []byte(value), keyringError(err)
}

func secretSet(_ context.Context, service, user, _, secret string) error {
	return keyringError(gokeyring.Set(service, user, secret))
}

func secretDelete(_ context.Context, service, user string) error {
	return keyringError(gokeyring.Delete(service, user))
}
