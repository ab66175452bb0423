package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/keyringapi"
)

// defaultKeyringLimit is the default of Options.KeyringLimit.
const defaultKeyringLimit = 90 * time.Millisecond

// chooser selects the store of new sessions for Auto, once.
type chooser struct {
	stores *stores
	limit  time.Duration // Options.KeyringLimit
	now    func() time.Time

	mu     sync.Mutex
	chosen decision
}

type decision struct {
	name   Choice
	reason string
	fails  bool // the keyring will probably not accept a session
}

// choose returns the keyring if it is unlocked and has not refused the last session, else the kernel
// store. If neither can be used, it returns a keyring that fails, so that a Put reports why, or None
// if there is no keyring.
func (c *chooser) choose(ctx context.Context, d *statedir.Dir) decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chosen.name != "" {
		return c.chosen
	}
	err := c.stores.keyring.Status(ctx, c.limit)
	why := refusal(d, c.now())
	if err == nil && why == "" {
		c.chosen = decision{name: Keyring, reason: "unlocked"}
		return c.chosen
	}
	if err == nil {
		err = errors.New("keyring: " + why)
	}
	chosen := decision{name: Kernel, reason: err.Error()}
	if kernelErr := c.stores.kernelStore(d).status(); kernelErr != nil {
		chosen = decision{Keyring, fmt.Sprintf("%v; %v", err, kernelErr), true}
		if errors.Is(err, ErrUnavailable) {
			chosen.name = None
		}
	}
	if ctx.Err() == nil { // otherwise the caller's deadline was too short
		c.chosen = chosen
	}
	return chosen
}

// StoreName returns the store of a new session, and why. reason is empty if the options name the
// store. The name is None if that store cannot be used. StoreName waits for the keyring's status
// for at most Options.KeyringLimit with Auto and otherwise [keyringapi.ResponseLimit]. It shows no
// prompt, starts no daemon and does not create the state directory.
func (c *Cache) StoreName(ctx context.Context) (name Choice, reason string) {
	name, reason = c.storeName(ctx)
	return name, missingStores.Replace(reason)
}

// missingStores shortens the errors of stores that do not exist here.
var missingStores = strings.NewReplacer(
	"keyring: "+ErrUnavailable.Error()+": ", "no keyring: ",
	"kernel store: "+ErrUnavailable.Error()+": ", "no kernel store: ",
)

func (c *Cache) storeName(ctx context.Context) (name Choice, reason string) {
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
		if chosen.fails {
			return None, chosen.reason
		}
		return chosen.name, chosen.reason
	case Keyring:
		err = c.stores.keyring.Status(ctx, keyringapi.ResponseLimit)
		if why := refusal(d, c.opts.Now()); err == nil && why != "" {
			err = errors.New("keyring: " + why)
		}
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
