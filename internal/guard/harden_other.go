//go:build !linux

package guard

// Harden does nothing here: macOS's hardened runtime comes with code signing, and Windows has no
// equivalent.
func Harden() {}
