package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// keyringService is the service of every session's keyring item; its user name is the cache key. Nothing else may be
// kept under this service, since Clear deletes all that is.
const keyringService = "aws-credproc"

const (
	// keyringLimit bounds a call of the keyring. What answers takes milliseconds, and what does not answer must not
	// hold up an AWS command for long.
	keyringLimit = 1500 * time.Millisecond
	// keyringClearLimit is for the deletion of every item, which a person asked for.
	keyringClearLimit = 15 * time.Second
)

// keyring is the operating system's keyring. It neither unlocks nor prompts; see the files of each platform.
type keyring struct {
	mu     sync.Mutex
	silent error // a call timed out: the rest of this process need not wait again
}

func (k *keyring) Get(ctx context.Context, key Key) (Session, error) {
	return bounded(ctx, k, keyringLimit, func(ctx context.Context) (Session, error) {
		return keyringGet(ctx, key)
	})
}

func (k *keyring) Put(ctx context.Context, key Key, s Session) error {
	b, err := s.encode()
	if err != nil {
		return err
	}
	if len(b) > keyringMaxItem {
		return fmt.Errorf("keyring: session of %d bytes; items have at most %d here", len(b), keyringMaxItem)
	}
	_, err = bounded(ctx, k, keyringLimit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringPut(ctx, key, b)
	})
	return err
}

func (k *keyring) Delete(ctx context.Context, key Key) error {
	_, err := bounded(ctx, k, keyringLimit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringDelete(ctx, key)
	})
	return err
}

// deleteAll deletes every session, known or not, and says how many there were.
func (k *keyring) deleteAll(ctx context.Context, known []Key) (int, error) {
	return bounded(ctx, k, keyringClearLimit, func(ctx context.Context) (int, error) {
		return keyringDeleteAll(ctx, known)
	})
}

// look tells whether Put would find the keyring there and open: nil, ErrLocked, ErrUnavailable or another error.
func (k *keyring) look(ctx context.Context) error {
	_, err := bounded(ctx, k, keyringLimit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringLook(ctx)
	})
	return err
}

// bounded runs a call of the keyring in a goroutine of its own, since no part below takes a limit everywhere, and some
// panic where a bus dies. A call that outlives the limit is left behind; it ends with its connection or the process.
func bounded[T any](ctx context.Context, k *keyring, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	var zero T
	k.mu.Lock()
	err := k.silent
	k.mu.Unlock()
	if err != nil {
		return zero, err
	}
	timeout := fmt.Errorf("%w (%v)", ErrTimeout, limit)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, timeout)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if recover() != nil { // its text may hold anything
				r = result{err: errors.New("the connection to it broke")}
			}
			done <- r
		}()
		r.value, r.err = call(ctx)
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
	}
	if ctx.Err() != nil { // what a call answers after that is the end of its connection
		r = result{err: context.Cause(ctx)}
	}
	if errors.Is(r.err, ErrTimeout) {
		k.mu.Lock()
		k.silent = fmt.Errorf("keyring: %w", r.err)
		k.mu.Unlock()
	}
	if r.err != nil && !errors.Is(r.err, ErrMiss) {
		r.err = fmt.Errorf("keyring: %w", r.err)
	}
	return r.value, r.err
}
