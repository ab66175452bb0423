package statedir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"aws-credproc/internal/files"
	"aws-credproc/internal/ospath"
	"aws-credproc/internal/versioned"
)

// TempPrefix starts the names of files that are being written. An old one was left by a process
// that was killed.
const TempPrefix = ".tmp-"

// maxRemoved limits how many files RemoveTemp removes, so that its caller does not wait long.
const maxRemoved = 256

// FileError is an error of a file, as opposed to one of its folder.
type FileError struct{ Err error }

func (e *FileError) Error() string { return e.Err.Error() }

func (e *FileError) Unwrap() error { return e.Err }

// Read returns the content of a file. The error wraps [fs.ErrNotExist] if there is none, and
// [versioned.ErrCorrupt] if it is not a regular file of at most limit bytes. A file that other
// users have access to is an error. An error of the file is a [FileError].
func (d *Dir) Read(folder Folder, name string, limit int) ([]byte, error) {
	root, err := d.open(folder)
	if err != nil {
		return nil, err
	}
	defer d.close(root)
	b, err := readFile(root, name, limit)
	if err != nil {
		return nil, &FileError{err}
	}
	return b, nil
}

func readFile(root *os.Root, name string, limit int) ([]byte, error) {
	var f *os.File
	err := files.Retry(func() (err error) {
		f, err = root.OpenFile(name, os.O_RDONLY|openFlags, 0)
		return err
	})
	if err != nil {
		info, lstatErr := root.Lstat(name)
		if lstatErr == nil && !info.Mode().IsRegular() { // such as a link that leads out
			err = fmt.Errorf("%w: %s: %w", versioned.ErrCorrupt, name, files.ErrNotRegular)
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := files.CheckInfo(info, int64(limit)); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", versioned.ErrCorrupt, name, err)
	}
	if err := checkFile(ospath.Join(root.Name(), name), info); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b := make([]byte, info.Size())
	// Files are never changed in place, so a shorter one is damaged. Its decoder detects that.
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

// Write replaces a file. Readers get the old content or the new, never a mixture. Write creates the
// folder if there is none.
//
// It does not sync: after a crash of the machine a file may be empty or torn, so decoders must
// detect that. A cache can lose sessions, because they can be obtained again, and a sync would take
// milliseconds for each renewal.
func (d *Dir) Write(folder Folder, name string, data []byte) error {
	root, err := d.create(folder)
	if err != nil {
		return err
	}
	defer d.close(root)
	return writeFile(root, name, data, false)
}

// writeSynced is like Write, but the file is on disk when it returns.
func (d *Dir) writeSynced(folder Folder, name string, data []byte) error {
	root, err := d.create(folder)
	if err != nil {
		return err
	}
	defer d.close(root)
	if err := writeFile(root, name, data, true); err != nil {
		return err
	}
	return syncDir(root)
}

func writeFile(root *os.Root, name string, data []byte, sync bool) (err error) {
	temp := TempPrefix + rand.Text()
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(temp))
		}
		if e := (*fs.PathError)(nil); errors.As(err, &e) {
			e.Path = ospath.Join(root.Name(), name) // not the temporary file
		}
	}()
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return replace(root, temp, name)
}

// replace renames a temporary file. The error does not name it.
func replace(root *os.Root, temp, name string) error {
	err := files.Retry(func() error { return root.Rename(temp, name) })
	if e := (*os.LinkError)(nil); errors.As(err, &e) {
		err = e.Err
		if info, lstatErr := root.Lstat(name); lstatErr == nil && info.IsDir() {
			err = syscall.EISDIR // Rename returns EEXIST
		}
		err = &fs.PathError{Op: "replace", Path: name, Err: err}
	}
	return err
}

// Remove removes a file. It returns nil if there is none.
func (d *Dir) Remove(folder Folder, name string) error {
	root, err := d.open(folder)
	if err == nil {
		defer d.close(root)
		err = files.Retry(func() error { return root.Remove(name) })
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// List returns the entries of a folder, none if it does not exist.
func (d *Dir) List(folder Folder) ([]fs.DirEntry, error) {
	root, err := d.open(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.close(root)
	return fs.ReadDir(root.FS(), ".")
}

type tempFile struct {
	folder Folder
	name   string
}

// TempFiles returns the paths of temporary files that are older than age at the time now.
func (d *Dir) TempFiles(now time.Time, age time.Duration) ([]string, error) {
	temp, err := d.tempFiles(now, age)
	paths := make([]string, 0, len(temp))
	for _, f := range temp {
		paths = append(paths, ospath.Join(d.path, string(f.folder), f.name))
	}
	return paths, err
}

// RemoveTemp removes temporary files that are older than age at the time now. It skips a folder
// that cannot be listed.
func (d *Dir) RemoveTemp(now time.Time, age time.Duration) error {
	temp, _ := d.tempFiles(now, age)
	var errs []error
	for _, f := range temp[:min(len(temp), maxRemoved)] {
		errs = append(errs, d.Remove(f.folder, f.name))
	}
	return errors.Join(errs...)
}

func (d *Dir) tempFiles(now time.Time, age time.Duration) (temp []tempFile, err error) {
	var errs []error
	for _, folder := range []Folder{Root, Facts, Sessions, counters, imported, rotations} {
		entries, err := d.List(folder)
		errs = append(errs, err)
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), TempPrefix) {
				continue
			}
			info, err := e.Info()
			switch {
			case errors.Is(err, fs.ErrNotExist): // its writer has finished
			case err != nil:
				errs = append(errs, err)
			case now.Sub(info.ModTime()) > age:
				temp = append(temp, tempFile{folder, e.Name()})
			}
		}
	}
	return temp, errors.Join(errs...)
}
