package owner

import "io/fs"

// foreign returns false: the owner of a file is not in its FileInfo.
func foreign(fs.FileInfo) (name string, ok bool) { return "", false }

func isOfRoot(fs.FileInfo) bool { return false }

func giveToParent(string) error { return nil }
