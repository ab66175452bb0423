//go:build unix

package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// openFlags keep the opening of what should be a file from waiting, should it be a pipe.
const openFlags = syscall.O_NONBLOCK

// noFollow keeps the opening of what should be a file from following a link, where no os.Root does.
const noFollow = syscall.O_NOFOLLOW

// DefaultDir is the state directory where AWS_CREDPROC_STATE_DIR does not name another: aws-credproc in
// $XDG_STATE_HOME or ~/.local/state (XDG Base Directory Specification; a relative $XDG_STATE_HOME is ignored, as it
// says), on macOS in ~/Library/Application Support.
func DefaultDir() (string, error) {
	if runtime.GOOS != "darwin" {
		if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
			return filepath.Join(dir, "aws-credproc"), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) { // $HOME is not set, as in a service's environment, or is none
		u, userErr := user.Current()
		if userErr != nil {
			return "", fmt.Errorf("state directory: %w", errors.Join(err, userErr))
		}
		if home = u.HomeDir; !filepath.IsAbs(home) {
			return "", errors.New("state directory: the home directory is not known")
		}
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "aws-credproc"), nil
	}
	return filepath.Join(home, ".local", "state", "aws-credproc"), nil
}

// checkDir refuses a directory that is not ours alone to write.
func checkDir(fi fs.FileInfo) error {
	switch perm := fi.Mode().Perm(); {
	case !ours(fi):
		return errors.New("belongs to another user")
	case perm&0o022 != 0:
		return fmt.Errorf("others may write to it (mode %#o; chmod 700 mends it)", perm)
	case perm&0o700 != 0o700:
		return fmt.Errorf("is read-only (mode %#o; chmod 700 mends it)", perm)
	}
	return nil
}

// checkFile refuses a file that is not ours alone.
func checkFile(fi fs.FileInfo) error {
	switch perm := fi.Mode().Perm(); {
	case !ours(fi):
		return errors.New("belongs to another user")
	case perm&0o077 != 0:
		return fmt.Errorf("others have access to it (mode %#o; chmod 600 mends it)", perm)
	}
	return nil
}

// accessToWrite asks the system whether this user may make files and directories in a directory.
func accessToWrite(path string) error { return unix.Access(path, unix.W_OK|unix.X_OK) }

func ours(fi fs.FileInfo) bool {
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// persist does what nobody stands in the way of here.
func persist(do func() error) error { return do() }
