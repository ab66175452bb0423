package files

import (
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/windows"
)

// retryLimit is how long Retry keeps trying; the go command uses the same limit (robustio).
const retryLimit = 2 * time.Second

// Retry calls do until it no longer fails because another program has the file open, for at most
// two seconds.
//
// On Windows, these operations fail:
//   - Replacing or removing a file that a program, such as a virus scanner, has opened without
//     FILE_SHARE_DELETE.
//   - Replacing or removing any open file, on file systems without POSIX semantics (FAT, many
//     network drives).
//   - Reading a file that is being replaced.
//
// Windows does not report when a file is closed. A file with many readers is closed only for short
// times, so the pauses are short.
func Retry(do func() error) error {
	pause := time.Millisecond
	for end := time.Now().Add(retryLimit); ; pause = min(pause+rand.N(pause), 10*time.Millisecond) {
		err := do()
		if !IsInUse(err) || time.Now().After(end) {
			return err
		}
		time.Sleep(pause)
	}
}

// IsInUse reports whether err is what Windows returns for a file that another program has open.
func IsInUse(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
		errors.Is(err, windows.ERROR_SHARING_VIOLATION)
}
