package main

import _ "unsafe" // for go:linkname

// Wine 8 answers "not implemented" to the removal of a file with POSIX semantics, which no Windows does and Go therefore
// takes for a failure. This makes Go remove files as on Windows without these semantics. It is laid over the package with
// go build -overlay, for programs that are to run under Wine, and is no part of the released one.
//
//go:linkname removeWithoutPOSIX internal/syscall/windows.TestDeleteatFallback
var removeWithoutPOSIX bool

func init() { removeWithoutPOSIX = true }
