package statedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// openFlags is 0: opening a file does not block on Windows.
const openFlags = 0

// noFollow is 0: creating a link requires a privilege on Windows.
const noFollow = 0

// Default returns the state directory that is used unless AWS_CREDPROC_STATE_DIR is set:
// aws-credproc in %LOCALAPPDATA%, which does not roam.
func Default() (string, error) {
	dir := os.Getenv("LOCALAPPDATA")
	if !filepath.IsAbs(dir) {
		return "", errors.New("state directory: %LOCALAPPDATA% is not set")
	}
	return filepath.Join(dir, "aws-credproc"), nil
}

// checkDir and checkFile return nil: directories below %LOCALAPPDATA% inherit an access control
// list that allows only the user, and Go's mode bits do not reflect it.
func checkDir(string, fs.FileInfo) error { return nil }

func checkFile(string, fs.FileInfo) error { return nil }

// accessToWrite returns an error if this user cannot create files and directories in a directory.
// It opens the directory with write access, and ignores every error except a denial or a
// write-protected disk.
func accessToWrite(path string) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	// For a directory, these rights are FILE_ADD_FILE and FILE_ADD_SUBDIRECTORY.
	const access = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, access, share, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	switch {
	case err == nil:
		return windows.CloseHandle(h)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED), errors.Is(err, windows.ERROR_WRITE_PROTECT):
		return err
	}
	return nil
}

// syncDir does nothing: Windows cannot sync a directory.
func syncDir(*os.Root) error { return nil }
