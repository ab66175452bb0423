package cache

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"
)

// keyringService is the service of every session's keyring item; its user name is the cache key. Nothing else may be
// kept under this service, since Clear deletes all that is.
const keyringService = "aws-credproc"

// ErrKeyring is in every failure of a call of the keyring.
var ErrKeyring = errors.New("keyring")

// An itemName is what go-keyring knows an item by.
type itemName struct{ service, user string }

func sessionItem(key Key) itemName { return itemName{keyringService, key.String()} }

// keyringLimit is how long the keyring may be silent. What answers takes milliseconds, and what does not must not hold up
// an AWS command for long.
const keyringLimit = 1500 * time.Millisecond

// patience bounds a call of the keyring.
type patience struct {
	quiet time.Duration // without an answer
	whole time.Duration // however many answers there are: two hundred processes may be before this one
}

var (
	usualPatience = patience{keyringLimit, 5 * time.Second}
	// For a change some write anew all that they hold, and wait for the disk. One of which it is known that it has not come to
	// that yet (keyringTells) may be silent for keyringLimit, as ever.
	writePatience = patience{3 * time.Second, 5 * time.Second}
	clearPatience = patience{keyringLimit, 15 * time.Second} // every item is deleted, which a person asked for
)

// keychainMaxItem is how large an item may be on macOS: go-keyring passes it to `security -i` in base64, on a line of at
// most 4096 bytes.
const keychainMaxItem = 2900

// keyring is the operating system's keyring. It neither unlocks nor prompts; see the files of each platform.
type keyring struct {
	maxItem int // bytes of an item; 0 is the platform's keyringMaxItem

	mu     sync.Mutex
	silent error     // a call timed out: the rest of this process need not wait again, for silenceLife
	since  time.Time // that call's end
	heard  bool      // though there was an answer before that
	hangs  bool      // which was the bus's: it is the service that says nothing
	asked  bool      // it was asked again
	brief  bool      // and until it answers, it has againLimit only
}

// againLimit is keyringLimit for who asks again where nothing was heard at all. Of hundreds that wait most have gone by then,
// and a bus that is dead must not cost twice as much.
const againLimit = 300 * time.Millisecond

// again lets a keyring be asked again that was too busy to come to an end; once. Where hundreds wait, that is one of which
// nothing was heard at all, since the bus had not got round to us, or which had answered something.
func (k *keyring) again() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.silent == nil || k.hangs || k.asked {
		return false
	}
	k.asked, k.brief, k.silent = true, !k.heard, nil
	return true
}

// silenceLife is how long a keyring that was silent is taken to be so still. What is done for an AWS command is over by then; a
// process that lives for long asks again.
const silenceLife = 10 * time.Second

// keyringStore keeps one item a session. A session too large for an item is sealed, with a key that is used for nothing
// else, into a file of a new name; the item then holds the key and the name. The file comes first and the file before it
// goes last, so that at every moment there is a whole session to be read.
type keyringStore struct {
	*keyring
	dir *stateDir // nil where there is none yet, and so no sealed file
}

// rereads bounds how often Get follows a session that is replaced under its eyes. Each time takes a call of STS.
const rereads = 4

func (st keyringStore) Get(ctx context.Context, key Key) (Session, error) {
	var gone string
	for range rereads {
		items, err := bounded(ctx, st.keyring, usualPatience, func(ctx context.Context) ([][]byte, error) {
			return keyringGet(ctx, sessionItem(key))
		})
		if err != nil {
			return Session{}, err
		}
		s, missing, err := st.newest(key, items)
		if err != nil {
			return Session{}, fmt.Errorf("keyring: %w", err)
		}
		if missing == "" {
			return s, nil
		}
		if missing == gone { // for good: what is known of it is out of date
			break
		}
		gone = missing
	}
	return Session{}, ErrMiss
}

// newest opens the items of a session, of which there is more than one where the default collection was changed, and
// gives the newest session. Where none has one, missing is the sealed file of the last that should have. A damaged item does
// not stand in the way of a session: it may be where no Put replaces it.
func (st keyringStore) newest(key Key, items [][]byte) (newest Session, missing string, err error) {
	var corrupt error
	for _, b := range items {
		it, err := decodeItem(key, b)
		var s Session
		if err == nil {
			s, err = st.open(key, it)
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = it.File
		case errors.Is(err, ErrCorrupt):
			corrupt = err
		case err != nil:
			return Session{}, "", err
		case newest == (Session{}) || s.Issued.After(newest.Issued):
			newest = s
		}
	}
	if newest != (Session{}) {
		return newest, "", nil
	}
	return Session{}, missing, corrupt
}

// open gives the session of an item; fs.ErrNotExist if its sealed file is gone.
func (st keyringStore) open(key Key, it wireItem) (Session, error) {
	if it.File == "" {
		return decodeSession(it.Session)
	}
	if st.dir == nil {
		return Session{}, fs.ErrNotExist
	}
	b, err := st.dir.readSealed(sealedName(key, Keyring, it.File))
	if err != nil {
		return Session{}, err
	}
	return unseal(it.SealKey, key, b)
}

func (st keyringStore) Put(ctx context.Context, key Key, s Session) error {
	session, err := s.encode()
	if err != nil {
		return err
	}
	it := wireItem{Key: key.String(), Session: session}
	value, err := it.encode()
	if err != nil {
		return err
	}
	if len(value) > cmp.Or(st.maxItem, keyringMaxItem) {
		it = wireItem{Key: key.String(), File: rand.Text(), SealKey: make([]byte, sealKeySize)}
		rand.Read(it.SealKey) // never fails: crypto/rand's contract
		if value, err = it.encode(); err != nil {
			return err
		}
		if err := st.dir.writeSealed(sealedName(key, Keyring, it.File), it.SealKey, key, s); err != nil {
			return fmt.Errorf("keyring: %w", err)
		}
	}
	err = st.write(ctx, func(ctx context.Context) error {
		return keyringPut(ctx, sessionItem(key), fmt.Sprintf("aws-credproc session %.8s", key), value)
	})
	useless := func(id string) bool { return id != it.File } // what earlier items named
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, ErrUnavailable):
		useless = func(id string) bool { return id == it.File } // no item names it
	case err != nil:
		return err // an item may name it all the same
	}
	if st.dir != nil {
		// What cannot be removed now is swept when it has expired.
		_, _ = st.dir.removeSealed(Keyring, func(k Key, id string) bool { return k == key && useless(id) })
	}
	return err
}

func (st keyringStore) Delete(ctx context.Context, key Key) error {
	err := st.write(ctx, func(ctx context.Context) error { return keyringDelete(ctx, sessionItem(key)) })
	if errors.Is(err, ErrMiss) {
		err = nil
	}
	if err != nil || st.dir == nil {
		return err
	}
	if _, err := st.dir.removeSealed(Keyring, only(key)); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

// writeLock is the name of the lock under which the keyring is changed.
const writeLock = "keyring"

// write changes the keyring. One process does at a time: on macOS two changes of an item at once fail, and a Secret
// Service writes all that it has anew each time, for which readers would wait.
func (st keyringStore) write(ctx context.Context, change func(context.Context) error) error {
	if st.dir != nil {
		brief, cancel := context.WithTimeout(ctx, writePatience.whole)
		defer cancel()
		free, err := st.dir.lock(brief, writeLock, nil)
		if err != nil && brief.Err() != nil && !errors.Is(ctx.Err(), context.Canceled) { // the caller may have less time
			err = fmt.Errorf("keyring: other processes are changing it: %w", ErrTimeout)
		}
		if err != nil {
			return err
		}
		defer free()
	}
	_, err := bounded(ctx, st.keyring, writePatience, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, change(ctx)
	})
	return err
}

// clear deletes every session, known or not, and says how many there were. Their files are of no use without the items,
// and go whether these can be deleted or not.
func (st keyringStore) clear(ctx context.Context, known []Key) (int, error) {
	n, err := bounded(ctx, st.keyring, clearPatience, func(ctx context.Context) (int, error) {
		return keyringDeleteAll(ctx, known)
	})
	if st.dir != nil {
		_, sealedErr := st.dir.removeSealed(Keyring, every)
		err = errors.Join(err, sealedErr)
	}
	return n, err
}

// look tells, within a limit, whether Put would find the keyring there and open: nil, ErrLocked, ErrUnavailable or
// another error.
func (k *keyring) look(ctx context.Context, limit time.Duration) error {
	_, err := bounded(ctx, k, patience{limit, limit}, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringLook(ctx)
	})
	return err
}

// unlock lets the keyring raise its prompt, and waits until limit for a person to answer it.
func (k *keyring) unlock(ctx context.Context, limit time.Duration) error {
	_, err := bounded(ctx, k, patience{limit + keyringLimit, limit + keyringLimit}, func(ctx context.Context) (struct{}, error) {
		person, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w: nobody has answered its prompt", ErrLocked))
		defer cancel()
		return struct{}{}, keyringUnlock(ctx, person)
	})
	return err
}

// answeredKey is for the function in a context that tells bounded of an answer.
type answeredKey struct{}

// bounded runs a call of the keyring in a goroutine of its own, since no part below takes a limit everywhere, and some
// panic where a bus dies. A call that outlives the limit is left behind; it ends with its connection or the process.
func bounded[T any](ctx context.Context, k *keyring, p patience, call func(context.Context) (T, error)) (T, error) {
	var zero T
	first := p.quiet // until the service has answered
	if keyringTells {
		first = min(first, keyringLimit)
	}
	afterBus := first
	k.mu.Lock()
	if time.Since(k.since) > silenceLife {
		k.silent = nil
	}
	err := k.silent
	if k.brief {
		first = min(first, againLimit)
	}
	k.mu.Unlock()
	if err != nil {
		return zero, err
	}
	timeout := func(limit time.Duration) error { return fmt.Errorf("%w (%v)", ErrTimeout, limit) }
	ctx, cancel := context.WithTimeoutCause(ctx, p.whole, timeout(p.whole))
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	var heard, hangs atomic.Bool
	limit := func() time.Duration { // of the silence before the next answer
		if heard.Load() && !hangs.Load() {
			return p.quiet
		}
		return afterBus
	}
	silence := time.AfterFunc(first, func() { giveUp(timeout(limit())) })
	defer silence.Stop()
	ctx = context.WithValue(ctx, answeredKey{}, func(ofService bool) {
		hangs.Store(!ofService)
		heard.Store(true)
		silence.Reset(limit())
	})
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if recover() != nil { // its text may hold anything
				r = result{err: errors.New("the connection to it broke")}
			}
			done <- r
		}()
		r.value, r.err = call(ctx)
	}()
	var r result
	select {
	case r = <-done:
	case <-ctx.Done():
	}
	if ctx.Err() != nil { // what a call answers after that is the end of its connection
		r = result{err: context.Cause(ctx)}
	}
	k.mu.Lock()
	k.brief = k.brief && !heard.Load()
	if errors.Is(r.err, ErrTimeout) && p.quiet >= keyringLimit { // who waited for less knows nothing
		k.silent, k.since, k.heard, k.hangs = fmt.Errorf("%w: %w", ErrKeyring, r.err), time.Now(), heard.Load(), hangs.Load()
	}
	k.mu.Unlock()
	if r.err != nil && !errors.Is(r.err, ErrMiss) {
		r.err = fmt.Errorf("%w: %w", ErrKeyring, r.err)
	}
	return r.value, r.err
}
