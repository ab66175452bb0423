//go:build !linux

package keyring

import (
	"context"
	"errors"
	"fmt"

	gokeyring "github.com/zalando/go-keyring"
)

// reportsAnswers is false: a call has one answer, which is its end.
const reportsAnswers = false

// within makes a call in a goroutine, because the library does not take a context. A call that has
// not ended when ctx does is left behind; it ends with the process.
func within[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := call(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	}
}

func get(_ context.Context, item Item) ([][]byte, error) {
	value, err := gokeyring.Get(item.Service, item.User)
	if err != nil {
		return nil, translate(err)
	}
	return [][]byte{[]byte(value)}, nil
}

func put(_ context.Context, item Item, _ string, value []byte) error {
	return translate(gokeyring.Set(item.Service, item.User, string(value)))
}

// putPersistent is put: a name has one item, which is stored on disk.
func putPersistent(ctx context.Context, item Item, label string, value []byte) error {
	return put(ctx, item, label, value)
}

func written(context.Context) (destination, error) { return destination{}, nil }

func remove(_ context.Context, item Item) error {
	return translate(gokeyring.Delete(item.Service, item.User))
}

// removeAll deletes the items of these users one by one, to count them, and then all others.
func removeAll(ctx context.Context, service string, users []string) (n int, err error) {
	for _, user := range users {
		if ctx.Err() != nil {
			return n, context.Cause(ctx)
		}
		switch err := remove(ctx, Item{Service: service, User: user}); {
		case err == nil:
			n++
		case !errors.Is(err, ErrNotFound):
			return n, err
		}
	}
	return n, translate(gokeyring.DeleteAll(service))
}

// status reads an item that does not exist.
func status(ctx context.Context) error {
	_, err := get(ctx, Item{Service: "aws-credproc", User: "status"})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// start does nothing: the system has started the keyring.
func start(context.Context) error { return nil }

// unlock reads an item: macOS shows the prompt by itself if it can show one.
func unlock(ctx, _ context.Context) error { return status(ctx) }

// translate translates errors of go-keyring.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gokeyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, gokeyring.ErrUnsupportedPlatform):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return translatePlatform(err)
}
