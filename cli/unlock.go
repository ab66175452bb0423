package cli

import (
	"context"
	"errors"
	"syscall"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/keyringapi"
	"aws-credproc/internal/terminal"
)

// startChosenKeyring starts the keyring if --store names it and nothing has started it. Its failure
// is that of the store. Only commands that users type call it: get starts nothing.
func startChosenKeyring(ctx context.Context, a *app) {
	if a.store != cache.Keyring {
		return
	}
	if err := new(keyring.Keyring).Start(ctx); err != nil {
		a.trace("%v", err)
	}
}

// unlockKeyring starts the keyring if nothing has started it, and lets a user at a terminal unlock
// it in its own prompt, if it is locked. It waits for a minute, which --timeout does not include.
// Only commands that users type call it. locked is the reason why the keyring is still locked or
// not available, nil if it is unlocked; err is that of ctx.
func unlockKeyring(ctx context.Context, a *app) (locked, err error) {
	if !terminal.IsAvailable() {
		return nil, nil
	}
	defer a.pauseWatchdog()()
	k := new(keyring.Keyring)
	if locked = k.Start(ctx); locked != nil && ctx.Err() == nil {
		return locked, nil
	}
	if a.prompt != mfa.Auto && a.prompt != mfa.GUI { // the prompt is a window
		return nil, nil
	}
	stop := func() {}
	locked = cache.Unlock(ctx, k, a.stateDir(), cache.UnlockLimit, func() {
		stop = a.progress("the keyring is locked: waiting for you to answer its prompt")
	})
	stop()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return locked, nil
}

// hintOf returns the hint for a failure of the keyring or the state directory. command is the
// command to run again.
func hintOf(err error, command string) string {
	switch {
	case errors.Is(err, keyring.ErrAsksForAccess):
		return keyringapi.AccessHint + ", then run " + command
	case errors.Is(err, keyring.ErrLocked):
		return "unlock the keyring, then run " + command
	case errors.Is(err, keyringapi.ErrLost):
		return "run " + command + " again"
	case errors.Is(err, keyring.ErrTimeout):
		return "check why the keyring does not respond, then run " + command
	case errors.Is(err, cache.ErrVersion):
		return "two versions are installed: use the newer one to run " + command
	case errors.Is(err, syscall.ENOSPC):
		return "free some disk space, then run " + command
	}
	return "fix that, then run " + command
}
