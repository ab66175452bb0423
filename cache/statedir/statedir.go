// Package statedir keeps small files in the user's state directory, where other users can neither
// read nor change them, and the locks by which processes take turns.
//
// Every operation opens the directories that it uses and checks the open handle (os.Root). So no
// directory can be replaced between the check and its use, and no link leads out of it.
package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"aws-credproc/internal/ospath"
	"aws-credproc/internal/owner"
)

// A Folder is a directory of the state directory. Each has the mode 0700.
type Folder string

// The layout of the state directory.
const (
	Root     Folder = "."        // the state directory itself
	Facts    Folder = "facts"    // package cache: what is known about a session, <key>.json
	Sessions Folder = "sessions" // package cache: sealed sessions
	Prompts  Folder = "prompts"  // package mfa: which process asks for a code

	locks     Folder = "locks"     // <name>.lock, see Dir.Lock
	counters  Folder = "counters"  // one number each, see Count
	imported  Folder = "imported"  // <hash>.json, see Imported
	rotations Folder = "rotations" // <hash>.json, see Rotation
)

// Dir is an open state directory that other users cannot write to. Its methods are safe for
// concurrent use.
//
// A directory that others can read is accepted. A user who creates it with mkdir gets such a
// directory, and the program must not chmod it (it may be the home directory). The files in it are
// 0600, in directories of mode 0700. A directory that others can write to is refused, because they
// could put their own sessions in it.
type Dir struct {
	path string
	root *os.Root
}

// Open opens the state directory at an absolute path. The error wraps [fs.ErrNotExist] if there is
// none.
func Open(path string) (*Dir, error) {
	path, err := clean(path)
	if err != nil {
		return nil, err
	}
	return open(path)
}

// Create opens the state directory at an absolute path, and creates it if there is none. As root, it
// creates none in a directory of another user, as with sudo -E, which keeps HOME: that user could
// not use it.
func Create(path string) (*Dir, error) {
	path, err := clean(path)
	if err != nil {
		return nil, err
	}
	if err := checkPlace(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, notCreatable(err)
	}
	return open(path)
}

func clean(path string) (string, error) {
	if path == "" {
		return "", errors.New("no state directory: set AWS_CREDPROC_STATE_DIR to one")
	}
	if !ospath.IsAbs(path) { // it would be a different directory in each working directory
		return "", fmt.Errorf("state directory: AWS_CREDPROC_STATE_DIR=%s is not an absolute path "+
			"(set it to one, or unset it)", path)
	}
	path = ospath.Clean(path) // without a trailing slash, which would make Lstat follow a link
	if ospath.Dir(path) == path {
		return "", fmt.Errorf("state directory: AWS_CREDPROC_STATE_DIR=%s is the root directory of a "+
			"file system (set it to another directory, or unset it)", path)
	}
	return path, nil
}

func open(path string) (*Dir, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	root, err := openChecked(path, info, func() (*os.Root, error) { return os.OpenRoot(path) })
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", path, err)
	}
	return &Dir{path, root}, nil
}

// openChecked opens a directory with the Lstat information info. It returns an error if the
// directory is not safe or not the one of info.
func openChecked(
	path string, info fs.FileInfo, open func() (*os.Root, error),
) (*os.Root, error) {
	switch {
	case info.Mode()&(fs.ModeSymlink|fs.ModeIrregular) != 0: // Windows junctions are irregular
		return nil, errors.New("is a link, not a directory")
	case !info.IsDir():
		return nil, errors.New("is not a directory")
	}
	if err := checkDir(path, info); err != nil { // it may be why the directory cannot be opened
		return nil, err
	}
	root, err := open()
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err == nil && !os.SameFile(info, opened) {
		err = errors.New("was replaced while it was opened")
	}
	if err == nil {
		err = checkDir(path, opened)
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// Path returns the absolute path of the directory.
func (d *Dir) Path() string { return d.path }

// Close closes the directory. Windows does not remove a directory that is open.
func (d *Dir) Close() error { return d.root.Close() }

// IsRemoved reports whether the directory was removed since it was opened, or another one has taken
// its place.
func (d *Dir) IsRemoved() bool {
	now, err := os.Lstat(d.path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	opened, err := d.root.Stat(".")
	return err == nil && !os.SameFile(now, opened)
}

// CheckWritable returns why the directory cannot be written to although its mode allows it, as on a
// read-only file system. It writes nothing.
func (d *Dir) CheckWritable() error {
	if err := accessToWrite(d.path); err != nil {
		return fmt.Errorf("state directory %s: %w", d.path, err)
	}
	return nil
}

// CheckCreatable returns why [Create] could not create a state directory that does not exist. It
// creates nothing: it checks whether this user can write to the nearest parent directory that
// exists. Only mkdir detects other reasons (a quota, a file system such as /proc), which Create
// reports.
func CheckCreatable(path string) error {
	path = ospath.Clean(path)
	if err := checkPlace(path); err != nil {
		return err
	}
	parent := ospath.Dir(path)
	for parent != ospath.Dir(parent) {
		if _, err := os.Lstat(parent); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		parent = ospath.Dir(parent)
	}
	info, err := os.Stat(parent) // an error for a dangling link
	if err == nil && !info.IsDir() {
		err = syscall.ENOTDIR
	}
	if err == nil {
		err = accessToWrite(parent)
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	if err != nil {
		return notCreatable(&fs.PathError{Op: "mkdir", Path: path, Err: err})
	}
	return nil
}

// checkPlace returns an error if the state directory does not exist and may not be created at a path,
// see [Create].
func checkPlace(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	place, name := owner.FirstForeign(path)
	if place == "" {
		return nil
	}
	return fmt.Errorf("state directory: root creates none in %s, which belongs to %s "+
		"(to cache sessions, set AWS_CREDPROC_STATE_DIR to a directory of root)", place, name)
}

// notCreatable does not wrap err, which may be fs.ErrNotExist (in /proc): callers would take that
// for a state directory that can be created.
func notCreatable(err error) error {
	return fmt.Errorf("state directory: %v", err) //nolint:errorlint // see above
}

// open opens a folder, after the same checks as for the state directory. The error wraps
// fs.ErrNotExist if it does not exist.
func (d *Dir) open(folder Folder) (*os.Root, error) {
	if folder == Root {
		return d.root, nil
	}
	name := string(folder)
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", d.path, err)
	}
	path := ospath.Join(d.path, name)
	root, err := openChecked(path, info, func() (*os.Root, error) { return d.root.OpenRoot(name) })
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w", path, err)
	}
	return root, nil
}

// create opens a folder, and creates it if there is none.
func (d *Dir) create(folder Folder) (*os.Root, error) {
	if folder != Root {
		err := d.root.Mkdir(string(folder), 0o700)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("state directory %s: %w", d.path, err)
		}
	}
	return d.open(folder)
}

// close closes what open or create has returned. It ignores the error, because nothing depends on
// it.
func (d *Dir) close(root *os.Root) {
	if root != d.root {
		_ = root.Close()
	}
}
