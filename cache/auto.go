package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// chooseLimit is how long Auto waits to see whether the keyring is there and open, and how long a Put spends on clearing
// away what others left in it. Only tests change it.
var chooseLimit = 90 * time.Millisecond

// unlockLimit is how long a person may take to answer the prompt of the keyring, whichever process raises it. Only tests
// change it.
var unlockLimit = time.Minute

// unlockLock is the name of the lock that lets one process raise a prompt: gnome-keyring is wedged for good by three at
// once where nothing can show them.
const unlockLock = "unlock"

// Unlock asks the person to unlock the keyring, by the keyring's own prompt, if it is locked. It is for commands that a
// person has typed, and who calls it tells them what is waited for, for unlockLimit at most: waiting is called when that
// begins. Of many processes one asks. An error says why the keyring stays locked. dir is the state directory.
func Unlock(ctx context.Context, dir string, waiting func()) error {
	k := &keyring{}
	isLocked := func() bool { return errors.Is(k.look(ctx, keyringLimit), ErrLocked) }
	if !isLocked() {
		return nil
	}
	d, err := openStateDir(dir, true)
	if err != nil {
		return err
	}
	defer d.root.Close()
	waiting()
	end := time.Now().Add(unlockLimit)
	brief, cancel := context.WithDeadline(ctx, end) // who has the prompt may be stopped, as by Ctrl-Z
	defer cancel()
	open := false
	free, err := d.lock(brief, unlockLock, func() bool { open = !isLocked(); return open })
	if err != nil && brief.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: another process has asked for its password, and is not done", ErrLocked)
	}
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	defer free()
	if open { // by another process
		return nil
	}
	return k.unlock(ctx, time.Until(end))
}

// decision is where new sessions go, and why.
type decision struct {
	name   Choice
	reason string
}

// StoreName tells where a new session would go, and why, which is empty where it is as chosen: None where the store that
// was chosen is out of reach. It asks the keyring whether it is there and open, in Auto for at most chooseLimit, else for
// keyringLimit; without a prompt and without starting it. It makes no state directory.
func (c *Cache) StoreName(ctx context.Context) (name Choice, reason string) {
	if c.opts.Choice == None {
		return None, ""
	}
	d, err := c.look()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return None, err.Error()
	}
	if d != nil {
		if err := d.checkWritable(); err != nil {
			return None, err.Error()
		}
	}
	switch c.opts.Choice {
	case Auto:
		chosen := c.choose(ctx, d)
		return chosen.name, chosen.reason
	case Keyring:
		err = c.keyring.look(ctx, keyringLimit)
	case Kernel:
		err = kernelStore{d, c.kernel}.look()
	default:
		err = nil
	}
	if err != nil {
		return None, err.Error()
	}
	return c.opts.Choice, ""
}

// destination is the store that a new session goes to, and the state directory, made if it was not there; None if
// nothing is to be kept.
func (c *Cache) destination(ctx context.Context) (*stateDir, Choice) {
	d, name := c.target()
	if name == Auto {
		name = c.choose(ctx, d).name
	}
	return d, name
}

// choose decides for Auto, once: the keyring if it is there and open, else the kernel store, else none. A keyring that
// is there but locked or silent is tried all the same where there is no kernel store.
func (c *Cache) choose(ctx context.Context, d *stateDir) decision {
	c.choiceMu.Lock()
	defer c.choiceMu.Unlock()
	if c.chosen.name != "" {
		return c.chosen
	}
	err := c.keyring.look(ctx, chooseLimit)
	if err == nil {
		c.chosen = decision{Keyring, "it is there and open"}
		return c.chosen
	}
	chosen := decision{Keyring, err.Error()}
	kernelErr := kernelStore{d, c.kernel}.look()
	switch {
	case kernelErr == nil:
		chosen.name = Kernel
	case errors.Is(err, ErrUnavailable):
		chosen = decision{None, fmt.Sprintf("%v; %v", err, kernelErr)}
	}
	if ctx.Err() == nil { // else it was the caller who would not wait
		c.chosen = chosen
	}
	return chosen
}
