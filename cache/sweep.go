package cache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"time"

	"aws-credproc/cache/statedir"
)

const (
	// tempAge is longer than any write takes, and longer than a claim is valid.
	tempAge = time.Hour
	// clearedTempAge is tempAge for Clear: longer than a write normally takes. A process whose
	// write takes longer warns that its session is not cached.
	clearedTempAge = 10 * time.Second
	// errorAge is how long the facts of a failure are kept if there is no session.
	errorAge = 24 * time.Hour
	// maxSwept limits how many files of a folder one sweep examines.
	maxSwept = 256
	// maxSweptSessions limits how many sessions one sweep deletes.
	maxSweptSessions = 16
)

// sweeper deletes expired sessions in every store and the files of killed processes.
type sweeper struct {
	stores *stores
	dir    *statedir.Dir
	now    time.Time
	// keyringUnlocked reports whether the keyring is unlocked. A locked one must not delay the
	// process.
	keyringUnlocked func() bool
}

// run sweeps once. Its work is limited and starts at a random place, so that many runs cover
// everything.
func (s sweeper) run(ctx context.Context) error {
	errs := []error{sweepFiles(s.dir, s.now, tempAge)}
	keys, err := factsKeys(s.dir)
	errs = append(errs, err)
	swept := 0
	for _, key := range sample(keys) {
		f, err := readFacts(s.dir, key)
		if err != nil || !f.isStale(s.now) || f.mayBeInKeyring() && !s.keyringUnlocked() {
			continue // facts that cannot be read are left to a process that needs that session
		}
		switch err := s.sweepSession(ctx, key); {
		case err == nil, errors.Is(err, ErrVersion): // a newer version sweeps its own stores
		case f.mayBeInKeyring() && isUnreachable(err): // another time
			return errors.Join(errs...)
		default:
			errs = append(errs, fmt.Errorf("session %.8s: %w", key, err))
		}
		if swept++; swept == maxSweptSessions {
			break
		}
	}
	return errors.Join(errs...)
}

// sweepSession deletes an expired session. It holds the session's lock if that is free; otherwise
// another process may be storing the next session.
func (s sweeper) sweepSession(ctx context.Context, key Key) error {
	unlock, held, err := s.dir.TryLock(key.String())
	if err != nil || !held {
		return err
	}
	defer unlock()
	f, err := readFacts(s.dir, key)
	if err != nil || !f.isStale(s.now) {
		return nil // it was replaced
	}
	if f.Store != "" && f.Store != Keyring {
		if _, err := s.stores.delete(ctx, s.dir, f.Store, key); err != nil {
			return err
		}
	}
	if f.mayBeInKeyring() {
		if _, err := s.stores.delete(ctx, s.dir, Keyring, key); err != nil {
			return err
		}
	}
	if f.LastError != "" && s.now.Sub(f.LastErrorAt) < errorAge {
		f.Store, f.Created, f.Expires = "", time.Time{}, time.Time{}
		f.KeyringUntil, f.PendingDelete = time.Time{}, false
		return writeFacts(s.dir, f)
	}
	return removeFacts(s.dir, key)
}

// isStale reports whether what the facts describe can be deleted.
func (f Facts) isStale(now time.Time) bool {
	if f.PendingDelete && f.Store == "" {
		return true
	}
	if f.Expires.After(now) || f.KeyringUntil.After(now) {
		return false
	}
	return f.Store != "" || !f.KeyringUntil.IsZero() || now.Sub(f.LastErrorAt) >= errorAge
}

// sweepFiles removes old temporary files, old claims and expired sealed files. A temporary file is
// old after tempAge.
func sweepFiles(d *statedir.Dir, now time.Time, tempAge time.Duration) error {
	return errors.Join(d.RemoveTemp(now, tempAge), sweepClaims(d, now, tempAge),
		sweepSealed(d, now))
}

func sweepClaims(d *statedir.Dir, now time.Time, age time.Duration) error {
	entries, err := d.List(statedir.Facts)
	errs := []error{err}
	for _, e := range sample(entries) {
		if !strings.HasSuffix(e.Name(), claimSuffix) {
			continue
		}
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			errs = append(errs, err)
		case now.Sub(info.ModTime()) > age:
			errs = append(errs, d.Remove(statedir.Facts, e.Name()))
		}
	}
	return errors.Join(errs...)
}

func sweepSealed(d *statedir.Dir, now time.Time) error {
	entries, err := d.List(statedir.Sessions)
	errs := []error{err}
	for _, e := range sample(entries) {
		key, _, _, ok := parseSealedName(e.Name())
		if !ok {
			continue
		}
		expired, err := isSealedExpired(d, e, now)
		if expired {
			err = sweepSealedFile(d, key, e, now)
		}
		if !errors.Is(err, fs.ErrNotExist) { // removed meanwhile
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sweepSealedFile removes an expired sealed file. It holds the session's lock if that is free;
// otherwise another process may be replacing the file.
func sweepSealedFile(d *statedir.Dir, key Key, e fs.DirEntry, now time.Time) error {
	unlock, held, err := d.TryLock(key.String())
	if err != nil || !held {
		return err
	}
	defer unlock()
	if expired, err := isSealedExpired(d, e, now); err != nil || !expired {
		return err
	}
	return d.Remove(statedir.Sessions, e.Name())
}

// isSealedExpired reports whether the session of a sealed file has expired. It does not matter what
// refers to the file. The files of a newer version are left to that version.
func isSealedExpired(d *statedir.Dir, e fs.DirEntry, now time.Time) (bool, error) {
	info, err := e.Info()
	if err != nil {
		return false, err
	}
	expires, err := sealedUntil(d, e.Name())
	if errors.Is(err, ErrCorrupt) { // torn by a crash of the machine
		return now.Sub(info.ModTime()) > kernelKeyLife, nil
	}
	return err == nil && !expires.After(now), nil
}

// sealedUntil returns when the session of a sealed file expires, without opening it. That time is
// not authenticated: a process that can change it can also remove the file.
func sealedUntil(d *statedir.Dir, name string) (time.Time, error) {
	b, err := readSealed(d, name)
	switch {
	case err != nil:
		return time.Time{}, err
	case len(b) < sealHeader || string(b[:len(sealMagic)]) != sealMagic:
		return time.Time{}, ErrCorrupt
	case b[len(sealMagic)] != sealVersion:
		return time.Time{}, ErrVersion
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b[len(sealMagic)+1:sealHeader])), 0), nil
}

// sample returns at most maxSwept consecutive elements of a list, from a random place.
func sample[T any](list []T) []T {
	if len(list) <= maxSwept {
		return list
	}
	start := rand.IntN(len(list))
	some := make([]T, 0, maxSwept)
	for i := range maxSwept {
		some = append(some, list[(start+i)%len(list)])
	}
	return some
}
