//go:build unix

package statedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"aws-credproc/internal/ospath"
	"aws-credproc/internal/printable"
	"aws-credproc/internal/users"
)

// openFlags prevent a named pipe in the place of a file from blocking the open.
const openFlags = syscall.O_NONBLOCK

// noFollow prevents a link in the place of a file from being followed, for opens without an
// os.Root.
const noFollow = syscall.O_NOFOLLOW

// Default returns the state directory that is used unless AWS_CREDPROC_STATE_DIR is set:
// aws-credproc in $XDG_STATE_HOME or ~/.local/state, on macOS in ~/Library/Application Support. As
// the XDG Base Directory Specification requires, a relative $XDG_STATE_HOME is ignored.
func Default() (string, error) {
	if runtime.GOOS != "darwin" {
		if dir := os.Getenv("XDG_STATE_HOME"); ospath.IsAbs(dir) {
			return ospath.Join(dir, "aws-credproc"), nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil || !ospath.IsAbs(home) { // $HOME is not set, as for a service, or is not a path
		u, userErr := users.Current()
		if userErr != nil {
			return "", fmt.Errorf("state directory: %w", errors.Join(err, userErr))
		}
		if home = u.Home; !ospath.IsAbs(home) {
			return "", errors.New("state directory: the home directory is not known")
		}
	}
	if runtime.GOOS == "darwin" {
		return ospath.Join(home, "Library", "Application Support", "aws-credproc"), nil
	}
	return ospath.Join(home, ".local", "state", "aws-credproc"), nil
}

// checkDir returns an error for a directory that this user does not own or has no full access to, or
// that others can write to.
func checkDir(path string, info fs.FileInfo) error {
	switch perm := info.Mode().Perm(); {
	case !isOwned(info):
		return errors.New("belongs to another user")
	case perm&0o022 != 0:
		return badMode("others may write to it", perm, "700", path)
	case perm&0o700 == 0o500:
		return badMode("is read-only", perm, "700", path)
	case perm&0o700 != 0o700:
		return badMode("you do not have full access to it", perm, "700", path)
	}
	return nil
}

func badMode(problem string, perm fs.FileMode, want, path string) error {
	return fmt.Errorf("%s (mode %04o; to fix it, run chmod %s %s)", problem, perm, want,
		printable.ShellWord(path))
}

// checkFile returns an error for a file that this user does not own or that others have access to.
func checkFile(path string, info fs.FileInfo) error {
	switch perm := info.Mode().Perm(); {
	case !isOwned(info):
		return errors.New("belongs to another user")
	case perm&0o077 != 0:
		return badMode("others have access to it", perm, "600", path)
	}
	return nil
}

// accessToWrite returns an error if this user cannot create files and directories in a directory.
func accessToWrite(path string) error { return unix.Access(path, unix.W_OK|unix.X_OK) }

func isOwned(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// syncDir makes renames in a directory survive a crash of the machine.
func syncDir(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil // the file system cannot sync directories
	}
	return errors.Join(err, dir.Close())
}
