//go:build unix

package ospath

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Clean returns the shortest path that is equivalent to name, by its text alone.
func Clean(name string) string { return path.Clean(name) }

// Join joins the elements that are not empty, with slashes, and cleans the result.
func Join(elements ...string) string { return path.Join(elements...) }

// Base returns the last element of a path.
func Base(name string) string { return path.Base(name) }

// Dir returns all but the last element of a path.
func Dir(name string) string { return path.Dir(name) }

// IsAbs reports whether a path is absolute.
func IsAbs(name string) bool { return path.IsAbs(name) }

// ToSlash returns a path with slashes as separators.
func ToSlash(name string) string { return name }

// Abs returns an absolute path, from the working directory if name is relative.
func Abs(name string) (string, error) {
	if path.IsAbs(name) {
		return path.Clean(name), nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return path.Join(dir, name), nil
}

// maxLinks is how many symbolic links EvalSymlinks follows, as in path/filepath.
const maxLinks = 255

// EvalSymlinks returns the path of an existing file without symbolic links. It is relative if name
// is and no link is absolute.
func EvalSymlinks(name string) (string, error) {
	done, rest, more := "", name, true // done has no links
	if path.IsAbs(name) {
		done = "/"
	}
	for links := 0; more; {
		var element string
		element, rest, more = strings.Cut(rest, "/")
		if element == "" || element == "." || element == ".." {
			done = path.Join(done, element)
			continue
		}
		next := path.Join(done, element)
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink == 0:
			if more && !info.IsDir() {
				return "", syscall.ENOTDIR
			}
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", errors.New("too many links")
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			done = "/"
		}
		if more {
			target += "/" + rest
		}
		rest, more = target, true
	}
	return path.Clean(done), nil
}

// LookPath returns the path of a program: name, if it has a slash, else that of the program in a
// directory of the PATH. It is an error if that directory is relative.
func LookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, checkProgram(name)
	}
	for dir := range strings.SplitSeq(os.Getenv("PATH"), ":") {
		if p := path.Join(dir, name); checkProgram(p) == nil {
			if !path.IsAbs(p) {
				break
			}
			return p, nil
		}
	}
	return "", &fs.PathError{Op: "find on the PATH", Path: name, Err: fs.ErrNotExist}
}

// checkProgram returns an error if a file cannot be started.
func checkProgram(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return syscall.EISDIR
	}
	return unix.Access(name, unix.X_OK)
}
