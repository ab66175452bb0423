//go:build !linux

package cache

import (
	"testing"

	"aws-credproc/internal/keyringtest"
)

// startKeyring gives the test an empty keyring.
func startKeyring(t *testing.T) { keyringtest.UseReal(t) }

func kernelDir(t *testing.T) string {
	t.Skip("only Linux has the kernel store")
	return ""
}
