package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"aws-credproc/cache/statedir"
	"aws-credproc/internal/keyringapi"
)

// keyringService is the service of every session's keyring item; its user name is the cache key.
// Nothing else may be kept under this service, because Clear deletes all of it.
const keyringService = "aws-credproc"

func sessionItem(key Key) keyringapi.Item {
	return keyringapi.Item{Service: keyringService, User: key.String()}
}

// keyringStore stores one keyring item per session. A session that is too large for an item is
// sealed into a file with a new name, with a key of its own; the item then has the key and the
// name. The file is written before the item, and the old file is removed after it, so that readers
// always find a whole session.
type keyringStore struct {
	keyring OSKeyring
	dir     *statedir.Dir // nil if there is none yet, so there are no sealed files
	maxItem int           // bytes of an item
}

// maxReads limits how often get retries because a session was replaced while it was read.
const maxReads = 4

func (st keyringStore) get(ctx context.Context, key Key) (Session, error) {
	var gone string
	for range maxReads {
		items, err := st.keyring.Get(ctx, sessionItem(key))
		if errors.Is(err, keyringapi.ErrNotFound) {
			return Session{}, ErrMiss
		}
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
		if missing == gone { // it was not replaced, so its file is lost
			break
		}
		gone = missing
	}
	return Session{}, ErrMiss
}

// newest returns the newest session of the items. If there is none, missing is the sealed file that
// the last item names and that does not exist. A damaged item is ignored if another one has a
// session: it may be in a collection where no put replaces it.
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

// open returns the session of an item. The error wraps fs.ErrNotExist if its sealed file is gone.
func (st keyringStore) open(key Key, it itemJSON) (Session, error) {
	if it.File == "" {
		return decodeSession(it.Session)
	}
	if st.dir == nil {
		return Session{}, fs.ErrNotExist
	}
	b, err := readSealed(st.dir, sealedName(key, Keyring, it.File))
	if err != nil {
		return Session{}, err
	}
	return unseal(it.SealKey, key, b)
}

func (st keyringStore) put(ctx context.Context, key Key, s Session) error {
	it, value, err := st.newItem(key, s)
	if err != nil {
		return err
	}
	err = st.change(ctx, func() error {
		label := fmt.Sprintf("aws-credproc session %.8s", key)
		return st.keyring.Put(ctx, sessionItem(key), label, value)
	})
	isUnused := func(id string) bool { return id != it.File } // files of earlier items
	switch {
	case errors.Is(err, ErrLocked), errors.Is(err, ErrUnavailable):
		isUnused = func(id string) bool { return id == it.File } // the item was not written
	case err != nil:
		return err // the item may have been written
	}
	if st.dir != nil {
		// A file that cannot be removed now is removed by a sweep when its session has expired.
		_, _ = removeSealed(st.dir, Keyring,
			func(k Key, id string) bool { return k == key && isUnused(id) })
	}
	return err
}

// newItem returns the item of a session and its encoding. It writes the sealed file of a large one.
func (st keyringStore) newItem(key Key, s Session) (it itemJSON, value []byte, err error) {
	session, err := s.encode()
	if err != nil {
		return it, nil, err
	}
	it = itemJSON{Key: key.String(), Session: session}
	value, err = it.encode()
	if err != nil || len(value) <= st.maxItem {
		return it, value, err
	}
	it = itemJSON{Key: key.String(), File: rand.Text(), SealKey: make([]byte, sealKeySize)}
	rand.Read(it.SealKey) // never fails: crypto/rand's contract
	if value, err = it.encode(); err != nil {
		return it, nil, err
	}
	if err := writeSealed(st.dir, sealedName(key, Keyring, it.File), it.SealKey, key,
		s); err != nil {
		return it, nil, fmt.Errorf("keyring: %w", err)
	}
	return it, value, nil
}

func (st keyringStore) delete(ctx context.Context, key Key) (found bool, err error) {
	err = st.change(ctx, func() error { return st.keyring.Delete(ctx, sessionItem(key)) })
	found = err == nil
	if errors.Is(err, keyringapi.ErrNotFound) {
		err = nil
	}
	if err != nil || st.dir == nil {
		return found, err
	}
	if _, err := removeSealed(st.dir, Keyring, only(key)); err != nil {
		return found, fmt.Errorf("keyring: %w", err)
	}
	return found, nil
}

const (
	// changeLock is the name of the lock for changes of the keyring.
	changeLock = "keyring"
	// changeLimit is how long change waits for other processes.
	changeLimit = 5 * time.Second
)

// change calls a function that changes the keyring, in one process at a time. On macOS, concurrent
// changes of an item fail; and a Secret Service rewrites all its items for each change, while
// readers wait.
func (st keyringStore) change(ctx context.Context, do func() error) error {
	if st.dir == nil {
		return do()
	}
	lockCtx, cancel := context.WithTimeout(ctx, changeLimit)
	defer cancel()
	unlock, err := st.dir.Lock(lockCtx, changeLock, nil)
	// The caller's deadline may be earlier.
	if err != nil && lockCtx.Err() != nil && !errors.Is(ctx.Err(), context.Canceled) {
		err = &keyringapi.Error{Err: fmt.Errorf("other processes are changing it: %w", ErrTimeout)}
	}
	if err != nil {
		return err
	}
	defer unlock()
	return do()
}

// clear deletes every session and returns their number. known are those that the keyring is known
// to have. The sealed files are useless without the items, so they are removed even if the items
// cannot be deleted.
func (st keyringStore) clear(ctx context.Context, known []Key) (int, error) {
	users := make([]string, 0, len(known))
	for _, key := range known {
		users = append(users, key.String())
	}
	n, err := st.keyring.DeleteAll(ctx, keyringService, users)
	if st.dir != nil {
		_, sealedErr := removeSealed(st.dir, Keyring, every)
		err = errors.Join(err, sealedErr)
	}
	return n, err
}
