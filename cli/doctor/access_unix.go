//go:build unix

package doctor

import (
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// accessOfOthers returns the mode bits of the group and of other users.
func accessOfOthers(info fs.FileInfo) fs.FileMode { return info.Mode().Perm() & 0o077 }

// isTrustedGroup reports whether the group of a file is one that the system has, such as staff,
// which may write to /usr/local on Debian, or admin, which may write to Homebrew's directories; or
// the group that many systems make for each user. It is not the group of all users of a system.
func isTrustedGroup(info fs.FileInfo) bool {
	first, all := 1000, 100 // users, of openSUSE for example
	if runtime.GOOS == "darwin" {
		first, all = 500, 20 // staff
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Gid) == all {
		return false
	}
	return int(st.Gid) < first || int(st.Gid) == os.Getegid() && st.Gid == st.Uid
}
