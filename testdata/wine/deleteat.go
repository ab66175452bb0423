package main

import _ "unsafe" // for go:linkname

// Wine 8 does not implement the removal of files with POSIX semantics and returns an error that
// Windows never returns, so Go reports a failure. This variable makes Go remove files as on old
// versions of Windows. "go build -overlay" adds this file to programs that run in Wine.
//
//go:linkname removeWithoutPOSIX internal/syscall/windows.TestDeleteatFallback
var removeWithoutPOSIX bool

func init() { removeWithoutPOSIX = true }
