package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
)

// ClearExpired deletes the sessions that have expired, in every store, and returns their number. It
// leaves out one whose lock another process holds, which may be replacing it. Sessions in a keyring
// that cannot be reached are kept, and the error says why.
func (c *Cache) ClearExpired(ctx context.Context) (n int, err error) {
	d, err := c.state.open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	keys, err := factsKeys(d)
	if err != nil {
		return 0, err
	}
	s := sweeper{stores: c.stores, dir: d, now: c.opts.Now()}
	var errs []error
	unreachable := false
	for _, key := range keys {
		f, err := readFacts(d, key)
		if err != nil || !f.isStale(s.now) || unreachable && f.mayBeInKeyring() {
			continue // a process that needs the session reports facts that cannot be read
		}
		switch err := s.sweepSession(ctx, key); {
		case err == nil && f.Store != "":
			if left, err := readFacts(d, key); errors.Is(err, ErrMiss) || err == nil && left.Store == "" {
				n++
			}
		case err == nil, errors.Is(err, ErrVersion): // a newer version clears its own stores
		default:
			unreachable = unreachable || isUnreachable(err)
			errs = append(errs, fmt.Errorf("session %.8s: %w", key, err))
		}
	}
	errs = append(errs, sweepFiles(d, s.now, tempAge))
	return n, errors.Join(errs...)
}
