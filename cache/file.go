package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
)

// fileKey is the file of the file store's sealing key. It lies beside what it opens, so this store protects no more
// than file modes do.
const fileKey = "file.key"

// fileStore is the store that is used only where asked for: sealed files in sessions/, their key in file.key.
type fileStore struct {
	dir *stateDir
}

func (st fileStore) Get(_ context.Context, key Key) (Session, error) {
	b, err := st.dir.readSealed(sealedName(key, File, ""))
	if errors.Is(err, fs.ErrNotExist) {
		return Session{}, ErrMiss
	}
	if err != nil {
		return Session{}, fmt.Errorf("file store: %w", err)
	}
	sealKey, err := st.sealKey()
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %s is gone", ErrCorrupt, fileKey)
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

func (st fileStore) Put(ctx context.Context, key Key, s Session) error {
	sealKey, err := st.sealKey()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrCorrupt) {
		sealKey, err = st.makeSealKey(ctx)
	}
	if err == nil {
		err = st.dir.writeSealed(sealedName(key, File, ""), sealKey, key, s)
	}
	if err != nil {
		return fmt.Errorf("file store: %w", err)
	}
	return nil
}

func (st fileStore) Delete(_ context.Context, key Key) error {
	if _, err := st.dir.removeSealed(File, only(key)); err != nil {
		return fmt.Errorf("file store: %w", err)
	}
	return nil
}

// clear removes every sealed file of this store and says how many. The key stays, for a process that seals with it at
// this moment; a key that is of no use goes.
func (st fileStore) clear() (int, error) {
	n, err := st.dir.removeSealed(File, every)
	if err != nil {
		return n, fmt.Errorf("file store: %w", err)
	}
	if _, err := st.sealKey(); errors.Is(err, ErrCorrupt) {
		return n, remove(st.dir.root, fileKey)
	}
	return n, nil
}

// sealKey reads the key: fs.ErrNotExist if there is none yet, ErrCorrupt if it cannot be one.
func (st fileStore) sealKey() ([]byte, error) {
	b, err := readBounded(st.dir.root, fileKey, sealKeySize)
	if err != nil {
		return nil, err
	}
	if len(b) != sealKeySize {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrCorrupt, fileKey, len(b))
	}
	return b, nil
}

// makeSealKey makes the key, unless another process was faster. Only one does, under a lock: a second key would shut
// what the first sealed. A corrupt key (the machine went down before the disk had it) opens nothing and is replaced.
func (st fileStore) makeSealKey(ctx context.Context) ([]byte, error) {
	var sealKey []byte
	var readErr error
	unlock, err := st.dir.lock(ctx, fileKey, func() bool {
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
	return sealKey, writeAtomic(st.dir.root, fileKey, sealKey)
}
