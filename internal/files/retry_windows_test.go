package files

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows"
)

// A file with many readers is free only for short times.
func TestRetryPollsOften(t *testing.T) {
	tries := 0
	err := Retry(func() error { tries++; return windows.ERROR_ACCESS_DENIED })
	if !errors.Is(err, windows.ERROR_ACCESS_DENIED) || tries < 40 {
		t.Errorf("%v after %d tries", err, tries)
	}
}
