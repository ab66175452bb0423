//go:build unix

package files

// Retry calls do once: on Unix, a file that another program has open can be replaced or removed.
func Retry(do func() error) error { return do() }

// IsInUse returns false: an open file can be replaced and removed.
func IsInUse(error) bool { return false }
