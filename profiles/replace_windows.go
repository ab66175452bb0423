package profiles

import (
	"io/fs"
	"os"
)

// keepOwner does nothing: a new file inherits the directory's access list, as the old one did.
func keepOwner(*os.File, fs.FileInfo) error { return nil }

// syncDir does nothing: Windows cannot sync a directory.
func syncDir(string) error { return nil }

// readableHint returns the hint for a file that the user may not read.
func readableHint(path string, _ fs.FileInfo) string {
	return `icacls "` + path + `" /grant "%USERNAME%:R"`
}
