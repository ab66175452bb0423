package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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
