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

// isTrustedGroup reports whether the group of a file is one that the system has, such as staff, which
// may write to /usr/local on Debian, or admin, which may write to Homebrew's directories; or the
// group that many systems make for each user.
func isTrustedGroup(info fs.FileInfo) bool {
	first := 1000
	if runtime.GOOS == "darwin" {
		first = 500
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && (int(st.Gid) < first || int(st.Gid) == os.Getegid() && st.Gid == st.Uid)
}
