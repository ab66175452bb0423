package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// Delete forgets a session, wherever the facts say that it is and where a new one would go, and then its facts. That
// there is none is no error. One in a keyring that is out of reach is an error, and not served any more: it is deleted
// with a later Put.
func (c *Cache) Delete(ctx context.Context, key Key) error {
	c.memory.Delete(key)
	d, err := c.state(false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var known, others []Choice // stores that must be asked, and those that are if they are in reach
	if c.opts.Choice == Auto {
		others = []Choice{Keyring, Kernel}
	} else {
		known = []Choice{c.opts.Choice}
	}
	corrupt := false
	var f Facts
	if d != nil {
		f, err = d.readFacts(key)
		corrupt = errors.Is(err, ErrCorrupt) // then it may be anywhere
		switch {
		case err == nil && f.Store != "":
			known = append(known, f.Store)
		case corrupt:
			others = []Choice{Keyring, Kernel, File}
		case err != nil && !errors.Is(err, ErrMiss):
			return err
		}
		if !f.Stray.IsZero() {
			known = append(known, Keyring)
		}
	}
	all := slices.Concat(known, others)
	slices.Sort(all)
	var errs []error
	var keyringErr error
	for _, name := range slices.Compact(all) {
		if name == None || d == nil && name != Keyring {
			continue
		}
		err := c.deleteFrom(ctx, d, name, key)
		if !slices.Contains(known, name) && (errors.Is(err, ErrUnavailable) || isOutOfReach(err) && !corrupt) {
			err = nil // nothing tells of one there
		}
		if name == Keyring {
			keyringErr = err
			continue
		}
		errs = append(errs, err)
	}
	err = errors.Join(errs...)
	switch {
	case d == nil || err != nil:
		return errors.Join(keyringErr, err)
	case keyringErr == nil:
		return d.removeFacts(key)
	case f.isInKeyring() || corrupt:
		return errors.Join(toBeDeleted(keyringErr), d.writeFacts(f.forgotten(key, c.opts.Now())))
	}
	return keyringErr
}

// toBeDeleted tells what becomes of sessions in a keyring that is out of reach, which err says.
func toBeDeleted(err error) error {
	return fmt.Errorf("%w; what it holds is served no more, and deleted when a session is kept in it again", err)
}

func (c *Cache) deleteFrom(ctx context.Context, d *stateDir, name Choice, key Key) error {
	st, err := c.store(d, name)
	if err != nil {
		return err
	}
	return st.Delete(ctx, key)
}

// Clear forgets every session in every store, also what no facts tell of, and says how many. What could not be
// forgotten is in the error, and keeps its facts; but what a keyring that is out of reach holds is not served any more, see
// Delete. Lock files stay, as their locks may be held, and so does the file store's key: it is no session, and a process that
// seals with it at this moment must not lose its own.
func (c *Cache) Clear(ctx context.Context) (n int, err error) {
	c.memory.Clear()
	d, err := c.state(false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	var known []Facts // also of corrupt facts, with no store
	var errs []error
	if d != nil {
		keys, err := d.keys(factsDir, ".json")
		if err != nil {
			return 0, err
		}
		for _, key := range keys {
			f, err := d.readFacts(key)
			if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrMiss) {
				errs = append(errs, fmt.Errorf("session %.8s: %w", key, err))
				continue
			}
			if errors.Is(err, ErrCorrupt) {
				f = Facts{}.forgotten(key, c.opts.Now()) // it may be anywhere
			}
			f.Key = key
			known = append(known, f)
		}
	}
	cleared := map[Choice]bool{"": true}
	var inKeyring []Key
	for _, f := range known {
		if f.Store == Keyring || !f.Stray.IsZero() {
			inKeyring = append(inKeyring, f.Key)
		}
	}
	deleted, err := keyringStore{c.keyring, d}.clear(ctx, inKeyring)
	n += deleted
	if len(inKeyring) == 0 && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrLocked) || errors.Is(err, ErrTimeout)) {
		err = nil // nothing tells of one there
	}
	if cleared[Keyring] = err == nil; err != nil && len(inKeyring) > 0 {
		err = toBeDeleted(err)
	}
	errs = append(errs, err)
	if d != nil {
		for name, clear := range map[Choice]func() (int, error){File: fileStore{d}.clear, Kernel: kernelStore{d, c.kernel}.clear} {
			deleted, err := clear()
			n += deleted
			cleared[name] = err == nil
			errs = append(errs, err)
		}
	}
	for _, f := range known {
		switch {
		case cleared[f.Store] && (f.Stray.IsZero() || cleared[Keyring]):
			errs = append(errs, d.removeFacts(f.Key))
		case cleared[f.Store], f.Store == Keyring:
			errs = append(errs, d.writeFacts(f.forgotten(f.Key, c.opts.Now())))
		default:
			if _, err := c.store(d, f.Store); err != nil {
				errs = append(errs, fmt.Errorf("session %.8s: %w", f.Key, err))
			}
		}
	}
	if d != nil { // last: it looks at a part of many files
		errs = append(errs, d.sweep(c.opts.Now(), clearedAge))
	}
	return n, errors.Join(errs...)
}
