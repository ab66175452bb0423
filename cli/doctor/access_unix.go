//go:build unix

package doctor

import "io/fs"

// accessOfOthers returns the mode bits of the group and of other users.
func accessOfOthers(info fs.FileInfo) fs.FileMode { return info.Mode().Perm() & 0o077 }
