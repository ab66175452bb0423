//go:build unix

package proc

import "os/exec"

// LookPath returns the path of a program on the PATH.
func LookPath(name string) (string, error) { return exec.LookPath(name) }

// UnquotedPath returns a path in a form that every SDK can start, and whether there is one. On Unix
// every SDK accepts quotes.
func UnquotedPath(path string) (unquoted string, ok bool) { return path, true }
