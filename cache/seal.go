package cache

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"strings"

	"aws-credproc/cache/statedir"
)

// A sealed file consists of
//
//	"aws-credproc" NUL version(1)   14 bytes
//	expiration, Unix seconds         8 bytes, big endian: a sweep need not open the file
//	nonce                           12 bytes
//	AES-256-GCM of the session, with its 16-byte tag
//
// The tag authenticates magic, version, cache key and expiration, so that a file is valid under its
// own name only.
const (
	sealMagic   = "aws-credproc\x00"
	sealVersion = 1
	sealHeader  = len(sealMagic) + 1 + 8
	sealKeySize = 32
	maxSealed   = sealHeader + 12 + maxSession + 16
)

// seal encrypts a session with a 256-bit key. The nonce is random, so one key may seal 2^32
// sessions (NIST SP 800-38D).
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

// unseal decrypts what seal has returned for these keys. Otherwise, the error wraps ErrVersion or
// ErrCorrupt.
func unseal(sealKey []byte, key Key, b []byte) (Session, error) {
	if len(b) > maxSealed || len(b) < len(sealMagic)+1 || !bytes.HasPrefix(b, []byte(sealMagic)) {
		return Session{}, fmt.Errorf("%w: not a sealed session", ErrCorrupt)
	}
	switch v := b[len(sealMagic)]; {
	case v > sealVersion:
		return Session{}, fmt.Errorf("sealed session: %w (version %d, this program reads %d)",
			ErrVersion, v, sealVersion)
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
		return Session{}, fmt.Errorf("%w: sealed session cannot be decrypted", ErrCorrupt)
	}
	s, err := decodeSession(plain)
	if err != nil {
		return Session{}, err
	}
	if uint64(s.Expiration.Unix()) != binary.BigEndian.Uint64(header[len(sealMagic)+1:]) {
		return Session{}, fmt.Errorf("%w: sealed session with another expiration", ErrCorrupt)
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

// sealedName returns the name of a sealed file: for the file store the cache key alone, else
// <key>.<store>.<id>. The id says which key it was sealed with: the name of a kernel key, or an id
// in a keyring item.
func sealedName(key Key, store Choice, id string) string {
	if store == File {
		return key.String()
	}
	return fmt.Sprintf("%s.%s.%s", key, store, id)
}

// parseSealedName is the inverse of sealedName. ok is false for other names.
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

// readSealed returns the content of a sealed file, for unseal. The error wraps fs.ErrNotExist if
// there is none.
func readSealed(d *statedir.Dir, name string) ([]byte, error) {
	return d.Read(statedir.Sessions, name, maxSealed)
}

func writeSealed(d *statedir.Dir, name string, sealKey []byte, key Key, s Session) error {
	b, err := seal(sealKey, key, s)
	if err != nil {
		return err
	}
	return d.Write(statedir.Sessions, name, b)
}

// removeSealed removes the sealed files of a store that match and returns their number.
func removeSealed(
	d *statedir.Dir, store Choice, match func(key Key, id string) bool,
) (n int, err error) {
	entries, err := d.List(statedir.Sessions)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		key, fileStore, id, ok := parseSealedName(e.Name())
		if !ok || fileStore != store || !match(key, id) {
			continue
		}
		if err := d.Remove(statedir.Sessions, e.Name()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func every(Key, string) bool { return true }

func only(key Key) func(Key, string) bool { return func(k Key, _ string) bool { return k == key } }

// textSize is the length of what rand.Text returns: 128 bits in base32 (RFC 4648).
const textSize = 26

// isText reports whether rand.Text may have returned s.
func isText(s string) bool {
	return len(s) == textSize && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}
