package statedir

import (
	"context"
	"errors"
	"fmt"
	"os"

	"aws-credproc/internal/ospath"
)

// LockAlways takes a lock like [Dir.Lock], in the state directory at a path or, if that cannot be
// used, in a directory that all processes of this user find: in $XDG_RUNTIME_DIR, or else in the
// directory for temporary files.
func LockAlways(ctx context.Context, path, name string) (unlock func(), err error) {
	var errs []error
	for _, find := range []func() (string, error){
		func() (string, error) { return path, nil }, runtimeDir, temporaryDir,
	} {
		dir, err := find()
		if err == nil {
			unlock, err = Lock(ctx, dir, name)
		}
		if err == nil || ctx.Err() != nil {
			return unlock, err
		}
		errs = append(errs, err)
	}
	return nop, errors.Join(errs...)
}

// runtimeDir returns the directory of this program in $XDG_RUNTIME_DIR, which must be safe itself:
// after su, it may be that of another user.
func runtimeDir() (string, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !ospath.IsAbs(dir) {
		return "", errors.New("no runtime directory")
	}
	d, err := Open(dir)
	if err != nil {
		return "", err
	}
	return ospath.Join(dir, "aws-credproc"), d.Close()
}

// temporaryDir returns a directory whose name contains the user ID, because other users may have
// one in the same place. [Create] checks its owner.
func temporaryDir() (string, error) {
	return ospath.Join(os.TempDir(), fmt.Sprintf("aws-credproc-%d", os.Getuid())), nil
}
