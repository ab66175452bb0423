//go:build !linux

package cache

import "testing"

func kernelDir(t *testing.T) string {
	t.Skip("only Linux has the kernel store")
	return ""
}
