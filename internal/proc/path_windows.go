package proc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// LookPath returns the path of a program on the PATH, and not in the current directory, where
// Windows would look first.
func LookPath(name string) (string, error) {
	if err := os.Setenv("NoDefaultCurrentDirectoryInExePath", "1"); err != nil {
		return "", err
	}
	return exec.LookPath(name)
}

// UnquotedPath returns a path in which names that cmd.exe needs quoted are replaced by their short
// names (8.3), and whether all could be replaced: not every volume has short names. Quotes do not
// reach cmd.exe from every SDK: the AWS SDK for Go puts \ before each.
func UnquotedPath(path string) (unquoted string, ok bool) {
	unquoted, ok = filepath.VolumeName(path), true
	for _, name := range strings.Split(strings.TrimPrefix(path, unquoted), `\`)[1:] {
		long := unquoted + `\` + name
		if !isPlain(name) {
			name = shortName(long)
			ok = ok && isPlain(name)
		}
		unquoted += `\` + name
	}
	return unquoted, ok
}

func isPlain(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			strings.ContainsRune("._-+~", r))
	})
}

// shortName returns the short name of a file or directory, or its name if it has no short one.
func shortName(path string) string {
	short := make([]uint16, windows.MAX_LONG_PATH)
	long, err := windows.UTF16PtrFromString(path)
	if err == nil {
		var n uint32
		n, err = windows.GetShortPathName(long, &short[0], uint32(len(short)))
		if err == nil && int(n) < len(short) {
			path = windows.UTF16ToString(short[:n])
		}
	}
	return filepath.Base(path)
}
