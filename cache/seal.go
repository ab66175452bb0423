package cache

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"
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

// sealedName is the name of a sealed file in sessions/: the cache key alone in the store file, else <key>.<store>.<id>,
// where id tells which key it was sealed with: the name of a kernel key, or an id that a keyring item names.
func sealedName(key Key, store Choice, id string) string {
	if store == File {
		return key.String()
	}
	return fmt.Sprintf("%s.%s.%s", key, store, id)
}

// parseSealedName is the inverse of sealedName; ok is false for a file that is none of ours.
func parseSealedName(name string) (key Key, store Choice, id string, ok bool) {
	parts := strings.Split(name, ".")
	key, err := ParseKey(parts[0])
	switch {
	case err != nil:
	case len(parts) == 1:
		return key, File, "", true
	case len(parts) == 3:
		return key, Choice(parts[1]), parts[2], true
	}
	return Key{}, "", "", false
}

// readSealed reads a sealed file, for unseal; fs.ErrNotExist if there is none.
func (d *stateDir) readSealed(name string) ([]byte, error) {
	root, err := d.sub(sessionsDir, false)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readBounded(root, name, maxSealed)
}

func (d *stateDir) writeSealed(name string, sealKey []byte, key Key, s Session) error {
	b, err := seal(sealKey, key, s)
	if err != nil {
		return err
	}
	root, err := d.sub(sessionsDir, true)
	if err != nil {
		return err
	}
	defer root.Close()
	return writeAtomic(root, name, b)
}

// removeSealed removes those sealed files of a store that match, and says how many there were.
func (d *stateDir) removeSealed(store Choice, match func(key Key, id string) bool) (n int, err error) {
	root, err := d.sub(sessionsDir, false)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if key, of, id, ok := parseSealedName(e.Name()); !ok || of != store || !match(key, id) {
			continue
		}
		if err := remove(root, e.Name()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// textSize is the length of what rand.Text gives: 128 bits in base32 (RFC 4648).
const textSize = 26

// isText reports whether rand.Text may have given this.
func isText(s string) bool {
	return len(s) == textSize && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func every(Key, string) bool { return true }

func only(key Key) func(Key, string) bool { return func(k Key, _ string) bool { return k == key } }
