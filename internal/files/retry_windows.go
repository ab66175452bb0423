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
// Windows does not replace or remove a file that a program has opened without sharing it for that,
// as virus scanners and indexers do; nor, on file systems without POSIX semantics (FAT, many
// network drives), one that is open at all; and it does not read one that is being replaced. There
// is no notification when the file is closed, and a file with many readers is free only for short
// times, so the pauses are short.
func Retry(do func() error) error {
	pause := time.Millisecond
	for end := time.Now().Add(retryLimit); ; pause = min(pause+rand.N(pause), 10*time.Millisecond) {
		err := do()
		if !isSharing(err) || time.Now().After(end) {
			return err
		}
		time.Sleep(pause)
	}
}

// isSharing reports whether err is what Windows returns for a file that another program has open.
func isSharing(err error) bool {
	return errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
		errors.Is(err, windows.ERROR_SHARING_VIOLATION)
}
