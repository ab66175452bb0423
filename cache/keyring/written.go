package keyring

import (
	"context"
	"os"
	"time"
)

// destination is where a keyring writes a secret to.
type destination struct {
	late bool        // it does so some seconds after it has stored the secret
	path string      // of the file, "" if that is unknown
	was  os.FileInfo // the file before the keyring was asked to write it now, nil if it was not
}

const (
	// writtenLimit is how long WaitWritten waits. KWallet writes within 5 seconds.
	writtenLimit = 8 * time.Second
	writtenPoll  = 50 * time.Millisecond
)

// WaitWritten waits until the keyring has written to disk what it had stored at a time, which is
// after Put has returned. It reports whether that is known. If it is not, a secret must not have
// this keyring as its only place: the keyring loses the secret if it is killed. A keyring that does
// not write late has written a secret when it has stored it.
func (k *Keyring) WaitWritten(ctx context.Context, stored time.Time) (bool, error) {
	d, err := run(ctx, k, readLimits, written)
	if err != nil || !d.late {
		return err == nil, err
	}
	return d.wait(ctx, stored, writtenLimit)
}

// wait waits until the file was written after a time, or until a limit.
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

// isNew reports whether a file is another one than the keyring's file was, or was written since. The
// clock of a file system can be some milliseconds behind the time at which a secret was stored.
func (d destination) isNew(f os.FileInfo) bool {
	return d.was != nil && !(os.SameFile(d.was, f) && d.was.ModTime().Equal(f.ModTime()))
}
