package files

import (
	"os"
	"os/exec"
	"path/filepath"
)

// Executable returns the absolute path of this program. If the system does not say it, as on Linux
// without /proc, it is the path that the program was started with.
func Executable() (string, error) {
	path, err := os.Executable()
	if err == nil {
		return path, nil
	}
	started, startErr := exec.LookPath(os.Args[0])
	if startErr == nil {
		started, startErr = filepath.Abs(started)
	}
	if startErr != nil {
		return "", err
	}
	return started, nil
}
