package cache

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestKeyringThatPanicsIsAFailure(t *testing.T) {
	_, err := bounded(t.Context(), &keyring{}, keyringLimit, func(context.Context) (Session, error) { panic("hush") })
	if err == nil || errors.Is(err, ErrMiss) || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}

func TestSessionThatTheKeyringCannotHoldIsRefused(t *testing.T) {
	s := testSession()
	s.SessionToken = strings.Repeat("t", keyringMaxItem)
	if err := (&keyring{}).Put(t.Context(), testKey, s); err == nil || errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
