package guard

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// WithoutSIGPIPE returns f: on Windows, writing to a closed pipe returns an error.
func WithoutSIGPIPE(f *os.File) *os.File { return f }

// IsClosedPipe reports whether err is that of writing to a pipe whose reader has gone.
func IsClosedPipe(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}
