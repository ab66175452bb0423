package cache

import (
	"context"
	"errors"
	"sync"
	"time"

	"aws-credproc/cache/statedir"
)

// Put stores a session and then its facts, so that there are no facts about a session that does not
// exist. It returns the store of the session; None, without an error, if nothing is cached. It sets
// Key, Store, Created, Expires and the last error of f. It does not replace what a newer version of
// this program has stored: the error then wraps ErrVersion.
//
// With Auto, a session that the keyring does not accept goes to the kernel store, even if the
// keyring has one of a newer version. A session that is left in the keyring is deleted when it has
// expired. With any other choice, Put fails if the keyring is locked or does not respond, because
// the session would not be found in another store.
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
	p := putRun{opts: c.opts, stores: c.stores, dir: d, key: key, session: s}
	return p.run(ctx, name, f)
}

// putRun is one run of Put.
type putRun struct {
	opts    Options
	stores  *stores
	dir     *statedir.Dir
	key     Key
	session Session
	old     Facts // the facts before
}

func (p *putRun) run(ctx context.Context, name Choice, f Facts) (Choice, error) {
	var err error
	p.old, err = readFacts(p.dir, p.key)
	if err != nil && !errors.Is(err, ErrMiss) && !errors.Is(err, ErrCorrupt) {
		return None, err
	}
	var prepare func() error
	if name == Keyring && p.old.Store != Keyring {
		hasFacts := err == nil
		prepare = func() error {
			if !hasFacts {
				p.old = f
				p.old.Store, p.old.Key, p.old.KeyringUntil = "", p.key, time.Time{}
			}
			return p.recordItem()
		}
	}
	if name, err = p.store(ctx, name, prepare); err != nil {
		return None, err
	}
	f = f.withSession(p.key, p.session, name).withKeyringOf(p.old)
	if err := writeFacts(p.dir, f); err != nil {
		return name, err
	}
	if err := p.deleteOld(ctx, f); err != nil {
		return name, err
	}
	p.sweep(ctx, name)
	return name, nil
}

// recordItem records in the old facts that the keyring may have an item: a process that is killed
// before it writes the new facts leaves the item behind, and most keyrings cannot list items.
func (p *putRun) recordItem() error {
	p.old.KeyringUntil = latest(p.old.KeyringUntil, p.session.Expiration)
	return writeFacts(p.dir, p.old)
}

// store stores the session and returns the store that has accepted it. With Auto, that may be the
// kernel store even though the keyring was unlocked when it was chosen.
func (p *putRun) store(
	ctx context.Context, name Choice, prepare func() error,
) (Choice, error) {
	err := p.stores.put(ctx, p.dir, name, p.key, p.session, prepare)
	if name == Keyring {
		if err := recordRefusal(p.dir, p.opts.Now(), err); err != nil {
			p.opts.Warnf("the result of the keyring could not be recorded: %v", err)
		}
	}
	if p.opts.Choice == Auto && name == Keyring &&
		(isUnreachable(err) || errors.Is(err, ErrVersion)) {
		if p.stores.put(ctx, p.dir, Kernel, p.key, p.session, nil) == nil {
			return Kernel, nil
		}
	}
	return name, err
}

// deleteOld deletes the previous session, if it was in another store. f are the facts as written.
func (p *putRun) deleteOld(ctx context.Context, f Facts) error {
	switch {
	case p.old.Store == "", p.old.Store == f.Store:
		return nil
	case p.old.Store == Keyring && p.opts.Choice == Auto:
		return nil // the keyring rejected the new session, so it would not delete the old one
	case p.old.Store == Keyring:
		ctx, cancel := context.WithTimeout(ctx, p.opts.KeyringLimit)
		defer cancel()
		if _, err := p.stores.delete(ctx, p.dir, Keyring, f.Key); err != nil {
			return nil // it is deleted later: the facts record it
		}
		f.KeyringUntil, f.PendingDelete = time.Time{}, false
		return writeFacts(p.dir, f)
	}
	if _, err := p.stores.delete(ctx, p.dir, p.old.Store, f.Key); err != nil {
		p.opts.Warnf("the previous session is still in store %s: %v", p.old.Store, err)
	}
	return nil
}

// sweep sweeps after the session was stored.
func (p *putRun) sweep(ctx context.Context, name Choice) {
	s := sweeper{stores: p.stores, dir: p.dir, now: p.opts.Now()}
	s.keyringUnlocked = sync.OnceValue(func() bool {
		return name == Keyring ||
			p.opts.Choice != Auto && p.stores.keyring.Status(ctx, p.opts.KeyringLimit) == nil
	})
	sweepCtx, cancel := context.WithTimeout(ctx, p.opts.KeyringLimit)
	defer cancel()
	if err := s.run(sweepCtx); err != nil {
		p.opts.Warnf("expired sessions and old files could not be removed: %v", err)
	}
}
