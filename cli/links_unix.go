//go:build unix

package cli

import (
	"os"
	"syscall"
)

// hardLinksOf returns the number of hard links of a file, after following symbolic links.
func hardLinksOf(path string) hardLinks {
	info, err := os.Stat(path)
	if err != nil {
		return hardLinks{}
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return hardLinks{}
	}
	return hardLinks{uint64(st.Nlink), uint64(st.Ino)} // their types differ between systems
}
