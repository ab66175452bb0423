package statedir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/gofrs/flock"

	"aws-credproc/internal/files"
	"aws-credproc/internal/ospath"
)

// lockTries limits how often a lock is retried because its file, or a directory above it, was
// removed. The state directory is not removed that often during one wait.
const lockTries = 100

const lockSuffix = ".lock"

// Lock takes the lock with this name for this process and waits until other processes release it.
// It calls look, which may be nil, at least once and perhaps without the lock. When look returns
// true, Lock returns without the lock; otherwise it returns with the lock held, after look has
// returned false under it.
//
// The error is the cause of ctx or a failure to lock. unlock is never nil. If the state directory
// was removed, Lock creates it again, as other processes do.
func (d *Dir) Lock(
	ctx context.Context, name string, look func() bool,
) (unlock func(), err error) {
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

// Lock takes a lock of the state directory at a path, see [Dir.Lock].
func Lock(ctx context.Context, path, name string) (unlock func(), err error) {
	d, err := Create(path)
	if err != nil {
		return nop, err
	}
	defer d.Close()
	return d.Lock(ctx, name, nil)
}

// TryLock takes the lock with this name if it is free, and reports whether it holds it. unlock is
// nil if it does not.
func (d *Dir) TryLock(name string) (unlock func(), held bool, err error) {
	path, err := d.lockPath(name)
	if err != nil {
		return nil, false, err
	}
	l := newLock(path)
	if held, err = l.TryLock(); err != nil {
		return nil, false, fmt.Errorf("lock: %w", err)
	}
	if !held {
		return nil, false, nil
	}
	unlock = unlocker(l)
	if err := checkLocked(l); err != nil {
		unlock()
		return nil, false, err
	}
	return unlock, true, nil
}

// RemoveLocks removes the files of the locks whose names dead accepts. A lock that another process
// holds stays. A process that waits for a removed lock finds that out, see [Dir.Lock].
func (d *Dir) RemoveLocks(dead func(name string) bool) error {
	entries, err := d.List(locks)
	errs := []error{err}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), lockSuffix); ok && dead(name) {
			errs = append(errs, d.removeLock(name))
		}
	}
	return errors.Join(errs...)
}

// removeLock removes the file of a lock that is free.
func (d *Dir) removeLock(name string) error {
	unlock, held, err := d.TryLock(name)
	if errors.Is(err, fs.ErrNotExist) { // removed by another process
		return nil
	}
	if err != nil || !held {
		return err
	}
	defer unlock()
	root, err := d.open(locks)
	if err != nil {
		return err
	}
	defer d.close(root)
	if runtime.GOOS == "windows" {
		unlock() // Windows does not remove an open file, so it keeps a lock that is taken meanwhile
	}
	err = root.Remove(name + lockSuffix)
	if errors.Is(err, fs.ErrNotExist) || files.IsInUse(err) {
		return nil
	}
	return err
}

// lockPath returns the path of a lock, and creates and checks its directories: flock opens the file
// by its path. The error wraps fs.ErrNotExist if the directories are removed meanwhile.
func (d *Dir) lockPath(name string) (string, error) {
	current, err := Create(d.path)
	if err != nil {
		return "", err
	}
	defer current.Close()
	root, err := current.create(locks)
	if err != nil {
		return "", err
	}
	current.close(root)
	return ospath.Join(d.path, string(locks), name+lockSuffix), nil
}

// lockFile takes the lock of a file, as Dir.Lock does. The error wraps fs.ErrNotExist if the file
// is removed meanwhile: other processes then lock the file that replaces it.
//
// The system releases the lock when its process ends, so a killed process does not block the
// others. Only its holder may remove the file, see removeLock: otherwise two processes could hold a
// lock of the same name.
//
// There is no polling. A process that finds the lock taken first waits for a shared lock, which the
// kernel grants to all waiters together when the holder releases it. So two hundred processes call
// look at the same time instead of one after the other, and only those whose look returns false
// wait for the exclusive lock.
func lockFile(ctx context.Context, path string, look func() bool) (unlock func(), err error) {
	if look == nil {
		look = func() bool { return false }
	}
	l := newLock(path)
	held, err := l.TryLock()
	if err != nil {
		return nop, fmt.Errorf("lock: %w", err)
	}
	if !held {
		if err := waitUntilFree(ctx, path); err != nil {
			return nop, err
		}
		if look() {
			return nop, nil
		}
		if err := wait(ctx, l.Lock, l.Unlock); err != nil {
			return nop, err
		}
	}
	unlock = unlocker(l)
	if err := checkLocked(l); err != nil {
		unlock()
		return nop, err
	}
	if look() {
		unlock()
		return nop, nil
	}
	return unlock, nil
}

// waitUntilFree takes and releases a shared lock. It opens the file itself: flock(2) converts a
// lock of the same open file and may drop it while it does.
func waitUntilFree(ctx context.Context, path string) error {
	shared := newLock(path)
	if err := wait(ctx, shared.RLock, shared.Unlock); err != nil {
		return err
	}
	if err := shared.Unlock(); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// unlocker ignores the error of Unlock: the caller could do nothing about it, and the lock ends
// with the process.
func unlocker(l *flock.Flock) func() { return func() { _ = l.Unlock() } }

// checkLocked returns nil if the file of a held lock is the one at its path. The error wraps
// fs.ErrNotExist if the file was removed: other processes then lock another file.
func checkLocked(l *flock.Flock) error {
	held, err := l.Stat()
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	current, err := os.Lstat(l.Path())
	if err == nil && !os.SameFile(held, current) {
		err = &fs.PathError{Op: "lock", Path: l.Path(), Err: fs.ErrNotExist}
	}
	if err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// newLock returns the lock of a file, which is opened when it is locked: without following a link
// or waiting for a pipe.
func newLock(path string) *flock.Flock {
	const flags = os.O_CREATE | os.O_RDONLY | openFlags | noFollow
	return flock.New(path, flock.SetFlag(flags), flock.SetPermissions(0o600))
}

func nop() {}

// wait runs a blocking lock call until ctx ends. The call cannot be interrupted; a lock that it
// gets after that is released.
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
		return fmt.Errorf("waiting for a lock that another process holds: %w", context.Cause(ctx))
	}
}
