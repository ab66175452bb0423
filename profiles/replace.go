package profiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
	"aws-credproc/internal/ospath"
)

// replacement is a new file that is ready to replace an old one.
type replacement struct {
	path string // as the user names it, symbolic links included
	real string // the file it leads to
	temp string // the new file, next to real; "" once it is in place
	old  string // the old text with its byte order mark
	info fs.FileInfo
}

// prepareAll writes the new files of all changes. The caller must discard the result, also after an
// error.
func prepareAll(changes []Change) (ready []*replacement, err error) {
	for _, c := range changes {
		r, err := prepare(c)
		if err != nil {
			return ready, cannotWrite(c.Path, err)
		}
		ready = append(ready, r)
	}
	return ready, nil
}

func prepare(c Change) (r *replacement, err error) {
	r = &replacement{path: c.Path}
	if c.Path == os.DevNull { // root could replace it
		return nil, errors.New("not a file")
	}
	if r.old, err = readFile(c.Path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(ospath.Dir(c.Path), 0o700); err != nil {
		return nil, err
	}
	if r.real, err = realPath(c.Path); err != nil {
		return nil, err
	}
	if r.info, err = os.Stat(r.real); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if r.info != nil && r.info.Mode().Perm()&0o200 == 0 {
		return nil, errReadOnly
	}
	text := string(c.New)
	if strings.HasPrefix(r.old, byteOrderMark) {
		text = byteOrderMark + text
	}
	r.temp, err = writeTemp(r.real, text, r.info)
	return r, err
}

func discardAll(ready []*replacement) error {
	var errs []error
	for _, r := range ready {
		if r.temp != "" {
			errs = append(errs, os.Remove(r.temp))
		}
	}
	return errors.Join(errs...)
}

// backupAll copies files that have no backup yet. It returns the paths of the new backups.
func backupAll(ready []*replacement) (backups []string, err error) {
	for _, r := range ready {
		path := r.path + backupSuffix
		if r.info == nil {
			continue
		}
		_, err := os.Lstat(path)
		if err == nil {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = r.copyTo(path)
		}
		if err != nil {
			return backups, cannotWrite(path, err)
		}
		backups = append(backups, path)
	}
	return backups, nil
}

// commit replaces the files, all or none.
func commit(ready []*replacement) error {
	for i, r := range ready {
		err := files.Retry(func() error { return os.Rename(r.temp, r.real) })
		if err == nil {
			r.temp = ""
			continue
		}
		err = cannotWrite(r.path, err)
		for _, done := range ready[:i] {
			err = errors.Join(err, done.rollBack())
		}
		return err
	}
	for _, r := range ready {
		if err := syncDir(ospath.Dir(r.real)); err != nil {
			return &diag.Error{
				Where:   r.path,
				Problem: "written, but not synced to disk: " + reason(err),
				Err:     err,
			}
		}
	}
	return nil
}

// rollBack restores the old file.
func (r *replacement) rollBack() error {
	if r.info == nil {
		return os.Remove(r.real)
	}
	temp, err := writeTemp(r.real, r.old, r.info)
	if err != nil {
		return err
	}
	return files.Retry(func() error { return os.Rename(temp, r.real) })
}

// copyTo writes the old text to a file (0600), which it replaces if it exists.
func (r *replacement) copyTo(path string) error {
	temp, err := writeTemp(path, r.old, nil)
	if err != nil {
		return err
	}
	if err := files.Retry(func() error { return os.Rename(temp, path) }); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return nil
}

// writeTemp writes a temporary file next to another file and returns its path. It gets the mode and
// the owner of info, if that is not nil.
func writeTemp(neighbor, text string, info fs.FileInfo) (path string, err error) {
	f, err := os.CreateTemp(ospath.Dir(neighbor), "."+ospath.Base(neighbor)+".*.tmp") // 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.WriteString(text)
	if err == nil && info != nil {
		err = keepOwner(f, info)
	}
	if err == nil && info != nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	return f.Name(), errors.Join(err, f.Close())
}

// realPath follows symbolic links to a file, which need not exist.
func realPath(path string) (string, error) {
	const maxLinks = 40 // as in Linux
	for range maxLinks {
		dir, err := ospath.EvalSymlinks(ospath.Dir(path))
		if err != nil {
			return "", err
		}
		path = ospath.Join(dir, ospath.Base(path))
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !ospath.IsAbs(target) {
			target = ospath.Join(dir, target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: too many links", path)
}

var errReadOnly = errors.New("read-only")

// cannotWrite returns the error for a file that cannot be written.
func cannotWrite(path string, err error) error {
	return &diag.Error{
		Where:   path,
		Problem: "cannot be written: " + reason(err),
		Hint:    writeHint(path, err),
		Err:     err,
	}
}

// writeHint returns the hint for a file that cannot be written, or next to which none can be
// created.
func writeHint(path string, err error) string {
	switch {
	case errors.Is(err, errReadOnly):
		return "chmod u+w " + quoted(path) +
			"; if a tool generates the file, make the change there (see --dry-run)"
	case errors.Is(err, syscall.EROFS):
		return "the file system is read-only; make the change where the file comes from (see --dry-run)"
	case errors.Is(err, syscall.ENOSPC):
		return "free some disk space, then try again"
	}
	return "make the file and its directory writable for this user, then try again"
}

// leftoverAge is longer than any edit takes.
const leftoverAge = time.Hour

// Leftovers returns the paths of temporary files that killed processes have left next to a file
// more than an hour before now.
func Leftovers(path string, now time.Time) (paths []string) {
	return leftovers(path, olderThanEdits(now))
}

// olderThanEdits matches files that were written more than leftoverAge before now.
func olderThanEdits(now time.Time) func(fs.FileInfo) bool {
	return func(info fs.FileInfo) bool { return now.Sub(info.ModTime()) > leftoverAge }
}

// removeOldTempFiles removes the temporary files of [Leftovers], but not the copy of a [Move]: it
// may be needed to restore the file.
func removeOldTempFiles(paths ...string) {
	for _, path := range paths {
		for _, left := range tempFilesNextTo(path, olderThanEdits(time.Now())) {
			_ = os.Remove(left) // doctor reports those that are still there
		}
	}
}

// removeLeftovers removes the copy of a file that a [Move] has made and what killed processes have
// left. The caller holds the lock, so that no other process uses the files.
func removeLeftovers(path string) error {
	for _, left := range leftovers(path, func(fs.FileInfo) bool { return true }) {
		err := files.Retry(func() error { return os.Remove(left) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// leftovers returns the temporary files that edits of a file create next to it and its copies, and
// the copy of a [Move], if they match.
func leftovers(path string, match func(fs.FileInfo) bool) (paths []string) {
	if info, err := os.Lstat(path + moveSuffix); err == nil && match(info) {
		paths = append(paths, path+moveSuffix)
	}
	return append(paths, tempFilesNextTo(path, match)...)
}

// tempFilesNextTo returns the temporary files of a file and its copies, if they match.
func tempFilesNextTo(path string, match func(fs.FileInfo) bool) (paths []string) {
	for _, name := range []string{path, path + backupSuffix, path + moveSuffix} {
		paths = append(paths, tempFilesOf(name, match)...)
	}
	return paths
}

// tempFilesOf returns the files that writeTemp has created next to a file, if they match.
func tempFilesOf(path string, match func(fs.FileInfo) bool) (paths []string) {
	target, err := realPath(path)
	if err != nil {
		return nil // nothing was ever written there
	}
	entries, err := os.ReadDir(ospath.Dir(target))
	if err != nil {
		return nil
	}
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), "."+ospath.Base(target)+".")
		number, isTemp := strings.CutSuffix(number, ".tmp")
		if !ok || !isTemp || strings.Trim(number, "0123456789") != "" {
			continue
		}
		if info, err := e.Info(); err == nil && match(info) {
			paths = append(paths, ospath.Join(ospath.Dir(target), e.Name()))
		}
	}
	return paths
}
