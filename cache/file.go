package cache

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
)

// A sealed file is
//
//	"aws-credproc" NUL version(1)   14 bytes
//	expiration, Unix seconds         8 bytes, big endian: a sweep need not open the file
//	nonce                           12 bytes
//	AES-256-GCM of the session, with its 16-byte tag
//
// and the tag binds magic, version, cache key and expiration, so that a file serves under its own name only.
const (
	sealMagic   = "aws-credproc\x00"
	sealVersion = 1
	sealHeader  = len(sealMagic) + 1 + 8
	sealKeySize = 32
	maxSealed   = sealHeader + 12 + maxSession + 16
)

// seal encrypts a session under a 256-bit key. The nonce is random: one key may seal 2^32 sessions (NIST SP 800-38D).
func seal(sealKey []byte, key Key, s Session) ([]byte, error) {
	plain, err := s.encode()
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(sealKey)
	if err != nil {
		return nil, err
	}
	header := make([]byte, 0, sealHeader+aead.Overhead()+len(plain))
	header = append(header, sealMagic...)
	header = append(header, sealVersion)
	header = binary.BigEndian.AppendUint64(header, uint64(s.Expiration.Unix()))
	return aead.Seal(header, nil, plain, sealAAD(header, key)), nil
}

// unseal is the inverse of seal: ErrVersion if a newer program wrote the file, ErrCorrupt if it is anything else than
// what seal made with these keys.
func unseal(sealKey []byte, key Key, b []byte) (Session, error) {
	if len(b) > maxSealed || len(b) < len(sealMagic)+1 || !bytes.HasPrefix(b, []byte(sealMagic)) {
		return Session{}, fmt.Errorf("%w: not a sealed session", ErrCorrupt)
	}
	switch v := b[len(sealMagic)]; {
	case v > sealVersion:
		return Session{}, fmt.Errorf("sealed session: %w (version %d, this program knows %d)", ErrVersion, v, sealVersion)
	case v < sealVersion || len(b) < sealHeader:
		return Session{}, fmt.Errorf("%w: not a sealed session", ErrCorrupt)
	}
	aead, err := newAEAD(sealKey)
	if err != nil {
		return Session{}, err
	}
	header, box := b[:sealHeader], b[sealHeader:]
	plain, err := aead.Open(nil, nil, box, sealAAD(header, key))
	if err != nil {
		return Session{}, fmt.Errorf("%w: sealed session does not open", ErrCorrupt)
	}
	s, err := decodeSession(plain)
	if err != nil {
		return Session{}, err
	}
	if uint64(s.Expiration.Unix()) != binary.BigEndian.Uint64(header[len(sealMagic)+1:]) {
		return Session{}, fmt.Errorf("%w: sealed session of another expiration", ErrCorrupt)
	}
	return s, nil
}

func newAEAD(sealKey []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	return aead, nil
}

func sealAAD(header []byte, key Key) []byte {
	return append(bytes.Clone(header[:sealHeader]), key[:]...)
}

// fileKey is the file of the file store's sealing key. It lies beside what it opens, so this store protects no more
// than file modes do.
const fileKey = "file.key"

// fileStore is the store that is used only where asked for: sealed files in sessions/, their key in file.key.
type fileStore struct {
	dir *stateDir
}

func (st fileStore) Get(_ context.Context, key Key) (Session, error) {
	root, err := st.dir.sub(sessionsDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return Session{}, ErrMiss
	}
	if err != nil {
		return Session{}, err
	}
	defer root.Close()
	b, err := readBounded(root, key.String(), maxSealed)
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
	if err != nil {
		return fmt.Errorf("file store: %w", err)
	}
	b, err := seal(sealKey, key, s)
	if err != nil {
		return fmt.Errorf("file store: %w", err)
	}
	root, err := st.dir.sub(sessionsDir, true)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := writeAtomic(root, key.String(), b); err != nil {
		return fmt.Errorf("file store: %w", err)
	}
	return nil
}

func (st fileStore) Delete(_ context.Context, key Key) error {
	root, err := st.dir.sub(sessionsDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	if err := remove(root, key.String()); err != nil {
		return fmt.Errorf("file store: %w", err)
	}
	return nil
}

// clear removes every sealed file and says how many. The key stays, for a process that seals with it at this moment;
// a key that is of no use goes.
func (st fileStore) clear(ctx context.Context) (int, error) {
	keys, err := st.dir.keys(sessionsDir, "")
	if err != nil {
		return 0, err
	}
	n := 0
	for _, key := range keys {
		if err := st.Delete(ctx, key); err != nil {
			return n, err
		}
		n++
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
