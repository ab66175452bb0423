package cache

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

const (
	// tempAge is longer than any write takes, and any claim counts.
	tempAge = time.Hour
	// clearedAge is longer than a write takes that is not held up. Who forgets everything does not spare one that is, whose
	// process then warns that its session is not kept.
	clearedAge = 10 * time.Second
	// errorAge is how long the facts of a failure are kept where there is no session.
	errorAge = 24 * time.Hour
	// sweptFiles bounds how many files of a directory one sweep looks at, and sweptSessions how many it clears away.
	sweptFiles, sweptSessions = 256, 16
)

// sweep clears away what is of no more use, for whoever has left it: expired sessions in every store and the files of
// killed processes. Its work is bounded and begins anywhere, so that many sweeps come by everything. keyringAnswers says
// whether the keyring is there and open, if that is asked: one that is not must not hold up anybody.
func (c *Cache) sweep(ctx context.Context, d *stateDir, keyringAnswers func() bool) error {
	now := c.opts.Now()
	errs := []error{d.sweep(now, tempAge)}
	keys, err := d.keys(factsDir, ".json")
	errs = append(errs, err)
	ctx, cancel := context.WithTimeout(ctx, chooseLimit)
	defer cancel()
	cleared := 0
	for _, key := range anywhere(keys) {
		f, err := d.readFacts(key)
		if err != nil || !f.isOver(now) || f.isInKeyring() && !keyringAnswers() {
			continue // damaged facts, or newer ones, are for whoever needs that session
		}
		switch err := c.clearExpired(ctx, d, key, now); {
		case err == nil, errors.Is(err, ErrVersion): // the store of a newer version is that version's to clear
		case f.isInKeyring() && isOutOfReach(err): // another time
			return errors.Join(errs...)
		default:
			errs = append(errs, fmt.Errorf("session %.8s: %w", key, err))
		}
		if cleared++; cleared == sweptSessions {
			break
		}
	}
	return errors.Join(errs...)
}

// sweep removes files that are of no more use, temporary ones from an age on.
func (d *stateDir) sweep(now time.Time, age time.Duration) error {
	errs := []error{d.sweepFiles(d.root, now, age)}
	for _, name := range []string{factsDir, sessionsDir, countersDir, importedDir} {
		root, err := d.sub(name, false)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, d.sweepFiles(root, now, age), root.Close())
	}
	return errors.Join(errs...)
}

// clearExpired forgets an expired session, in the place of its owner: under its lock, if that is free, since another
// process may just be putting the next one.
func (c *Cache) clearExpired(ctx context.Context, d *stateDir, key Key, now time.Time) error {
	unlock, held, err := d.tryLock(key.String())
	if err != nil || !held {
		return err
	}
	defer unlock()
	f, err := d.readFacts(key)
	if err != nil || !f.isOver(now) {
		return nil // it has become another
	}
	if f.Store != "" && f.Store != Keyring {
		if err := c.deleteFrom(ctx, d, f.Store, key); err != nil {
			return err
		}
	}
	if f.isInKeyring() {
		if err := c.deleteFrom(ctx, d, Keyring, key); err != nil {
			return err
		}
	}
	if f.LastError != "" && now.Sub(f.LastErrorAt) < errorAge {
		f.Store, f.Created, f.Expires, f.Stray, f.Forgotten = "", time.Time{}, time.Time{}, time.Time{}, false
		return d.writeFacts(f)
	}
	return d.removeFacts(key)
}

func (f Facts) isInKeyring() bool { return f.Store == Keyring || !f.Stray.IsZero() }

// isOver reports whether nobody has any use for what the facts tell of.
func (f Facts) isOver(now time.Time) bool {
	if f.Forgotten && f.Store == "" {
		return true
	}
	return !f.Expires.After(now) && !f.Stray.After(now) && (f.Store != "" || !f.Stray.IsZero() || now.Sub(f.LastErrorAt) >= errorAge)
}

// sweepFiles removes the files of a directory that are temporary and old, or sealed and expired.
func (d *stateDir) sweepFiles(root *os.Root, now time.Time, temp time.Duration) error {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range anywhere(entries) {
		over, err := isOfNoUse(root, e, now, temp)
		if over {
			err = d.clearFile(root, e, now, temp)
		}
		if !errors.Is(err, fs.ErrNotExist) { // its writer has just finished
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// clearFile removes a file that was of no more use a moment ago. A sealed one goes under the lock of its session, if that is
// free: another process may just be putting the next one in its place.
func (d *stateDir) clearFile(root *os.Root, e fs.DirEntry, now time.Time, temp time.Duration) error {
	if key, _, _, sealed := parseSealedName(e.Name()); sealed {
		unlock, held, err := d.tryLock(key.String())
		if err != nil || !held {
			return err
		}
		defer unlock()
		if over, err := isOfNoUse(root, e, now, temp); err != nil || !over {
			return err
		}
	}
	return remove(root, e.Name())
}

// isOfNoUse reports whether a file is of no more use. A sealed one tells when it expires, and nobody has a use for it then,
// whatever refers to it; one that a newer version wrote is that version's to remove.
func isOfNoUse(root *os.Root, e fs.DirEntry, now time.Time, temp time.Duration) (bool, error) {
	temporary := strings.HasPrefix(e.Name(), tempPrefix) || strings.HasSuffix(e.Name(), claimSuffix)
	_, _, _, sealed := parseSealedName(e.Name())
	if !temporary && !sealed {
		return false, nil
	}
	info, err := e.Info()
	if err != nil {
		return false, err
	}
	age := now.Sub(info.ModTime())
	if temporary {
		return age > temp, nil
	}
	expires, err := sealedUntil(root, e.Name())
	if errors.Is(err, ErrCorrupt) { // torn when the machine went down
		return age > kernelKeyLife, nil
	}
	return err == nil && !expires.After(now), nil
}

// sealedUntil reads when the session of a sealed file expires, without opening it. Whoever changes that can as well
// remove the file.
func sealedUntil(root *os.Root, name string) (time.Time, error) {
	b, err := readBounded(root, name, maxSealed)
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

// anywhere gives at most sweptFiles of a list, from anywhere in it.
func anywhere[T any](list []T) []T {
	if len(list) <= sweptFiles {
		return list
	}
	start := rand.IntN(len(list))
	some := make([]T, 0, sweptFiles)
	for i := range sweptFiles {
		some = append(some, list[(start+i)%len(list)])
	}
	return some
}
