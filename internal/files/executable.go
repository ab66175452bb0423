package files

import (
	"os"

	"aws-credproc/internal/ospath"
)

// Executable returns the absolute path of this program. If the system does not say it, as on Linux
// without /proc, it is the path that the program was started with.
func Executable() (string, error) {
	path, err := os.Executable()
	if err == nil {
		return path, nil
	}
	started, startErr := ospath.LookPath(os.Args[0])
	if startErr == nil {
		started, startErr = ospath.Abs(started)
	}
	if startErr != nil {
		return "", err
	}
	return started, nil
}
