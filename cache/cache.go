package cache

import (
	"aws-credproc/internal/diag"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"
)

// Options say how a Cache is opened.
type Options struct {
	// Dir is the state directory, see DefaultDir. Empty: none is known, so nothing is kept.
	Dir string
	// Choice is where new sessions go, and with any choice but Auto the only store that sessions are read from.
	Choice Choice
	// Warnf is told what is wrong where nothing fails for it; nil drops that.
	Warnf func(format string, args ...any)
	// Now is the time by which sessions expire; nil is time.Now.
	Now func() time.Time
	// Memory keeps new sessions that no store takes in this process, for as long as it lives.
	Memory bool
}

// Cache keeps sessions in the stores of this machine, and what is known about them in the state directory. A state
// directory that cannot be used costs one warning and the cache, not the credentials: every session is a miss then,
// and nothing is kept. Its methods may be called from several goroutines.
type Cache struct {
	opts    Options
	keyring *keyring
	kernel  kernelKeys

	choiceMu sync.Mutex
	chosen   decision // where new sessions go by Auto, once that is decided

	mu     sync.Mutex
	dir    *stateDir
	dirErr error // why the state directory cannot be used; it has been told
	// creatable says that a state directory that was not there could be made.
	creatable bool

	memory sync.Map // Session by Key
}

// Open makes a Cache. It touches neither disk nor keyring; an error is a Choice that there is not.
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
	return &Cache{opts: o, keyring: &keyring{}, kernel: osKernel{}}, nil
}

// Get is the warm way: one small file, then one item of one store. Without facts that tell of a session that has not
// expired it answers ErrMiss, and no keyring is asked. Any other error is a failure of the store that holds the
// session, see ErrLocked and its like.
func (c *Cache) Get(ctx context.Context, key Key) (Session, error) {
	s, _, err := c.get(ctx, key)
	return s, err
}

// get also tells which store it looked in, if any. What no store gives, this process may still know.
func (c *Cache) get(ctx context.Context, key Key) (Session, Choice, error) {
	s, name, err := c.stored(ctx, key)
	if err != nil {
		if known, ok := c.memory.Load(key); ok && known.(Session).Expiration.After(c.opts.Now()) {
			return known.(Session), name, nil
		}
	}
	return s, name, err
}

func (c *Cache) stored(ctx context.Context, key Key) (Session, Choice, error) {
	if c.opts.Choice == None {
		return Session{}, "", ErrMiss
	}
	d, err := c.state(false)
	if err != nil {
		return Session{}, "", ErrMiss // told by state
	}
	f, err := c.readFacts(d, key)
	if err != nil {
		return Session{}, "", err
	}
	if f.Store == "" || !f.Expires.After(c.opts.Now()) || c.opts.Choice != Auto && c.opts.Choice != f.Store {
		return Session{}, "", ErrMiss
	}
	s, err := c.getFrom(ctx, d, f.Store, key)
	return s, f.Store, err
}

func (c *Cache) getFrom(ctx context.Context, d *stateDir, name Choice, key Key) (Session, error) {
	st, err := c.store(d, name)
	if err != nil {
		return Session{}, err
	}
	s, err := st.Get(ctx, key)
	if err == nil && !s.Expiration.After(c.opts.Now()) {
		return Session{}, ErrMiss
	}
	return s, err
}

// GetLocked is the second look, under the lock: as Get, and where the facts lead to no session it looks where a new one
// would go, since a process killed between the two writes of Put leaves a session without facts. What it finds so gets
// the facts f, as with Put.
func (c *Cache) GetLocked(ctx context.Context, key Key, f Facts) (Session, error) {
	s, looked, err := c.get(ctx, key)
	if errors.Is(err, ErrTimeout) && c.keyring.again() {
		// It holds the session. Hundreds of processes keep it so busy that some give up; they meet here, when the others
		// have gone.
		s, looked, err = c.get(ctx, key)
	}
	if err == nil || !errors.Is(err, ErrMiss) && !(c.opts.Choice == Auto && isOutOfReach(err)) {
		return s, err
	}
	d, name := c.destination(ctx)
	if name == None || name == looked {
		return Session{}, err
	}
	if old, factsErr := d.readFacts(key); factsErr == nil && old.Forgotten && name == Keyring {
		return Session{}, err // this may be without the lock: the next Put deletes it, or has it replaced
	}
	s, getErr := c.getFrom(ctx, d, name, key)
	switch {
	case getErr == nil:
	case errors.Is(getErr, ErrMiss), c.opts.Choice == Auto && errors.Is(getErr, ErrUnavailable):
		return Session{}, err
	default:
		return Session{}, getErr
	}
	old, err := d.readFacts(key)
	if err != nil {
		old = Facts{} // whatever stands there, it is replaced
	}
	if err := d.writeFacts(f.of(key, s, name).after(old)); err != nil {
		c.opts.Warnf("session found, but not noted: %v", err)
	}
	return s, nil
}

// isOutOfReach reports whether a store could not be asked, rather than what it holds being damaged.
func isOutOfReach(err error) bool {
	return err != nil && !errors.Is(err, ErrMiss) && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrVersion)
}

// Put keeps a session, in the store first and its facts after, so that none tell of a session that is not there. It answers
// which store took it; None, without an error, where nothing is to be kept. Key, Store, Created, Expires and last error
// of f are filled in. What a newer version of this program wrote is ErrVersion, and stays.
//
// With Auto, a session that the keyring does not take, or has a newer version's in the place of, goes to the kernel store;
// what the keyring held stays there, and is cleared away when it is over. With any other choice a keyring that is locked or
// silent is an error, and the session goes nowhere else: the next one would not be found there.
//
// The caller holds the lock of the key.
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
	old, err := d.readFacts(key)
	if err != nil && !errors.Is(err, ErrMiss) && !errors.Is(err, ErrCorrupt) {
		return None, err
	}
	unknown := err != nil
	var note func() error
	if name == Keyring && old.Store != Keyring {
		// A process that is killed before its facts leaves an item that nobody can list on most systems: noted first.
		note = func() error {
			if unknown {
				old = f
				old.Store, old.Key, old.Stray = "", key, time.Time{}
			}
			old.Stray = latest(old.Stray, s.Expiration)
			return d.writeFacts(old)
		}
	}
	err = c.putIn(ctx, d, name, key, s, note)
	if c.opts.Choice == Auto && name == Keyring && (isOutOfReach(err) || errors.Is(err, ErrVersion)) { // although it was there a moment ago
		if kernelErr := c.putIn(ctx, d, Kernel, key, s, nil); kernelErr == nil {
			name, err = Kernel, nil
		}
	}
	if err != nil { // with Auto too: it was there when it was chosen, and is perhaps so for each process
		return None, err
	}
	f = f.of(key, s, name).after(old)
	if err := d.writeFacts(f); err != nil {
		return name, err
	}
	switch {
	case old.Store == "", old.Store == name:
	case old.Store == Keyring:
		// Where it cannot be deleted at once it is cleared away later: the facts say that it is there.
		brief, cancel := context.WithTimeout(ctx, chooseLimit)
		defer cancel()
		if c.opts.Choice != Auto && c.deleteFrom(brief, d, Keyring, key) == nil {
			f.Stray, f.Forgotten = time.Time{}, false
			if err := d.writeFacts(f); err != nil {
				return name, err
			}
		}
	default:
		if err := c.deleteFrom(ctx, d, old.Store, key); err != nil {
			c.opts.Warnf("the session before this one stays in store %s: %v", old.Store, err)
		}
	}
	if err := c.sweep(ctx, d, sync.OnceValue(func() bool {
		return name == Keyring || c.opts.Choice != Auto && c.keyring.look(ctx, chooseLimit) == nil
	})); err != nil {
		c.opts.Warnf("what is of no more use is not cleared away: %v", err)
	}
	return name, nil
}

// putIn puts a session into a store, but not in the place of one that a newer version of this program wrote. It calls note,
// which may be nil, when the store has answered and before anything is written.
func (c *Cache) putIn(ctx context.Context, d *stateDir, name Choice, key Key, s Session, note func() error) error {
	st, err := c.store(d, name)
	if err != nil {
		return err
	}
	if _, err := st.Get(ctx, key); err != nil && !errors.Is(err, ErrMiss) && !errors.Is(err, ErrCorrupt) {
		return err
	}
	if note != nil {
		if err := note(); err != nil {
			return err
		}
	}
	return st.Put(ctx, key, s)
}

// of makes facts those of a session that rests in a store.
func (f Facts) of(key Key, s Session, name Choice) Facts {
	f.Key, f.Store, f.Created, f.Expires, f.LastError, f.LastHint, f.LastErrorAt = key, name, s.Issued, s.Expiration, "", "", time.Time{}
	f.Passing, f.NeedsPerson = false, false
	return f
}

// after notes in the facts of a session what those before it tell of the keyring, unless it is there itself and so in
// the place of whatever was.
func (f Facts) after(old Facts) Facts {
	f.Stray, f.Forgotten = time.Time{}, false
	if f.Store != Keyring {
		f.Stray, f.Forgotten = old.Stray, old.Forgotten
		if old.Store == Keyring {
			f.Stray = latest(old.Stray, old.Expires)
		}
	}
	return f
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// FactsOf is what is known about one session, or about the failure to make it; ErrMiss if nothing is. It opens no
// secret and reaches no keyring.
func (c *Cache) FactsOf(key Key) (Facts, error) {
	d, err := c.state(false)
	if err != nil {
		return Facts{}, ErrMiss // told by state
	}
	f, err := c.readFacts(d, key)
	if err == nil && !f.tell() {
		return Facts{}, ErrMiss
	}
	return f, err
}

// Facts is what is known about every session, sorted by profile, role and key. It opens no secret and reaches no
// keyring. Facts that cannot be read cost a warning.
func (c *Cache) Facts() ([]Facts, error) {
	d, err := c.state(false)
	if err != nil {
		return nil, nil // told by state
	}
	keys, err := d.keys(factsDir, ".json")
	if err != nil {
		return nil, err
	}
	all := make([]Facts, 0, len(keys))
	for _, key := range keys {
		f, err := d.readFacts(key)
		switch {
		case errors.Is(err, ErrMiss): // deleted meanwhile
		case err != nil:
			c.opts.Warnf("session %.8s: %v", key, err)
		case f.tell():
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b Facts) int {
		return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.RoleARN, b.RoleARN), slices.Compare(a.Key[:], b.Key[:]))
	})
	return all, nil
}

// Fail notes why a session could not be made or renewed: cause, and what f says of it, in the session's facts or, where
// there are none, in facts f that tell of no session. A session that is there stays as it is. The caller holds the lock
// of the key.
func (c *Cache) Fail(key Key, f Facts, cause error) error {
	d, name := c.target()
	if name == None {
		return nil
	}
	old, err := d.readFacts(key)
	switch {
	case err == nil:
		old.Passing, old.NeedsPerson = f.Passing, f.NeedsPerson
		f = old
	case errors.Is(err, ErrMiss), errors.Is(err, ErrCorrupt):
		f.Key, f.Store, f.Created, f.Expires = key, "", time.Time{}, time.Time{}
	default:
		return err
	}
	f.LastError, f.LastHint, f.LastErrorAt = cause.Error(), diag.Hint(cause), c.opts.Now()
	return d.writeFacts(f)
}

// Lock takes the lock of a session for this process, waiting for who holds it, so that of many processes one obtains
// the session. It calls look, at least once and perhaps without the lock, and stops as soon as look reports true: that
// the caller has found what it wanted. Else it returns with the lock held, and look's last answer was false under it.
// unlock is never nil. A nil look only takes the lock. The error is ctx's: where nothing is kept there is nothing to
// lock, and Lock goes on without.
func (c *Cache) Lock(ctx context.Context, key Key, look func() bool) (unlock func(), err error) {
	if d, name := c.target(); name != None {
		unlock, err = d.lock(ctx, key.String(), look)
		if err == nil || ctx.Err() != nil {
			return unlock, err
		}
		c.mu.Lock()
		c.unusable(err)
		c.mu.Unlock()
	}
	if look != nil {
		look()
	}
	return nop, nil
}

// target is the choice and the state directory, made if it was not there; None if nothing is to be kept.
func (c *Cache) target() (*stateDir, Choice) {
	if c.opts.Choice == None {
		return nil, None
	}
	d, err := c.state(true)
	if err != nil {
		return nil, None // told by state
	}
	return d, c.opts.Choice
}

func (c *Cache) store(d *stateDir, name Choice) (Store, error) {
	switch name {
	case Keyring:
		return keyringStore{c.keyring, d}, nil
	case Kernel:
		return kernelStore{d, c.kernel}, nil
	case File:
		return fileStore{d}, nil
	}
	return nil, fmt.Errorf("it is in store %q: %w", name, ErrVersion)
}

// readFacts takes corrupt facts for absent ones, with a warning.
func (c *Cache) readFacts(d *stateDir, key Key) (Facts, error) {
	f, err := d.readFacts(key)
	if errors.Is(err, ErrCorrupt) {
		c.opts.Warnf("session %.8s: %v", key, err)
		return Facts{}, ErrMiss
	}
	return f, err
}

// state opens the state directory when it is first needed. Its error is fs.ErrNotExist where there is none yet, which
// create mends; any other one has been told, and is for good. One that was removed is none: it stays open for who is at it.
func (c *Cache) state(create bool) (*stateDir, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dirErr != nil {
		return nil, c.dirErr
	}
	if c.dir == nil || c.dir.isGone() {
		c.dir = nil
		d, err := openStateDir(c.opts.Dir, create)
		if errors.Is(err, fs.ErrNotExist) && !create {
			return nil, err
		}
		if err != nil {
			c.unusable(err)
			return nil, err
		}
		c.dir = d
	}
	return c.dir, nil
}

// look opens the state directory, if there is one, as state does. Its error is fs.ErrNotExist where there is none yet
// and one could be made.
func (c *Cache) look() (*stateDir, error) {
	d, err := c.state(false)
	if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.creatable {
		if err := checkCreatable(c.opts.Dir); err != nil {
			c.unusable(err)
			return nil, err
		}
		c.creatable = true
	}
	return nil, err
}

// Close lets go of the state directory, which Windows does not remove while it is open. The Cache keeps nothing from then
// on. A process that ends need not call it.
func (c *Cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.dir
	c.dir, c.dirErr = nil, fs.ErrClosed
	if d == nil {
		return nil
	}
	return d.root.Close()
}

// unusable ends the use of the state directory, with the one warning. The caller holds mu.
func (c *Cache) unusable(err error) {
	if c.dirErr == nil {
		c.dirErr = err
		c.opts.Warnf("sessions are not kept: %v", err)
	}
}
