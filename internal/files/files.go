// Package files reads small files whose path comes from a user's configuration.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Read returns the content of a regular file of at most limit bytes. It does not open anything
// else, which could block forever or never end. Its errors begin with the path.
func Read(path string, limit int64) ([]byte, error) {
	if err := Check(path, limit); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, pathError(path, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, pathError(path, err)
	}
	if int64(len(b)) > limit {
		return nil, errTooLarge(path, limit)
	}
	return b, nil
}

// Check returns an error if path is not a regular file of at most limit bytes.
func Check(path string, limit int64) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return pathError(path, err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case info.Size() > limit:
		return errTooLarge(path, limit)
	}
	return nil
}

// Real returns the absolute path of a file with symbolic links resolved, as far as that is
// possible. It identifies a file no matter by which path it is named.
func Real(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return Abs(path)
}

// Abs returns an absolute form of path. It returns "" for "", and path itself if the working
// directory is unknown.
func Abs(path string) string {
	if path == "" {
		return ""
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// pathError returns the cause of a file error, after the path.
func pathError(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

func errTooLarge(path string, limit int64) error {
	return fmt.Errorf("%s is larger than %d KB", path, limit>>10)
}
