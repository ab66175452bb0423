package profiles

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/gofrs/flock"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/ospath"
)

// lockConfig locks a config file for edits. It creates the file's directory. created reports whether
// the lock's file was not there before.
func lockConfig(
	ctx context.Context, configPath string,
) (l *flock.Flock, created bool, err error) {
	fail := func(err error) error {
		return &diag.Error{
			Where:   configPath,
			Problem: "cannot be locked: " + reason(err),
			Hint:    writeHint(configPath, err),
			Err:     err,
		}
	}
	if configPath == os.DevNull {
		if err := CheckHome(configPath); err != nil {
			return nil, false, err
		}
		return nil, false, &diag.Error{
			Where:   configPath,
			Problem: "cannot be written",
			Hint:    "set AWS_CONFIG_FILE to a file, or unset it",
		}
	}
	if err := os.MkdirAll(ospath.Dir(configPath), 0o700); err != nil {
		return nil, false, fail(err)
	}
	path, err := realPath(configPath)
	if err != nil {
		return nil, false, fail(err)
	}
	path += lockSuffix
	for {
		l, created = flock.New(path), !exists(path)
		switch err := waitForLock(ctx, l); {
		case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
			return nil, false, &diag.Error{
				Where:   configPath,
				Problem: "another process is editing the file",
				Hint:    "try again",
				Err:     err,
			}
		case errors.Is(err, fs.ErrPermission) && exists(path):
			return nil, false, &diag.Error{
				Where:   path,
				Problem: "lock file cannot be opened: " + reason(err),
				Hint:    "remove it; another user created it, for example with sudo",
				Err:     err,
			}
		case err != nil:
			return nil, false, fail(err)
		}
		if isCurrent(l) {
			return l, created, nil
		}
		if err := l.Unlock(); err != nil { // CleanUp has removed the file: lock the new one
			return nil, false, fail(err)
		}
	}
}

// waitForLock obtains a lock. The error is the cause of ctx if that ends before.
func waitForLock(ctx context.Context, l *flock.Flock) error {
	got := make(chan error, 1)
	go func() { got <- l.Lock() }()
	select {
	case err := <-got:
		return err
	case <-ctx.Done():
		go func() { // Lock cannot be interrupted: release the lock when it is obtained
			if <-got == nil {
				_ = l.Unlock()
			}
		}()
		return context.Cause(ctx)
	}
}

// isCurrent reports whether the file of a lock is still at its path.
func isCurrent(l *flock.Flock) bool {
	held, err := l.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(l.Path())
	return err == nil && os.SameFile(held, now)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
