package cache

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
)

// openFlags: to open a file does not wait here.
const openFlags = 0

// noFollow: making a link takes a privilege here.
const noFollow = 0

// DefaultDir is the state directory where AWS_CREDPROC_STATE_DIR does not name another: aws-credproc in
// %LOCALAPPDATA%, which does not roam.
func DefaultDir() (string, error) {
	dir := os.Getenv("LOCALAPPDATA")
	if !filepath.IsAbs(dir) {
		return "", errors.New("state directory: %LOCALAPPDATA% is not set")
	}
	return filepath.Join(dir, "aws-credproc"), nil
}

// checkDir and checkFile have nothing to look at: what is below %LOCALAPPDATA% inherits an access list of the user
// alone, and mode bits are made up.
func checkDir(fs.FileInfo) error { return nil }

func checkFile(fs.FileInfo) error { return nil }

// persist does what others may stand in the way of for a moment. A file is not replaced or removed while it is open
// for a program that does not share that, as virus scanners and indexers do; and where the file system does not know
// POSIX semantics (FAT, many network drives) while it is open at all. Nothing tells when they are done with it, and where
// many read there are only moments in which nobody does: it is tried often.
func persist(do func() error) error {
	const patience = 2 * time.Second // as that of the go command, for the same
	pause := time.Millisecond
	for end := time.Now().Add(patience); ; pause = min(pause+rand.N(pause), 10*time.Millisecond) {
		err := do()
		if !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_SHARING_VIOLATION) || time.Now().After(end) {
			return err
		}
		time.Sleep(pause)
	}
}

// accessToWrite asks the system whether this user may make files and directories in a directory, by opening it for that.
// What else is in the way of that tells nothing.
func accessToWrite(path string) error {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	const addFile, addSubdirectory = windows.FILE_WRITE_DATA, windows.FILE_APPEND_DATA // as these rights are called for a directory
	h, err := windows.CreateFile(name, addFile|addSubdirectory, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE,
		nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	switch {
	case err == nil:
		return windows.CloseHandle(h)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED), errors.Is(err, windows.ERROR_WRITE_PROTECT):
		return err
	}
	return nil
}
