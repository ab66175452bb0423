package cli

import (
	"context"
	"errors"
	"syscall"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/credproc/mfa"
	"aws-credproc/internal/terminal"
)

// unlock lets the person who has typed a command at a terminal unlock the keyring, if it is locked: by its own prompt,
// for which a minute is waited beside the command's --timeout. No other command raises one. stays says why it stays locked:
// who goes on without it warns of that. The error is that of ctx.
func unlock(ctx context.Context, a *app) (stays, err error) {
	if a.prompt != mfa.Auto && a.prompt != mfa.GUI || !terminal.IsAvailable() { // the prompt is a window
		return nil, nil
	}
	defer a.pauseWatchdog()()
	stop := func() {}
	stays = cache.Unlock(ctx, a.stateDir(), cache.UnlockLimit, func() { stop = a.progress("the keyring is locked: waiting for you to answer its prompt") })
	stop()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return stays, nil
}

// hintOf says what a person does about what keeps a command from the keyring or the state directory; again is its line.
func hintOf(err error, again string) string {
	switch {
	case errors.Is(err, keyring.ErrLocked):
		return "unlock the keyring, and then run " + again
	case errors.Is(err, keyring.ErrTimeout):
		return "see what holds the keyring up, and then run " + again
	case errors.Is(err, syscall.ENOSPC):
		return "make room on the disk, and then run " + again
	}
	return "mend that, or try again: " + again
}
