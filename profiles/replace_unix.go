//go:build unix

package profiles

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner sets the owner and group of a new file to those of the old one.
func keepOwner(f *os.File, old fs.FileInfo) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	is, ok1 := info.Sys().(*syscall.Stat_t)
	was, ok2 := old.Sys().(*syscall.Stat_t)
	if ok1 && ok2 && (is.Uid != was.Uid || is.Gid != was.Gid) {
		if err := f.Chown(int(was.Uid), int(was.Gid)); err != nil {
			return errors.New("cannot keep its owner and group")
		}
	}
	return nil
}

// syncDir makes renames in a directory survive a crash of the machine.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // the file system cannot sync directories
	}
	return errors.Join(err, dir.Close())
}

// readableHint returns the hint for a file that the user may not read.
func readableHint(path string, info fs.FileInfo) string {
	if s, ok := info.Sys().(*syscall.Stat_t); ok && int(s.Uid) != os.Geteuid() {
		return "another user owns the file; change its owner or its mode"
	}
	return "chmod u+r " + quoted(path)
}
