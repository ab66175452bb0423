package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
)

// defaultKeyringLimit is the default of Options.KeyringLimit.
const defaultKeyringLimit = 90 * time.Millisecond

// chooser decides once where new sessions go for Auto.
type chooser struct {
	stores *stores
	limit  time.Duration // Options.KeyringLimit

	mu     sync.Mutex
	chosen decision
}

type decision struct {
	name   Choice
	reason string
}

// choose returns the keyring if it is unlocked, else the kernel store, else None. A keyring that is
// locked or does not answer is still tried if there is no kernel store.
func (c *chooser) choose(ctx context.Context, d *statedir.Dir) decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chosen.name != "" {
		return c.chosen
	}
	err := c.stores.keyring.Status(ctx, c.limit)
	if err == nil {
		c.chosen = decision{Keyring, "unlocked"}
		return c.chosen
	}
	chosen := decision{Keyring, err.Error()}
	kernelErr := c.stores.kernelStore(d).status()
	switch {
	case kernelErr == nil:
		chosen.name = Kernel
	case errors.Is(err, ErrUnavailable):
		chosen = decision{None, fmt.Sprintf("%v; %v", err, kernelErr)}
	}
	if ctx.Err() == nil { // otherwise it was the caller who had no time
		c.chosen = chosen
	}
	return chosen
}

// StoreName returns where a new session would go, and why; reason is empty if it is the choice of
// the options. The name is None if that store cannot be used. It asks the keyring for its status,
// for at most Options.KeyringLimit with Auto and otherwise [keyring.ResponseLimit], without a
// prompt and without starting a daemon. It makes no state directory.
func (c *Cache) StoreName(ctx context.Context) (name Choice, reason string) {
	if c.opts.Choice == None {
		return None, ""
	}
	d, err := c.state.check()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return None, err.Error()
	}
	if d != nil {
		if err := d.CheckWritable(); err != nil {
			return None, err.Error()
		}
	}
	switch c.opts.Choice {
	case Auto:
		chosen := c.auto.choose(ctx, d)
		return chosen.name, chosen.reason
	case Keyring:
		err = c.stores.keyring.Status(ctx, keyring.ResponseLimit)
	case Kernel:
		err = c.stores.kernelStore(d).status()
	default:
		err = nil
	}
	if err != nil {
		return None, err.Error()
	}
	return c.opts.Choice, ""
}
