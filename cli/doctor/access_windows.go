package doctor

import "io/fs"

// accessOfOthers returns 0: mode bits have no meaning on Windows, and files in a user's profile
// inherit an access list that admits that user only.
func accessOfOthers(fs.FileInfo) fs.FileMode { return 0 }

func isTrustedGroup(fs.FileInfo) bool { return false }
