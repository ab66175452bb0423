//go:build unix

package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/ospath"
	"aws-credproc/internal/users"
)

// unmapped is the user of files whose owner has no number in this user namespace, such as root's in
// a sandbox.
const unmapped = 65534

func foreign(info fs.FileInfo) (name string, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 || st.Uid == unmapped || int(st.Uid) == os.Geteuid() {
		return "", false
	}
	if u, err := users.WithID(int(st.Uid)); err == nil {
		return u.Name, true
	}
	return unknownPrefix + strconv.Itoa(int(st.Uid)), true
}

func isOfRoot(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == 0
}

// giveToParent opens the directory once: that user could put a link to a directory of root in its
// place meanwhile.
func giveToParent(path string) error {
	dir, err := unix.Open(ospath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil //nolint:nilerr // then there is no file either
	}
	d := os.NewFile(uintptr(dir), ospath.Dir(path))
	defer d.Close()
	parent, err := d.Stat()
	if err != nil {
		return err
	}
	to, ok := parent.Sys().(*syscall.Stat_t)
	if _, isForeign := foreign(parent); !ok || !isForeign {
		return nil
	}
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := unix.Openat(dir, ospath.Base(path), flags, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid != 0 || !info.IsDir() && (st.Nlink != 1 || !info.Mode().IsRegular()) {
		return nil // a hard link may be one to a file of root elsewhere
	}
	if err := f.Chown(int(to.Uid), int(to.Gid)); err != nil {
		return fmt.Errorf("give %s to its user: %w", path, err)
	}
	return nil
}
