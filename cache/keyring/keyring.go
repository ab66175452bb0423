// Package keyring reads and writes the operating system's keyring: the Secret Service on Linux, the
// Keychain on macOS, the Credential Manager on Windows.
//
// Every call ends in bounded time. Only [Keyring.Start] starts a daemon, and only [Keyring.Unlock]
// shows a prompt.
package keyring

import (
	"context"
	"sync"
	"time"

	"aws-credproc/internal/keyringapi"
)

// The errors, which package keyringapi describes.
var (
	ErrNotFound      = keyringapi.ErrNotFound
	ErrLocked        = keyringapi.ErrLocked
	ErrAsksForAccess = keyringapi.ErrAsksForAccess
	ErrUnavailable   = keyringapi.ErrUnavailable
	ErrNotStarted    = keyringapi.ErrNotStarted
	ErrOtherUser     = keyringapi.ErrOtherUser
	ErrTimeout       = keyringapi.ErrTimeout
)

// Error is a failure of the keyring. Every error of this package other than ErrNotFound is one.
type Error = keyringapi.Error

// Item names an item of the keyring, as package go-keyring does.
type Item = keyringapi.Item

// ResponseLimit is how long the keyring may take to respond.
const ResponseLimit = keyringapi.ResponseLimit

// Keyring is the keyring of this user. The zero value is ready to use. After a timeout, further
// calls fail immediately for a while. Its methods are safe for concurrent use.
type Keyring struct {
	mu sync.Mutex

	// The last call that timed out. Calls return its error until timeoutLife later.
	timeout    error
	timedOutAt time.Time
	heard      bool // there was an answer before
	onlyBus    bool // the last answer was of the bus: the service hangs

	retried  bool // RetryOnce has returned true
	retrying bool // until there is an answer, calls have retryLimit only
}

// MaxItem returns the constant MaxItem.
func (k *Keyring) MaxItem() int { return MaxItem }

// Get returns the content of every unlocked item with this name. There is one, unless the default
// collection of a Secret Service was changed. The error is ErrNotFound if there is none.
func (k *Keyring) Get(ctx context.Context, item Item) ([][]byte, error) {
	return run(ctx, k, readLimits, func(ctx context.Context) ([][]byte, error) {
		return get(ctx, item)
	})
}

// Put creates or replaces an item. The keyring shows the label to the user.
func (k *Keyring) Put(ctx context.Context, item Item, label string, value []byte) error {
	return runErr(ctx, k, writeLimits, func(ctx context.Context) error {
		return put(ctx, item, label, value)
	})
}

// PutPersistent is Put for secrets that cannot be obtained again. It replaces every item with this
// name, and the error wraps ErrUnavailable if the keyring would store the item in memory only.
func (k *Keyring) PutPersistent(ctx context.Context, item Item, label string, value []byte) error {
	return runErr(ctx, k, writeLimits, func(ctx context.Context) error {
		return putPersistent(ctx, item, label, value)
	})
}

// Delete deletes every item with this name. The error is ErrNotFound if there is none.
func (k *Keyring) Delete(ctx context.Context, item Item) error {
	return runErr(ctx, k, writeLimits, func(ctx context.Context) error {
		return remove(ctx, item)
	})
}

// DeleteAll deletes all items of a service and returns their number. Where the keyring cannot count
// them, the number is that of the items of these users.
func (k *Keyring) DeleteAll(ctx context.Context, service string, users []string) (int, error) {
	return run(ctx, k, deleteAllLimits, func(ctx context.Context) (int, error) {
		return removeAll(ctx, service, users)
	})
}

// Status returns nil if Put would find the keyring unlocked, within a limit.
func (k *Keyring) Status(ctx context.Context, limit time.Duration) error {
	return runErr(ctx, k, limits{limit, limit}, status)
}

// Start starts the keyring if the system starts it on demand and nothing has started it
// (ErrNotStarted). Otherwise it does nothing and returns nil.
func (k *Keyring) Start(ctx context.Context) error {
	return runErr(ctx, k, startLimits, start)
}

// Unlock shows the keyring's own prompt if the keyring is locked, and waits until limit for the
// user to answer it.
func (k *Keyring) Unlock(ctx context.Context, limit time.Duration) error {
	total := limit + ResponseLimit
	return runErr(ctx, k, limits{total, total}, func(ctx context.Context) error {
		promptCtx, cancel := context.WithTimeoutCause(ctx, limit, errNoAnswer)
		defer cancel()
		return unlock(ctx, promptCtx)
	})
}

// RetryOnce allows calls to a keyring again that was too busy to respond in time, and reports
// whether it does. It does so once, and not if the bus has responded and the service has not,
// because such a service hangs.
func (k *Keyring) RetryOnce() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timeout == nil || k.heard && k.onlyBus || k.retried {
		return false
	}
	k.retried, k.retrying, k.timeout = true, !k.heard, nil
	return true
}
