package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"aws-credproc/cache/statedir"
)

// Delete deletes a session from the store that its facts name and from the store that new sessions
// go to. It then deletes the facts. It returns nil if there is no session. If the keyring cannot be
// searched and may have the session, Delete returns the keyring's error. Get no longer returns the
// session then, and a later Put deletes it from the keyring.
func (c *Cache) Delete(ctx context.Context, key Key) error {
	_, err := c.DeleteFound(ctx, key)
	return err
}

// DeleteFound is like [Cache.Delete] and reports whether there was a session.
func (c *Cache) DeleteFound(ctx context.Context, key Key) (found bool, err error) {
	c.memory.Delete(key)
	d, err := c.state.open(false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	p, err := planDelete(c.opts.Choice, d, key)
	if err != nil {
		return false, err
	}
	found, keyringErr, err := p.run(ctx, c.stores, d, key)
	switch {
	case err != nil:
		return found, errors.Join(keyringErr, err)
	case keyringErr != nil:
		return found, c.deleteLater(p.facts.pendingDelete(key, c.opts.Now()), keyringErr)
	case d == nil:
		return found, nil
	}
	return found, removeFacts(d, key)
}

// deleteLater writes the facts of a pending deletion and returns the error of the keyring. It
// creates the state directory if there is none.
func (c *Cache) deleteLater(pending Facts, keyringErr error) error {
	d, err := c.state.open(true)
	if err == nil {
		err = writeFacts(d, pending)
	}
	if err != nil {
		return errors.Join(keyringErr, err)
	}
	return deletedLater(keyringErr, "a session in the keyring is")
}

// deletePlan lists the stores to delete a session from.
type deletePlan struct {
	facts    Facts
	unknown  bool     // there are no facts that can be read, so other stores may have the session
	required []Choice // stores that may have the session
	others   []Choice // stores to delete from if they can be reached
}

// planDelete returns the plan for a session. d is nil if there is no state directory.
func planDelete(choice Choice, d *statedir.Dir, key Key) (deletePlan, error) {
	p := deletePlan{unknown: true}
	if choice == Auto {
		p.others = []Choice{Keyring, Kernel}
	} else {
		p.required = []Choice{choice}
	}
	if d == nil {
		return p, nil
	}
	var err error
	p.facts, err = readFacts(d, key)
	p.unknown = err != nil
	switch {
	case errors.Is(err, ErrCorrupt):
		p.others = []Choice{Keyring, Kernel, File}
	case err != nil && !errors.Is(err, ErrMiss):
		return p, err
	case p.facts.Store != "":
		p.required = append(p.required, p.facts.Store)
	}
	if !p.facts.KeyringUntil.IsZero() {
		p.required = append(p.required, Keyring)
	}
	return p, nil
}

// names returns the stores of the plan, each once.
func (p deletePlan) names() []Choice {
	all := slices.Concat(p.required, p.others)
	slices.Sort(all)
	return slices.Compact(all)
}

// ignores reports whether an error of a store can be ignored, because nothing indicates that the
// store has the session.
func (p deletePlan) ignores(name Choice, err error) bool {
	if slices.Contains(p.required, name) {
		return false
	}
	return errors.Is(err, ErrUnavailable) || isUnreachable(err) && !p.unknown
}

// run deletes a session from the stores of the plan and reports whether one of them had it. It
// returns the keyring's error separately.
func (p deletePlan) run(
	ctx context.Context, stores *stores, d *statedir.Dir, key Key,
) (found bool, keyringErr, err error) {
	var errs []error
	for _, name := range p.names() {
		if name == None || d == nil && name != Keyring {
			continue
		}
		deleted, err := stores.delete(ctx, d, name, key)
		found = found || deleted
		switch {
		case p.ignores(name, err):
		case name == Keyring:
			keyringErr = err
		default:
			errs = append(errs, err)
		}
	}
	return found, keyringErr, errors.Join(errs...)
}

// deletedLater appends a note to a keyring error: the sessions in the keyring will be deleted
// later. subject is the start of the note.
func deletedLater(err error, subject string) error {
	return fmt.Errorf("%w; %s no longer used, and will be deleted when the next session is "+
		"stored there", err, subject)
}

// Clear deletes every session in every store, also those without facts, and returns their number.
// If a session cannot be deleted, its facts are kept and the error says why. Sessions in a keyring
// that cannot be searched are handled as in Delete if they have facts. If no session has facts, such
// a keyring is an error, unless the options name another store.
//
// Locks that other processes hold stay. So does the key of the file store, which is not a session:
// another process may be sealing a session with it.
func (c *Cache) Clear(ctx context.Context) (n int, err error) {
	c.memory.Clear()
	d, err := c.state.open(false)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	run := clearRun{choice: c.opts.Choice, stores: c.stores, dir: d, now: c.opts.Now()}
	if err := run.readFacts(); err != nil {
		return 0, err
	}
	run.clearStores(ctx)
	if d != nil {
		run.clearFacts()
		// Last, because it examines only a sample of the files: fewer are left now.
		run.fail(sweepFiles(d, c.opts.Now(), clearedTempAge))
		run.removeLocks()
	}
	return run.n, errors.Join(run.errs...)
}

// clearRun is one run of Clear.
type clearRun struct {
	choice Choice
	stores *stores
	dir    *statedir.Dir // nil if there is none
	now    time.Time

	facts   []Facts         // corrupt facts are replaced by a pending deletion
	cleared map[Choice]bool // the stores that have been cleared
	n       int
	errs    []error
}

func (c *clearRun) fail(err error) { c.errs = append(c.errs, err) }

// readFacts reads all facts. Facts that cannot be read, except corrupt ones, are kept, and Clear
// returns an error for them.
func (c *clearRun) readFacts() error {
	if c.dir == nil {
		return nil
	}
	keys, err := factsKeys(c.dir)
	if err != nil {
		return err
	}
	for _, key := range keys {
		f, err := readFacts(c.dir, key)
		switch {
		case errors.Is(err, ErrCorrupt): // the session may be in any store
			f = Facts{}.pendingDelete(key, c.now)
		case err != nil && !errors.Is(err, ErrMiss):
			c.fail(fmt.Errorf("session %.8s: %w", key, err))
			continue
		}
		f.Key = key
		c.facts = append(c.facts, f)
	}
	return nil
}

func (c *clearRun) clearStores(ctx context.Context) {
	c.cleared = map[Choice]bool{"": true, Keyring: c.clearKeyring(ctx)}
	if c.dir == nil {
		return
	}
	for name, clear := range map[Choice]func() (int, error){
		File: fileStore{c.dir}.clear, Kernel: c.stores.kernelStore(c.dir).clear,
	} {
		n, err := clear()
		c.n += n
		c.cleared[name] = err == nil
		c.fail(err)
	}
}

func (c *clearRun) clearKeyring(ctx context.Context) (cleared bool) {
	var known []Key
	for _, f := range c.facts {
		if f.mayBeInKeyring() {
			known = append(known, f.Key)
		}
	}
	n, err := c.stores.keyringStore(c.dir).clear(ctx, known)
	c.n += n
	isUnknown := c.isUnknown() && !errors.Is(err, ErrUnavailable)
	switch {
	case err == nil:
		return true
	case len(known) > 0 && !isUnknown:
		c.fail(deletedLater(err, "the sessions in the keyring are"))
	case !isUnknown && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrTimeout)):
		return true // nothing indicates that it has a session
	default:
		c.fail(fmt.Errorf("%w; a session in the keyring may not have been deleted", err))
	}
	return false
}

// isUnknown reports whether the keyring may have sessions although no facts name it: new sessions go
// to the keyring, and no facts name another store, as if the state directory was deleted.
func (c *clearRun) isUnknown() bool {
	return (c.choice == Auto || c.choice == Keyring) &&
		!slices.ContainsFunc(c.facts, func(f Facts) bool { return f.Store != "" })
}

// clearFacts removes the facts of the sessions that were deleted.
func (c *clearRun) clearFacts() {
	for _, f := range c.facts {
		switch {
		case c.cleared[f.Store] && (f.KeyringUntil.IsZero() || c.cleared[Keyring]):
			c.fail(removeFacts(c.dir, f.Key))
		case c.cleared[f.Store], f.Store == Keyring:
			c.fail(writeFacts(c.dir, f.pendingDelete(f.Key, c.now)))
		default:
			if _, err := c.stores.open(c.dir, f.Store); err != nil { // the store is not known
				c.fail(fmt.Errorf("session %.8s: %w", f.Key, err))
			}
		}
	}
}

// removeLocks removes the locks of sessions that have no facts.
func (c *clearRun) removeLocks() {
	keys, err := factsKeys(c.dir)
	c.fail(err)
	if err != nil {
		return
	}
	c.fail(c.dir.RemoveLocks(func(name string) bool {
		key, err := ParseKey(strings.TrimSuffix(name, claimSuffix))
		return err == nil && !slices.Contains(keys, key)
	}))
}
