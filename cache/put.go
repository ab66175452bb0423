package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"aws-credproc/cache/statedir"
)

// Put stores a session and then its facts, so that there are no facts about a session that does not
// exist. It returns the store of the session; None, without an error, if nothing is kept. It sets
// Key, Store, Created, Expires and the last error of f. What a newer version of this program has
// stored is not replaced: the error wraps ErrVersion.
//
// With Auto, a session that the keyring does not take goes to the kernel store, also where the
// keyring has one of a newer version. What the keyring has is deleted when it has expired. With any
// other choice, a keyring that is locked or does not answer is an error, because the session would
// not be found in another store.
//
// The caller holds the lock of the session.
func (c *Cache) Put(ctx context.Context, key Key, s Session, f Facts) (Choice, error) {
	name, err := c.put(ctx, key, s, f)
	c.memory.Delete(key)
	if c.opts.Memory && (name == None || err != nil) {
		c.memory.Store(key, s)
	}
	return name, err
}

func (c *Cache) put(ctx context.Context, key Key, s Session, f Facts) (Choice, error) {
	d, name := c.destination(ctx)
	if name == None {
		return None, nil
	}
	old, err := readFacts(d, key)
	if err != nil && !errors.Is(err, ErrMiss) && !errors.Is(err, ErrCorrupt) {
		return None, err
	}
	var prepare func() error
	if name == Keyring && old.Store != Keyring {
		hasFacts := err == nil
		// A process that is killed before it writes the facts leaves an item, and most keyrings
		// cannot list items. So the item is noted first.
		prepare = func() error {
			if !hasFacts {
				old = f
				old.Store, old.Key, old.KeyringUntil = "", key, time.Time{}
			}
			old.KeyringUntil = latest(old.KeyringUntil, s.Expiration)
			return writeFacts(d, old)
		}
	}
	if name, err = c.putIn(ctx, d, name, key, s, prepare); err != nil {
		return None, err
	}
	f = f.withSession(key, s, name).withKeyringOf(old)
	if err := writeFacts(d, f); err != nil {
		return name, err
	}
	if err := c.deleteOld(ctx, d, old, f); err != nil {
		return name, err
	}
	c.sweepAfterPut(ctx, d, name)
	return name, nil
}

// putIn puts a session into a store and returns the store that has taken it: with Auto, that may be
// the kernel store in place of the keyring, which was unlocked when it was chosen.
func (c *Cache) putIn(
	ctx context.Context, d *statedir.Dir, name Choice, key Key, s Session, prepare func() error,
) (Choice, error) {
	err := c.stores.put(ctx, d, name, key, s, prepare)
	if c.opts.Choice == Auto && name == Keyring &&
		(isUnreachable(err) || errors.Is(err, ErrVersion)) {
		if c.stores.put(ctx, d, Kernel, key, s, nil) == nil {
			return Kernel, nil
		}
	}
	return name, err
}

// deleteOld deletes the session before this one, if it was in another store. f are the facts as
// written.
func (c *Cache) deleteOld(ctx context.Context, d *statedir.Dir, old, f Facts) error {
	switch {
	case old.Store == "", old.Store == f.Store:
		return nil
	case old.Store == Keyring && c.opts.Choice == Auto:
		return nil // the keyring was not chosen, so it cannot be reached
	case old.Store == Keyring:
		ctx, cancel := context.WithTimeout(ctx, c.opts.KeyringLimit)
		defer cancel()
		if c.stores.delete(ctx, d, Keyring, f.Key) != nil {
			return nil // it is deleted later: the facts say that it is there
		}
		f.KeyringUntil, f.PendingDelete = time.Time{}, false
		return writeFacts(d, f)
	}
	if err := c.stores.delete(ctx, d, old.Store, f.Key); err != nil {
		c.opts.Warnf("the previous session is still in store %s: %v", old.Store, err)
	}
	return nil
}

// sweepAfterPut sweeps after a session was put into a store.
func (c *Cache) sweepAfterPut(ctx context.Context, d *statedir.Dir, name Choice) {
	keyringUnlocked := sync.OnceValue(func() bool {
		return name == Keyring ||
			c.opts.Choice != Auto && c.stores.keyring.Status(ctx, c.opts.KeyringLimit) == nil
	})
	if err := c.sweep(ctx, d, keyringUnlocked); err != nil {
		c.opts.Warnf("expired sessions and old files could not be removed: %v", err)
	}
}
