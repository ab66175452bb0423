package keyring

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"aws-credproc/internal/keyringapi"
)

// destination is where a keyring writes a secret to.
type destination struct {
	late bool        // when the keyring writes, or whether it has, is not known from its reply
	path string      // of the file, "" if that is unknown
	was  os.FileInfo // the file before the keyring was perhaps asked to write it now, nil if unknown
}

const (
	// writtenLimit is how long WaitWritten waits. KWallet writes within 5 seconds.
	writtenLimit = 8 * time.Second
	writtenPoll  = 50 * time.Millisecond
)

// WaitWritten waits until the keyring has written a value to disk, which Put had stored before the
// time. It reports whether that is known. If it is not, the keyring must not be the only place of a
// secret: the keyring loses it if it is killed, or if its disk is full. The error wraps
// [keyringapi.ErrLost] if the keyring has lost the value.
func (k *Keyring) WaitWritten(
	ctx context.Context, item Item, value []byte, stored time.Time,
) (bool, error) {
	d, err := run(ctx, k, readLimits, written)
	if err != nil || !d.late {
		return err == nil, err
	}
	if isWritten, err := d.wait(ctx, stored, writtenLimit); err != nil || !isWritten {
		return false, err
	}
	// Another process of the keyring may have written the file, after the first one was killed. What it
	// returns was on disk.
	values, err := k.Get(ctx, item)
	isSame := func(other []byte) bool { return bytes.Equal(other, value) }
	if errors.Is(err, ErrNotFound) || err == nil && !slices.ContainsFunc(values, isSame) {
		err = &Error{Err: keyringapi.ErrLost}
	}
	return err == nil, err
}

// wait reports whether the file was written after the time. It waits for that until the limit.
func (d destination) wait(
	ctx context.Context, stored time.Time, limit time.Duration,
) (bool, error) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	poll := time.NewTicker(writtenPoll)
	defer poll.Stop()
	for {
		f, err := os.Stat(d.path)
		if err != nil {
			return false, nil // not the file, or not readable in this sandbox
		}
		if !f.ModTime().Before(stored) || d.isNew(f) {
			return true, nil
		}
		select {
		case <-poll.C:
		case <-deadline.C:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// isNew reports whether the file has been written since was. The clock of a file system can be some
// milliseconds slow, so that its time may be before the one at which a secret was stored.
func (d destination) isNew(f os.FileInfo) bool {
	return d.was != nil && !(os.SameFile(d.was, f) && d.was.ModTime().Equal(f.ModTime()))
}
