package profiles

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"aws-credproc/internal/diag"
)

// lock locks a config file for edits. It creates the file's directory.
func lock(ctx context.Context, configPath string) (unlock func() error, err error) {
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
			return nil, err
		}
		return nil, &diag.Error{
			Where:   configPath,
			Problem: "cannot be written",
			Hint:    "set AWS_CONFIG_FILE to a file, or unset it",
		}
	}
	if err := os.MkdirAll(filepath.Dir(configPath), 0o700); err != nil {
		return nil, fail(err)
	}
	path, err := realPath(configPath)
	if err != nil {
		return nil, fail(err)
	}
	path += lockSuffix
	l := flock.New(path)
	got := make(chan error, 1)
	go func() { got <- l.Lock() }()
	select {
	case err := <-got:
		if errors.Is(err, fs.ErrPermission) && exists(path) {
			return nil, &diag.Error{
				Where:   path,
				Problem: "lock file cannot be opened: " + reason(err),
				Hint:    "remove it; another user created it, for example with sudo",
				Err:     err,
			}
		}
		if err != nil {
			return nil, fail(err)
		}
		return l.Unlock, nil
	case <-ctx.Done():
		go func() { // Lock cannot be interrupted: release the lock when it is obtained
			if <-got == nil {
				_ = l.Unlock()
			}
		}()
		return nil, &diag.Error{
			Where:   configPath,
			Problem: "another process is editing the file",
			Hint:    "try again",
			Err:     context.Cause(ctx),
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
