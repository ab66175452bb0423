package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"

	"aws-credproc/cache/statedir"
)

// fileKey is the file of the file store's sealing key. It is in the same directory as the sealed
// files, so this store protects no more than file modes do.
const fileKey = "file.key"

// fileStore stores sealed files. It is used only if the user chooses it.
type fileStore struct {
	dir *statedir.Dir
}

func (st fileStore) get(_ context.Context, key Key) (Session, error) {
	b, err := readSealed(st.dir, sealedName(key, File, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return Session{}, ErrMiss
	}
	if err != nil {
		return Session{}, fmt.Errorf("file store: %w", err)
	}
	sealKey, err := st.sealKey()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %s does not exist", ErrCorrupt, fileKey)
	}
	if err != nil {
		return Session{}, fmt.Errorf("file store: %w", err)
	}
	s, err := unseal(sealKey, key, b)
	if err != nil {
		return Session{}, fmt.Errorf("file store: %w", err)
	}
	return s, nil
}

func (st fileStore) put(ctx context.Context, key Key, s Session) error {
	sealKey, err := st.sealKey()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrCorrupt) {
		sealKey, err = st.makeSealKey(ctx)
	}
	if err == nil {
		err = writeSealed(st.dir, sealedName(key, File, ""), sealKey, key, s)
	}
	if err != nil {
		return fmt.Errorf("file store: %w", err)
	}
	return nil
}

func (st fileStore) delete(_ context.Context, key Key) (found bool, err error) {
	n, err := removeSealed(st.dir, File, only(key))
	if err != nil {
		err = fmt.Errorf("file store: %w", err)
	}
	return n > 0, err
}

// clear removes every sealed file of this store and returns their number. The key stays, because
// another process may be sealing a session with it, unless it is corrupt.
func (st fileStore) clear() (int, error) {
	n, err := removeSealed(st.dir, File, every)
	if err != nil {
		return n, fmt.Errorf("file store: %w", err)
	}
	if _, err := st.sealKey(); errors.Is(err, ErrCorrupt) {
		return n, st.dir.Remove(statedir.Root, fileKey)
	}
	return n, nil
}

// sealKey returns the key. The error wraps fs.ErrNotExist if there is none, or ErrCorrupt.
func (st fileStore) sealKey() ([]byte, error) {
	b, err := st.dir.Read(statedir.Root, fileKey, sealKeySize)
	if err != nil {
		return nil, err
	}
	if len(b) != sealKeySize {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, fileKey, len(b))
	}
	return b, nil
}

// makeSealKey creates the key and returns it, or returns the key that another process has created
// meanwhile. It holds a lock, because a second key could not open what the first one sealed. A
// corrupt key, as after a crash of the machine, opens nothing and is replaced.
func (st fileStore) makeSealKey(ctx context.Context) ([]byte, error) {
	var sealKey []byte
	var readErr error
	unlock, err := st.dir.Lock(ctx, fileKey, func() bool {
		sealKey, readErr = st.sealKey()
		return readErr == nil
	})
	if err != nil {
		return nil, err
	}
	defer unlock()
	switch {
	case readErr == nil:
		return sealKey, nil
	case !errors.Is(readErr, fs.ErrNotExist) && !errors.Is(readErr, ErrCorrupt):
		return nil, readErr
	}
	sealKey = make([]byte, sealKeySize)
	rand.Read(sealKey) // never fails: crypto/rand's contract
	return sealKey, st.dir.Write(statedir.Root, fileKey, sealKey)
}
