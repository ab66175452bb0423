//go:build !linux

package cli

// harden has nothing to do here: macOS's hardened runtime comes with signing, and Windows has no like of it.
func harden() {}
