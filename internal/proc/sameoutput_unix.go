//go:build unix

package proc

import "os"

// SameOutput reports whether two files are the same pipe, socket or regular file, as after "2>&1".
// It returns false for a terminal and other devices.
func SameOutput(a, b *os.File) bool {
	infoA, err := a.Stat()
	if err != nil {
		return false
	}
	mode := infoA.Mode()
	if !mode.IsRegular() && mode&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return false
	}
	infoB, err := b.Stat()
	return err == nil && os.SameFile(infoA, infoB)
}
