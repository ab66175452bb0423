package cache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/keyringapi"
)

// UnlockLimit is how long a user has to answer the prompt of the keyring.
const UnlockLimit = time.Minute

// unlockLock is the name of the lock that lets one process at a time show a prompt. Three
// concurrent prompts that cannot be shown make gnome-keyring hang permanently.
const unlockLock = "unlock"

// Unlock asks the user to unlock the keyring, with the keyring's own prompt, if it is locked. It
// calls waiting when it starts to wait for the user, or for another process that asks, for at most
// limit. The error says why the keyring is still locked. dir is the path of the state directory.
func Unlock(
	ctx context.Context, k OSKeyring, dir string, limit time.Duration, waiting func(),
) error {
	isLocked := func() bool {
		return errors.Is(k.Status(ctx, keyringapi.ResponseLimit), ErrLocked)
	}
	if !isLocked() {
		return nil
	}
	d, err := statedir.Create(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	waiting()
	deadline := time.Now().Add(limit)
	// The process that shows the prompt may be stopped, as by Ctrl-Z.
	lockCtx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	unlocked := false // by another process
	release, err := d.Lock(lockCtx, unlockLock,
		func() bool { unlocked = !isLocked(); return unlocked })
	if err != nil && lockCtx.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w: another process is waiting for its password", ErrLocked)
	}
	if err != nil {
		return &keyringapi.Error{Err: err}
	}
	defer release()
	if unlocked {
		return nil
	}
	return k.Unlock(ctx, time.Until(deadline))
}
