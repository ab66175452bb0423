//go:build unix

package doctor

import "io/fs"

// accessOfOthers gives the mode bits of group and others.
func accessOfOthers(info fs.FileInfo) fs.FileMode { return info.Mode().Perm() & 0o077 }
