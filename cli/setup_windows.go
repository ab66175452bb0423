package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// onPath finds a program on the PATH, and not in the folder where we happen to be, where Windows would look first.
func onPath(name string) (string, error) {
	if err := os.Setenv("NoDefaultCurrentDirectoryInExePath", "1"); err != nil {
		return "", err
	}
	return exec.LookPath(name)
}

// plainPath gives a file's path with short names (8.3) in the place of those that cmd.exe would have to see in quotes, and
// whether that is all of them: not every volume has short names. No quotes reach cmd.exe from every SDK: that for Go puts
// \ before each.
func plainPath(path string) (plain string, ok bool) {
	plain, ok = filepath.VolumeName(path), true
	for _, name := range strings.Split(strings.TrimPrefix(path, plain), `\`)[1:] {
		long := plain + `\` + name
		if !isPlain(name) {
			name = shortName(long)
			ok = ok && isPlain(name)
		}
		plain += `\` + name
	}
	return plain, ok
}

func isPlain(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._-+~", r))
	})
}

// shortName gives the short name of a file or folder, or the name that it has if there is no other.
func shortName(path string) string {
	short := make([]uint16, windows.MAX_LONG_PATH)
	long, err := windows.UTF16PtrFromString(path)
	if err == nil {
		var n uint32
		if n, err = windows.GetShortPathName(long, &short[0], uint32(len(short))); err == nil && int(n) < len(short) {
			path = windows.UTF16ToString(short[:n])
		}
	}
	return filepath.Base(path)
}

// namesOf knows nothing here: hard links to such files are rare.
func namesOf(string) fileNames { return fileNames{} }
