package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// isActivatable reports whether the bus can start a Secret Service.
func (b *bus) isActivatable() bool {
	var names []string
	err := b.callBus("ListActivatableNames")(&names)
	return err == nil && slices.Contains(names, ssName)
}

// start lets the bus start the Secret Service if that is not running.
func start(ctx context.Context) error {
	b, err := openBus(ctx)
	if err == nil {
		b.Close()
		return nil
	}
	if !errors.Is(err, ErrNotStarted) {
		return nil // there is nothing to start: the next call returns the error
	}
	if b, err = dialBus(ctx); err != nil {
		return err
	}
	defer b.Close()
	b.callBus("Hello") // if it fails, so does the next call
	b.answered(true)   // the limit is that of the start from here
	if err := b.callBus("StartServiceByName", ssName, uint32(0))(); err != nil {
		return fmt.Errorf("%w: the Secret Service did not start: %w", ErrUnavailable, err)
	}
	return nil
}
