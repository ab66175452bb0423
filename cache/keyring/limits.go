package keyring

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// limits bound a call.
type limits struct {
	silence time.Duration // between two answers
	total   time.Duration // of the call: two hundred other processes may come first
}

var (
	readLimits = limits{ResponseLimit, 5 * time.Second}
	// For a change, some keyrings rewrite all their items and wait for the disk. The limit is
	// ResponseLimit while such a keyring is known not to have started that (reportsAnswers).
	writeLimits     = limits{3 * time.Second, 5 * time.Second}
	deleteAllLimits = limits{ResponseLimit, 15 * time.Second}
	startLimits     = limits{10 * time.Second, 10 * time.Second}
)

const (
	// timeoutLife is how long no calls are made after a timeout. A command has ended by then; a
	// long-running process tries again.
	timeoutLife = 10 * time.Second
	// retryLimit replaces ResponseLimit after RetryOnce if there was no response at all. Of
	// hundreds of processes, most have finished by then; and a bus that hangs must not take twice
	// as much time.
	retryLimit = 300 * time.Millisecond
)

var errNoAnswer = fmt.Errorf("%w: its prompt was not answered", ErrLocked)

// answeredKey is the context key of the function by which a call reports an answer: of the service,
// or of the bus alone.
type answeredKey struct{}

type answeredFunc func(ofService bool)

// watch cancels a call that gets no answer.
type watch struct {
	first    time.Duration // limit until the first answer
	afterBus time.Duration // limit while the bus alone has answered
	silence  time.Duration // limit once the service has answered

	heard   atomic.Bool
	onlyBus atomic.Bool
	timer   *time.Timer
}

func (w *watch) limit() time.Duration {
	switch {
	case !w.heard.Load():
		return w.first
	case w.onlyBus.Load():
		return w.afterBus
	}
	return w.silence
}

// start returns a context that ends when the total limit or that of a silence is exceeded.
func (w *watch) start(ctx context.Context, total time.Duration) (context.Context, func()) {
	timeout := func(limit time.Duration) error { return fmt.Errorf("%w (%v)", ErrTimeout, limit) }
	ctx, cancelTotal := context.WithTimeoutCause(ctx, total, timeout(total))
	ctx, cancel := context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(w.first, func() { cancel(timeout(w.limit())) })
	ctx = context.WithValue(ctx, answeredKey{}, answeredFunc(func(ofService bool) {
		w.onlyBus.Store(!ofService)
		w.heard.Store(true)
		w.timer.Reset(w.limit())
	}))
	return ctx, func() {
		w.timer.Stop()
		cancel(nil)
		cancelTotal()
	}
}

// begin returns the watch of a call, or the error of an earlier one that timed out.
func (k *Keyring) begin(l limits) (*watch, error) {
	w := &watch{first: l.silence, silence: l.silence}
	if reportsAnswers {
		w.first = min(w.first, ResponseLimit)
	}
	w.afterBus = w.first
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.timedOutAt) > timeoutLife {
		k.timeout = nil
	}
	if k.retrying {
		w.first = min(w.first, retryLimit)
	}
	return w, k.timeout
}

// end notes the result of a call. A timeout of a call with a shorter limit than ResponseLimit says
// nothing about the keyring.
func (k *Keyring) end(w *watch, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	heard := w.heard.Load()
	k.retrying = k.retrying && !heard
	if errors.Is(err, ErrTimeout) && w.silence >= ResponseLimit {
		k.timeout, k.timedOutAt = err, time.Now()
		k.heard, k.onlyBus = heard, w.onlyBus.Load()
	}
}

// run makes a call of the keyring within limits.
func run[T any](
	ctx context.Context, k *Keyring, l limits, call func(context.Context) (T, error),
) (T, error) {
	w, err := k.begin(l)
	if err != nil {
		var zero T
		return zero, err
	}
	ctx, stop := w.start(ctx, l.total)
	defer stop()
	value, err := within(ctx, call)
	if ctx.Err() != nil { // the error of the call is then that its connection was closed
		err = context.Cause(ctx)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = &Error{Err: err}
	}
	k.end(w, err)
	return value, err
}

func runErr(
	ctx context.Context, k *Keyring, l limits, call func(context.Context) error,
) error {
	_, err := run(ctx, k, l, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, call(ctx)
	})
	return err
}
