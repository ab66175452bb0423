// Package files reads small files that may be of any type or size, and retries operations on files
// that another program has open.
package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"aws-credproc/internal/ospath"
)

// ErrNotRegular is wrapped by the error for a directory, pipe, device or socket.
var ErrNotRegular = errors.New("not a regular file")

// TooLargeError is the error for a file that exceeds a limit in bytes.
type TooLargeError int64

func (e TooLargeError) Error() string {
	if e < 1<<10 {
		return fmt.Sprintf("larger than %d bytes", int64(e))
	}
	return fmt.Sprintf("larger than %d KB", e>>10)
}

// Read returns the content of a regular file of at most limit bytes. It does not open other files,
// such as pipes, because reading them could block or never end. Its errors begin with the path.
func Read(path string, limit int64) ([]byte, error) {
	var b bytes.Buffer
	if err := Copy(&b, path, limit); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Copy writes to w what [Read] returns, without holding all of it in memory.
func Copy(w io.Writer, path string, limit int64) error {
	if err := Check(path, limit); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return pathError(path, err)
	}
	defer f.Close()
	n, err := io.Copy(w, io.LimitReader(f, limit+1))
	if err == nil && n > limit { // it has grown, or its file system reports no sizes
		err = TooLargeError(limit)
	}
	if err != nil {
		return pathError(path, err)
	}
	return nil
}

// Check returns an error if path is not a regular file of at most limit bytes.
func Check(path string, limit int64) error {
	info, err := os.Stat(path)
	if err == nil {
		err = CheckInfo(info, limit)
	}
	if err != nil {
		return pathError(path, err)
	}
	return nil
}

// CheckInfo returns an error if info is not that of a regular file of at most limit bytes. It wraps
// ErrNotRegular or a TooLargeError.
func CheckInfo(info fs.FileInfo, limit int64) error {
	switch {
	case !info.Mode().IsRegular():
		return ErrNotRegular
	case info.Size() > limit:
		return TooLargeError(limit)
	}
	return nil
}

// Real returns the absolute path of a file with symbolic links resolved, as far as that is
// possible, so that all paths that lead to the same file give the same result.
func Real(path string) string {
	if target, err := ospath.EvalSymlinks(path); err == nil {
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
	if abs, err := ospath.Abs(path); err == nil {
		return abs
	}
	return path
}

// pathError returns the cause of a file error, after the path.
func pathError(path string, err error) error {
	var p *fs.PathError
	switch {
	case errors.Is(err, ErrNotRegular), errors.As(err, new(TooLargeError)):
		return fmt.Errorf("%s is %w", path, err)
	case errors.As(err, &p):
		err = p.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}
