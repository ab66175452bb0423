package cache

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// The directories in the state directory, each 0700.
const (
	factsDir    = "facts"    // <key>.json, see Facts
	sessionsDir = "sessions" // <key>, sealed, see fileStore
	locksDir    = "locks"    // <name>.lock, see lockFile
	countersDir = "counters" // a number each, see Count
	importedDir = "imported" // <hash>.json, see Imported
)

// tempPrefix marks a file that is being written. One that is older than any write takes was left by a killed process.
const tempPrefix = ".tmp-"

// stateDir is the state directory, opened and found to be safe. The checks are made on the directory that is then
// used (os.Root), so that nobody can exchange it between check and use, and no link inside leads out of it.
//
// A directory that others may read is accepted: one that a person made with mkdir is 0755, everything in it is 0600
// within 0700, and to chmod what a person named (it may be a home directory) is not ours to do. One that others may
// write is refused, since they could put sessions of their choice in it.
type stateDir struct {
	path string
	root *os.Root
}

// openStateDir opens the state directory. An absent one is made if create is set; else it is fs.ErrNotExist.
func openStateDir(path string, create bool) (*stateDir, error) {
	if path == "" {
		return nil, errors.New("no state directory is known (AWS_CREDPROC_STATE_DIR names one)")
	}
	if !filepath.IsAbs(path) { // it would be another one in each working directory
		return nil, fmt.Errorf("state directory: AWS_CREDPROC_STATE_DIR=%s is no absolute path (set it to one, or unset it)", path)
	}
	path = filepath.Clean(path) // which also drops a trailing slash, behind which Lstat follows a link
	if create {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, cannotMake(err)
		}
	}
	fi, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	root, err := openChecked(fi, path, func() (*os.Root, error) { return os.OpenRoot(path) })
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", path, err)
	}
	return &stateDir{path, root}, nil
}

// isGone reports whether the directory is no more what its path names: somebody has removed it.
func (d *stateDir) isGone() bool {
	there, err := os.Lstat(d.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	opened, err := d.root.Stat(".")
	return err == nil && !os.SameFile(there, opened)
}

// cannotMake says why there can be no state directory. It does not wrap: of what cannot be made the cause may be
// fs.ErrNotExist too (in /proc), which stands for a directory that is yet to be made.
func cannotMake(err error) error { return fmt.Errorf("state directory: %v", err) }

// checkCreatable says why a state directory that is not there could not be made: by whether this user may write to the
// nearest directory above it that is there. It makes nothing, for who only looks. So it does not know of a file system that
// takes no directory from anybody (/proc does not, from root), of quotas and the like: they are told where it is to be made.
func checkCreatable(path string) error {
	path = filepath.Clean(path)
	above := filepath.Dir(path)
	for above != filepath.Dir(above) {
		if _, err := os.Lstat(above); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		above = filepath.Dir(above)
	}
	fi, err := os.Stat(above) // a link that leads nowhere is in the way, too
	if err == nil && !fi.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = accessToWrite(above)
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if err != nil {
		return cannotMake(&fs.PathError{Op: "mkdir", Path: path, Err: err})
	}
	return nil
}

// openChecked opens a directory of which fi is the Lstat, and makes sure that it is the very one and is safe.
func openChecked(fi fs.FileInfo, path string, open func() (*os.Root, error)) (*os.Root, error) {
	switch {
	case fi.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0: // on Windows a junction is irregular
		return nil, errors.New("is a link, not a directory")
	case !fi.IsDir():
		return nil, errors.New("is not a directory")
	}
	root, err := open()
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(fi, opened) {
		err = errors.New("was exchanged while it was opened")
	}
	if err == nil {
		err = checkDir(opened)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// checkWritable says why nothing can be written to the state directory although its mode allows it, as on a file system
// that is mounted read-only. It writes nothing.
func (d *stateDir) checkWritable() error {
	if err := accessToWrite(d.path); err != nil {
		return fmt.Errorf("state directory %s: %w", d.path, err)
	}
	return nil
}

// sub opens a directory of ours within, with the same checks. An absent one is made if create is set; else it is
// fs.ErrNotExist.
func (d *stateDir) sub(name string, create bool) (*os.Root, error) {
	if create {
		if err := d.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("state directory %s: %w", d.path, err)
		}
	}
	fi, err := d.root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", d.path, err)
	}
	root, err := openChecked(fi, name, func() (*os.Root, error) { return d.root.OpenRoot(name) })
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", filepath.Join(d.path, name), err)
	}
	return root, nil
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(root *os.Root, name string, limit int) ([]byte, error) {
	var f *os.File
	err := persist(func() (err error) { f, err = root.OpenFile(name, os.O_RDONLY|openFlags, 0); return err })
	if err != nil {
		if fi, lstatErr := root.Lstat(name); lstatErr == nil && !fi.Mode().IsRegular() { // a link that leads out, say
			err = fmt.Errorf("%w: %s is no regular file", ErrCorrupt, name)
		}
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() || fi.Size() > int64(limit) {
		return nil, fmt.Errorf("%w: %s is no regular file of at most %d bytes", ErrCorrupt, name, limit)
	}
	if err := checkFile(fi); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	b := make([]byte, fi.Size())
	// A file is never changed in place, so a shorter one was truncated by something else: its decoder will tell.
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b[:n], nil
}

// writeAtomic writes a file so that readers see the old content or the new. It does not sync: after a crash of the
// machine a file may be empty or torn, which every decoder here recognises, and a cache may lose what it can make anew.
// Syncing would cost each renewal some milliseconds of somebody's disk.
func writeAtomic(root *os.Root, name string, data []byte) (err error) {
	temp := tempPrefix + rand.Text()
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(temp))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return persist(func() error { return root.Rename(temp, name) })
}

// remove removes a file; an absent one is no error.
func remove(root *os.Root, name string) error {
	if err := persist(func() error { return root.Remove(name) }); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
