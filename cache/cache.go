package cache

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/diag"
)

// Options are the options of a Cache.
type Options struct {
	// Dir is the path of the state directory, see [statedir.Default]. If it is empty, nothing is
	// cached.
	Dir string
	// Choice is the store of new sessions. Unless it is Auto, sessions are read from that store
	// only.
	Choice Choice
	// Warnf, if not nil, is called for problems that do not cause a failure.
	Warnf func(format string, args ...any)
	// Now returns the current time; nil means time.Now.
	Now func() time.Time
	// Memory keeps new sessions in memory if no store accepts them.
	Memory bool
	// KeyringLimit is how long Auto waits for the keyring's status, and how long a Put may spend on
	// deleting expired sessions; 0 means 90 ms.
	KeyringLimit time.Duration
	// Keyring is the keyring of the operating system; nil means that there is none.
	Keyring OSKeyring
}

// Cache stores sessions in the stores of this machine, and facts about them in the state directory.
// If the state directory cannot be used, there is one warning, every session is a miss and nothing
// is cached. The methods of a Cache are safe for concurrent use.
type Cache struct {
	opts   Options
	state  *state
	stores *stores
	auto   *chooser
	memory sync.Map // Session by Key
}

// Open returns a Cache. It accesses neither the disk nor the keyring. It returns an error if the
// Choice is unknown.
func Open(o Options) (*Cache, error) {
	var err error
	if o.Choice, err = ParseChoice(string(o.Choice)); err != nil {
		return nil, err
	}
	if o.Warnf == nil {
		o.Warnf = func(string, ...any) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.KeyringLimit = cmp.Or(o.KeyringLimit, defaultKeyringLimit)
	s := newStores(o.Keyring)
	return &Cache{
		opts:   o,
		state:  &state{path: o.Dir, warnf: o.Warnf},
		stores: s,
		auto:   &chooser{stores: s, limit: o.KeyringLimit, now: o.Now},
	}, nil
}

// Close closes the state directory, because Windows cannot remove an open directory. After Close,
// the Cache stores nothing. A process that exits need not call it.
func (c *Cache) Close() error { return c.state.close() }

// Get returns a session. It reads one small file and one item of one store. If there are no facts
// about an unexpired session, it returns ErrMiss and does not access the keyring. Any other error
// is a failure of the store that has the session, such as ErrLocked.
func (c *Cache) Get(ctx context.Context, key Key) (Session, error) {
	s, _, err := c.get(ctx, key)
	return s, err
}

// get is Get. It also returns the store that was read, if any. A session that no store returns may
// be in memory.
func (c *Cache) get(ctx context.Context, key Key) (Session, Choice, error) {
	s, name, err := c.getStored(ctx, key)
	if err != nil {
		known, ok := c.memory.Load(key)
		if ok && known.(Session).Expiration.After(c.opts.Now()) {
			return known.(Session), name, nil
		}
	}
	return s, name, err
}

func (c *Cache) getStored(ctx context.Context, key Key) (Session, Choice, error) {
	if c.opts.Choice == None {
		return Session{}, "", ErrMiss
	}
	d, err := c.state.open(false)
	if err != nil {
		return Session{}, "", ErrMiss // state has reported it
	}
	f, err := readPlace(d, key)
	if err != nil {
		return Session{}, "", c.missIfCorrupt(key, err)
	}
	if f.Store == "" || !f.Expires.After(c.opts.Now()) ||
		c.opts.Choice != Auto && c.opts.Choice != f.Store {
		return Session{}, "", ErrMiss
	}
	s, err := c.stores.get(ctx, d, f.Store, key, c.opts.Now())
	return s, f.Store, err
}

// GetLocked is Get for a caller that holds the lock of the session. If the facts lead to no
// session, it also looks in the store of new sessions: a process that is killed during a Put leaves
// a session without facts. For such a session, it writes the facts f, as Put does.
func (c *Cache) GetLocked(ctx context.Context, key Key, f Facts) (Session, error) {
	s, asked, err := c.get(ctx, key)
	if errors.Is(err, ErrTimeout) && c.stores.keyring.RetryOnce() {
		// The keyring has the session, but was busy with hundreds of processes. Most of them have
		// finished by now.
		s, asked, err = c.get(ctx, key)
	}
	if err == nil || !errors.Is(err, ErrMiss) && !(c.opts.Choice == Auto && isUnreachable(err)) {
		return s, err
	}
	d, name := c.destination(ctx)
	if name == None || name == asked {
		return Session{}, err
	}
	old, factsErr := readFacts(d, key)
	if factsErr == nil && old.PendingDelete && name == Keyring {
		return Session{}, err // the next Put deletes or replaces it
	}
	s, getErr := c.stores.get(ctx, d, name, key, c.opts.Now())
	switch {
	case getErr == nil:
	case errors.Is(getErr, ErrMiss), c.opts.Choice == Auto && errors.Is(getErr, ErrUnavailable):
		return Session{}, err
	default:
		return Session{}, getErr
	}
	c.recordFound(d, f.withSession(key, s, name))
	return s, nil
}

// recordFound writes the facts about a session that was found without facts.
func (c *Cache) recordFound(d *statedir.Dir, f Facts) {
	old, err := readFacts(d, f.Key)
	if err != nil {
		old = Facts{} // it is replaced
	}
	if err := writeFacts(d, f.withKeyringOf(old)); err != nil {
		c.opts.Warnf("a session was found, but its facts could not be written: %v", err)
	}
}

// isUnreachable reports whether a store could not be read, as opposed to one that holds damaged
// data.
func isUnreachable(err error) bool {
	return err != nil && !errors.Is(err, ErrMiss) && !errors.Is(err, ErrCorrupt) &&
		!errors.Is(err, ErrVersion)
}

// FactsOf returns the facts about a session, or about the failure to obtain it. If there are none,
// it returns ErrMiss. It opens no secret and does not access the keyring.
func (c *Cache) FactsOf(key Key) (Facts, error) {
	d, err := c.state.open(false)
	if err != nil {
		return Facts{}, ErrMiss // state has reported it
	}
	f, err := readFacts(d, key)
	switch {
	case err != nil:
		return Facts{}, c.missIfCorrupt(key, err)
	case !f.isReported():
		return Facts{}, ErrMiss
	}
	return f, nil
}

// Facts returns the facts about every session, sorted by profile, role and key. It opens no secret
// and does not access the keyring. It warns about facts that cannot be read.
func (c *Cache) Facts() ([]Facts, error) {
	d, err := c.state.open(false)
	if err != nil {
		return nil, nil // state has reported it
	}
	keys, err := factsKeys(d)
	if err != nil {
		return nil, err
	}
	all := make([]Facts, 0, len(keys))
	for _, key := range keys {
		f, err := readFacts(d, key)
		switch {
		case errors.Is(err, ErrMiss): // deleted meanwhile
		case err != nil:
			c.opts.Warnf("session %.8s: %v", key, err)
		case f.isReported():
			f.KeyLost = f.Store == Kernel && !c.stores.kernelStore(d).has(key)
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b Facts) int {
		return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.RoleARN, b.RoleARN),
			slices.Compare(a.Key[:], b.Key[:]))
	})
	return all, nil
}

// RecordFailure records in the facts of a session why it could not be obtained or renewed: cause,
// and the classification in f. If there are no facts, it writes f. It does not change the session.
// The caller holds the lock of the session.
func (c *Cache) RecordFailure(key Key, f Facts, cause error) error {
	d, name := c.target()
	if name == None {
		return nil
	}
	old, err := readFacts(d, key)
	switch {
	case err == nil:
		old.Temporary, old.NeedsUser, old.Unshared = f.Temporary, f.NeedsUser, f.Unshared
		f = old
	case errors.Is(err, ErrMiss), errors.Is(err, ErrCorrupt):
		f.Key, f.Store, f.Created, f.Expires = key, "", time.Time{}, time.Time{}
	default:
		return err
	}
	f.LastError, f.LastHint, f.LastErrorAt = cause.Error(), diag.Hint(cause), c.opts.Now()
	return writeFacts(d, f)
}

// Lock takes the lock of a session, so that only one of many processes obtains it. It calls look as
// [statedir.Dir.Lock] does. If look returns true, the caller has found the session, and Lock
// returns without the lock. unlock is never nil. The error is the cause of ctx. If nothing is
// cached, there is nothing to lock, and Lock only calls look.
func (c *Cache) Lock(
	ctx context.Context, key Key, look func() bool,
) (unlock func(), err error) {
	if d, name := c.target(); name != None {
		unlock, err = d.Lock(ctx, key.String(), look)
		if err == nil || ctx.Err() != nil {
			return unlock, err
		}
		c.state.fail(err)
	}
	if look != nil {
		look()
	}
	return func() {}, nil
}

// LockAlways takes the lock of something that processes must not use at the same time even if
// nothing is cached, such as a refresh token. unlock is never nil.
func (c *Cache) LockAlways(ctx context.Context, key Key) (unlock func(), err error) {
	return statedir.LockAlways(ctx, c.opts.Dir, key.String())
}

// target returns the choice of the options and the state directory, which it creates. The choice is
// None if nothing is cached.
func (c *Cache) target() (*statedir.Dir, Choice) {
	if c.opts.Choice == None {
		return nil, None
	}
	d, err := c.state.open(true)
	if err != nil {
		return nil, None // state has reported it
	}
	return d, c.opts.Choice
}

// destination returns the store of a new session and the state directory, which it creates. The
// store is None if nothing is cached.
func (c *Cache) destination(ctx context.Context) (*statedir.Dir, Choice) {
	d, name := c.target()
	if name == Auto {
		name = c.auto.choose(ctx, d).name
	}
	return d, name
}

// missIfCorrupt returns the error of reading facts. For corrupt ones, it warns and returns ErrMiss.
func (c *Cache) missIfCorrupt(key Key, err error) error {
	if errors.Is(err, ErrCorrupt) {
		c.opts.Warnf("session %.8s: %v", key, err)
		return ErrMiss
	}
	return err
}
