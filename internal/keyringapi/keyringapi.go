// Package keyringapi has what packages cache, cache/keyring and internal/sessionbus share: names of
// items, and errors.
package keyringapi

import (
	"errors"
	"fmt"
	"time"
)

// Errors of the keyring wrap one of these where it applies.
var (
	// ErrNotFound means that there is no such item. It is not a failure.
	ErrNotFound = errors.New("not in the keyring")
	// ErrLocked means that a user must unlock the keyring.
	ErrLocked = errors.New("locked")
	// ErrAsksForAccess means that the keyring asks the user for each process that reads an item. It
	// wraps ErrLocked.
	ErrAsksForAccess = fmt.Errorf("%w: KeePassXC asks for each access", ErrLocked)
	// ErrUnavailable means that this machine or login has no keyring.
	ErrUnavailable = errors.New("not available")
	// ErrNotStarted means that the keyring is started on demand, and that nothing has started it. It
	// wraps ErrUnavailable.
	ErrNotStarted = fmt.Errorf("%w: no Secret Service has been started yet", ErrUnavailable)
	// ErrOtherUser means that the session bus, and so the keyring, belongs to another user. It
	// wraps ErrUnavailable.
	ErrOtherUser = fmt.Errorf("%w: the D-Bus session bus belongs to another user", ErrUnavailable)
	// ErrTimeout means that the keyring did not respond in time. It may have the item.
	ErrTimeout = errors.New("no response in time")
	// ErrLost means that a secret that was stored is no longer there.
	ErrLost = errors.New("it ended before it had written the secret to disk")
	// ErrRefused means that the Secret Service has responded with an error of its own that is not
	// one of the others.
	ErrRefused = errors.New("refused")
)

// Error is a failure of the keyring. Every error of the keyring other than ErrNotFound is one.
type Error struct{ Err error }

func (e *Error) Error() string { return "keyring: " + e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Item names an item of the keyring, as package go-keyring does.
type Item struct{ Service, User string }

// AccessHint is the hint for ErrAsksForAccess.
const AccessHint = `in KeePassXC's settings for the Secret Service, turn off ` +
	`"Confirm when passwords are retrieved by clients"`

// ResponseLimit is how long the keyring may take to respond. A working keyring takes milliseconds,
// and a hanging one must not delay an AWS command for long.
const ResponseLimit = 1500 * time.Millisecond
