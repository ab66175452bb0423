package cache

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// keyringService is the service of every session's keyring item; its user name is the cache key. Nothing else may be
// kept under this service, since Clear deletes all that is.
const keyringService = "aws-credproc"

const (
	// keyringLimit bounds a call of the keyring. What answers takes milliseconds, and what does not answer must not
	// hold up an AWS command for long.
	keyringLimit = 1500 * time.Millisecond
	// keyringClearLimit is for the deletion of every item, which a person asked for.
	keyringClearLimit = 15 * time.Second
)

// keyring is the operating system's keyring. It neither unlocks nor prompts; see the files of each platform.
type keyring struct {
	maxItem int // bytes of an item; 0 is the platform's keyringMaxItem

	mu     sync.Mutex
	silent error // a call timed out: the rest of this process need not wait again
}

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
		items, err := bounded(ctx, st.keyring, keyringLimit, func(ctx context.Context) ([][]byte, error) {
			return keyringGet(ctx, key)
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
// gives the newest session. Where none has one, missing is the sealed file of the last that should have.
func (st keyringStore) newest(key Key, items [][]byte) (newest Session, missing string, err error) {
	for _, b := range items {
		it, err := decodeItem(key, b)
		if err != nil {
			return Session{}, "", err
		}
		s, err := st.open(key, it)
		if errors.Is(err, fs.ErrNotExist) {
			missing = it.File
			continue
		}
		if err != nil {
			return Session{}, "", err
		}
		if newest == (Session{}) || s.Issued.After(newest.Issued) {
			newest = s
		}
	}
	if newest != (Session{}) {
		missing = ""
	}
	return newest, missing, nil
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
	_, err = bounded(ctx, st.keyring, keyringLimit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringPut(ctx, key, value)
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
	_, err := bounded(ctx, st.keyring, keyringLimit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringDelete(ctx, key)
	})
	if err != nil || st.dir == nil {
		return err
	}
	if _, err := st.dir.removeSealed(Keyring, only(key)); err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

// clear deletes every session, known or not, and says how many there were. Their files are of no use without the items,
// and go whether these can be deleted or not.
func (st keyringStore) clear(ctx context.Context, known []Key) (int, error) {
	n, err := bounded(ctx, st.keyring, keyringClearLimit, func(ctx context.Context) (int, error) {
		return keyringDeleteAll(ctx, known)
	})
	if st.dir != nil {
		_, sealedErr := st.dir.removeSealed(Keyring, every)
		err = errors.Join(err, sealedErr)
	}
	return n, err
}

// look tells whether Put would find the keyring there and open: nil, ErrLocked, ErrUnavailable or another error.
func (k *keyring) look(ctx context.Context) error {
	_, err := bounded(ctx, k, keyringLimit, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, keyringLook(ctx)
	})
	return err
}

// bounded runs a call of the keyring in a goroutine of its own, since no part below takes a limit everywhere, and some
// panic where a bus dies. A call that outlives the limit is left behind; it ends with its connection or the process.
func bounded[T any](ctx context.Context, k *keyring, limit time.Duration, call func(context.Context) (T, error)) (T, error) {
	var zero T
	k.mu.Lock()
	err := k.silent
	k.mu.Unlock()
	if err != nil {
		return zero, err
	}
	timeout := fmt.Errorf("%w (%v)", ErrTimeout, limit)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, timeout)
	defer cancel()
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
	if errors.Is(r.err, ErrTimeout) {
		k.mu.Lock()
		k.silent = fmt.Errorf("keyring: %w", r.err)
		k.mu.Unlock()
	}
	if r.err != nil && !errors.Is(r.err, ErrMiss) {
		r.err = fmt.Errorf("keyring: %w", r.err)
	}
	return r.value, r.err
}
