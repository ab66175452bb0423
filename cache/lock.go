package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// lockTries is how often a lock is tried anew because its file, or a directory above it, was removed: far more often than
// anybody removes the state directory while one waits.
const lockTries = 100

// lock takes the lock of a name in the state directory, see lockFile. Of a state directory that was removed it makes
// another, since everybody else does.
func (d *stateDir) lock(ctx context.Context, name string, look func() bool) (unlock func(), err error) {
	for range lockTries {
		var path string
		if path, err = d.lockPath(name); err == nil {
			unlock, err = lockFile(ctx, path, look)
		}
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return nop, err
}

// lockPath gives the path of the lock of a name, in directories that are made and checked here; flock itself goes by the
// path. Its error is fs.ErrNotExist where they were removed meanwhile.
func (d *stateDir) lockPath(name string) (string, error) {
	there, err := openStateDir(d.path, true)
	if err != nil {
		return "", err
	}
	defer there.root.Close()
	root, err := there.sub(locksDir, true)
	if err != nil {
		return "", err
	}
	return filepath.Join(d.path, locksDir, name+".lock"), root.Close()
}

// tryLock takes the lock of a name if it is free. unlock is for who holds it.
func (d *stateDir) tryLock(name string) (unlock func(), held bool, err error) {
	path, err := d.lockPath(name)
	if err != nil {
		return nil, false, err
	}
	l := openLock(path)
	if held, err = l.TryLock(); err != nil {
		return nil, false, fmt.Errorf("lock: %w", err)
	}
	unlock = func() { _ = l.Unlock() } // it ends with us at the latest
	if held {
		if err := checkLocked(l); err != nil {
			unlock()
			return nil, false, err
		}
	}
	return unlock, held, nil
}

// Exclusive takes a lock of the state directory dir for this process, waiting for who holds it until ctx ends; the error is
// then ctx's cause. It is for what is no session: the name is a file's name, and no key. unlock is never nil.
func Exclusive(ctx context.Context, dir, name string) (unlock func(), err error) {
	d, err := openStateDir(dir, true)
	if err != nil {
		return nop, err
	}
	defer d.root.Close()
	return d.lock(ctx, name, nil)
}

// lockFile takes the lock of a file for this process and calls look, until look reports true or the lock is held. It
// returns with the lock held, or with it free and look's last answer true; unlock is never nil and may be called in
// both cases. A nil look is one that reports false. Where the file was removed meanwhile the error is fs.ErrNotExist:
// others go by the one that is there now, or is yet to be made.
//
// The lock dies with its process, so that a killed one frees the rest at once; its file stays, since to remove it would
// let two processes hold a lock of one name. Nobody polls. Who finds the lock taken first waits for a shared lock:
// the kernel grants that to all waiters in the moment that the holder leaves, so two hundred look at the same time
// instead of one after another. Only those who then still find nothing queue for the lock itself.
func lockFile(ctx context.Context, path string, look func() bool) (unlock func(), err error) {
	if look == nil {
		look = func() bool { return false }
	}
	l := openLock(path)
	held, err := l.TryLock()
	if err != nil {
		return nop, fmt.Errorf("lock: %w", err)
	}
	if !held {
		// An open file of its own: on one, flock converts a lock into the other, and may drop it meanwhile.
		shared := openLock(path)
		if err := wait(ctx, shared.RLock, shared.Unlock); err != nil {
			return nop, err
		}
		if err := shared.Unlock(); err != nil {
			return nop, fmt.Errorf("lock: %w", err)
		}
		if look() {
			return nop, nil
		}
		if err := wait(ctx, l.Lock, l.Unlock); err != nil {
			return nop, err
		}
	}
	// An error of Unlock could only be told to a person who cannot do anything about it, and the lock ends with us.
	free := func() { _ = l.Unlock() }
	if err := checkLocked(l); err != nil {
		free()
		return nop, err
	}
	if look() {
		free()
		return nop, nil
	}
	return free, nil
}

// checkLocked is nil if the file of a lock that is held is the one at its path. Else it is fs.ErrNotExist: somebody has
// removed the file, and whoever comes now locks another.
func checkLocked(l *flock.Flock) error {
	held, err := l.Stat()
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	there, err := os.Lstat(l.Path())
	if err == nil && !os.SameFile(held, there) {
		err = &fs.PathError{Op: "lock", Path: l.Path(), Err: fs.ErrNotExist}
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// openLock names a lock file. It is opened, when it is locked, without following a link or waiting for a pipe.
func openLock(path string) *flock.Flock {
	return flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|openFlags|noFollow), flock.SetPermissions(0o600))
}

func nop() {}

// wait runs a blocking lock call until ctx ends. The call cannot be interrupted; a lock that it gets too late is given
// back.
func wait(ctx context.Context, lock, unlock func() error) error {
	got := make(chan error, 1)
	go func() { got <- lock() }()
	select {
	case err := <-got:
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		return nil
	case <-ctx.Done():
		go func() {
			if <-got == nil {
				_ = unlock()
			}
		}()
		return fmt.Errorf("waiting for another process, which holds the lock: %w", context.Cause(ctx))
	}
}
