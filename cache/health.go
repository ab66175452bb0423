package cache

import (
	"context"
	"errors"
	"io/fs"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/keyringapi"
)

// Health is the state of the stores and of the state directory.
type Health struct {
	Choice Choice // the store that the options name
	Store  Choice // the store of a new session
	Reason string // why that store was chosen
	// StateDir is why the state directory cannot be used; nil if it can be used or created.
	StateDir error
	// StoreErr is why the chosen store, or for Auto the keyring, cannot store sessions, such as
	// ErrUnavailable, ErrLocked or ErrTimeout.
	StoreErr error
	// Newer are the sessions of a newer version of this program. For some, only the key is known.
	Newer []Facts
	// Leftovers are the temporary files of killed processes that are more than an hour old.
	Leftovers []string
}

// Health examines the stores and the state directory. It opens every session, shows no prompt,
// starts no daemon and changes nothing.
func (c *Cache) Health(ctx context.Context) Health {
	h := Health{Choice: c.opts.Choice}
	h.Store, h.Reason = c.StoreName(ctx)
	switch h.Choice {
	case None:
		return h
	case Auto, Keyring:
		h.StoreErr = c.stores.keyring.Status(ctx, keyringapi.ResponseLimit)
	case Kernel:
		h.StoreErr = c.stores.kernel.probe()
	}
	d, err := c.state.check()
	if errors.Is(err, fs.ErrNotExist) {
		return h
	}
	if err == nil {
		h.Leftovers, err = d.TempFiles(c.opts.Now(), tempAge)
	}
	if err == nil {
		h.Newer, err = c.newer(ctx, d)
	}
	if err == nil {
		err = d.CheckWritable()
	}
	h.StateDir = err
	return h
}

// newer returns the sessions of a newer version of this program. Other problems with a session are
// reported and repaired when it is used.
func (c *Cache) newer(ctx context.Context, d *statedir.Dir) (all []Facts, err error) {
	keys, err := factsKeys(d)
	for _, key := range keys {
		f, err := readFacts(d, key)
		if err == nil {
			_, err = c.Get(ctx, key)
		}
		if errors.Is(err, ErrVersion) {
			all = append(all, f)
		}
	}
	return all, err
}
