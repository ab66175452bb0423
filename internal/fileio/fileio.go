// Package fileio has file operations that behave alike on Unix and on Windows.
package fileio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

var (
	// ErrNotRegular is in the error for a directory, pipe, device or socket.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge is in the error for a file that exceeds the limit.
	ErrTooLarge = errors.New("too large")
)

// ReadLimited reads an open regular file of at most limit bytes. Reading anything else could block
// or never end: check the type before opening, or open with O_NONBLOCK.
func ReadLimited(f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := CheckLimited(info, limit); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > limit { // it has grown, or is in a file system that reports no sizes
		return nil, tooLarge(limit)
	}
	return b.Bytes(), nil
}

// CheckLimited returns the error that [ReadLimited] returns for a file with this information.
func CheckLimited(info fs.FileInfo, limit int64) error {
	switch {
	case !info.Mode().IsRegular():
		return ErrNotRegular
	case info.Size() > limit:
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	return fmt.Errorf("%w (more than %d bytes)", ErrTooLarge, limit)
}
