//go:build unix

package cli

import (
	"os"
	"os/exec"
	"syscall"
)

// onPath finds a program on the PATH.
func onPath(name string) (string, error) { return exec.LookPath(name) }

// plainPath gives a file's path in a form that every SDK can start, and whether there is one: quotes do here.
func plainPath(path string) (plain string, ok bool) { return path, true }

// namesOf counts the names of a file, that a link leads to.
func namesOf(path string) fileNames {
	info, err := os.Stat(path)
	if err != nil {
		return fileNames{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileNames{}
	}
	return fileNames{uint64(st.Nlink), uint64(st.Ino)} // their types are not everywhere the same
}
