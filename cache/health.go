package cache

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// Health is what is known of where sessions are kept.
type Health struct {
	Choice Choice // as opened
	Store  Choice // where a new session would go
	Reason string // why there
	// StateDir is why the state directory cannot be used, nil where it can be or can yet be made.
	StateDir error
	// StoreErr is what keeps sessions from the store of the choice, which for Auto is the keyring: see ErrUnavailable,
	// ErrLocked and ErrTimeout. nil where nothing is known to.
	StoreErr error
	// Newer are the sessions that a newer version of this program wrote; of some, only the key is known.
	Newer []Facts
	// Leftovers are the temporary files of killed processes, more than an hour old.
	Leftovers []string
}

// Health looks at all of that. It opens every session, raises no prompt, starts no daemon and changes nothing.
func (c *Cache) Health(ctx context.Context) Health {
	h := Health{Choice: c.opts.Choice}
	h.Store, h.Reason = c.StoreName(ctx)
	switch h.Choice {
	case None:
		return h
	case Auto, Keyring:
		h.StoreErr = c.keyring.look(ctx, keyringLimit)
	case Kernel:
		h.StoreErr = c.kernel.probe()
	}
	d, err := c.look()
	if errors.Is(err, fs.ErrNotExist) {
		return h
	}
	if err == nil {
		h.Leftovers, err = d.leftovers(c.opts.Now())
	}
	if err == nil {
		h.Newer, err = c.newer(ctx, d)
	}
	if err == nil {
		err = d.checkWritable()
	}
	h.StateDir = err
	return h
}

// newer gives the sessions that a newer version of this program wrote. What else is wrong with one is told when it is
// used, and mended by that.
func (c *Cache) newer(ctx context.Context, d *stateDir) (all []Facts, err error) {
	keys, err := d.keys(factsDir, ".json")
	for _, key := range keys {
		f, err := d.readFacts(key)
		if err == nil {
			_, err = c.Get(ctx, key)
		}
		if errors.Is(err, ErrVersion) {
			all = append(all, f)
		}
	}
	return all, err
}

// leftovers gives the paths of what sweep would remove, but for claims.
func (d *stateDir) leftovers(now time.Time) (paths []string, err error) {
	for _, name := range []string{".", factsDir, sessionsDir} {
		entries, err := d.entries(name)
		if err != nil {
			return paths, err
		}
		for _, e := range entries {
			info, err := e.Info()
			if err == nil && strings.HasPrefix(e.Name(), tempPrefix) && now.Sub(info.ModTime()) > tempAge {
				paths = append(paths, filepath.Join(d.path, name, e.Name()))
			}
		}
	}
	return paths, nil
}

// entries lists a directory of ours, or with "." the state directory itself; one that is not there has none.
func (d *stateDir) entries(name string) ([]fs.DirEntry, error) {
	if name == "." {
		return fs.ReadDir(d.root.FS(), ".")
	}
	root, err := d.sub(name, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return fs.ReadDir(root.FS(), ".")
}
