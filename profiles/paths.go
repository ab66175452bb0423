package profiles

import (
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
)

// Paths returns the paths of the config file and the credentials file: AWS_CONFIG_FILE and
// AWS_SHARED_CREDENTIALS_FILE if they are set, else ~/.aws/config and ~/.aws/credentials. It
// expands a leading ~. If the home directory is not known, see [CheckHome], it returns os.DevNull
// for a file in it.
func Paths(getenv func(string) string) (config, credentials string) {
	path := func(variable, name string) string {
		if p := getenv(variable); p != "" {
			return expandHome(p)
		}
		return inHome(filepath.Join(".aws", name))
	}
	return path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
}

func expandHome(path string) string {
	rest, found := strings.CutPrefix(path, "~")
	if found && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator) {
		return inHome(rest)
	}
	return path
}

// inHome returns a path in the home directory, or os.DevNull if the home directory is not known. It
// never falls back to the working directory, where another user may have put a file: a config file
// names commands to run.
func inHome(rest string) string {
	dir := home()
	if dir == "" {
		return os.DevNull
	}
	return filepath.Join(dir, rest)
}

var currentUser = user.Current // changed by tests only

// home returns the home directory, or "" if it is not known. Like the SDKs, it prefers HOME.
func home() string {
	if dir, err := os.UserHomeDir(); err == nil {
		return dir
	}
	if u, err := currentUser(); err == nil && filepath.IsAbs(u.HomeDir) {
		return u.HomeDir
	}
	return ""
}

// CheckHome returns an error if [Paths] returned one of the paths as os.DevNull because the home
// directory is not known.
func CheckHome(paths ...string) error {
	if !slices.Contains(paths, os.DevNull) || home() != "" {
		return nil
	}
	return &diag.Error{Problem: noHome, Hint: noHomeHint}
}

const (
	noHome     = "home directory not found, so ~/.aws cannot be read"
	noHomeHint = "set HOME, or AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE"
)

// FileID returns the absolute path of a config file with symbolic links resolved. The file need not
// exist.
func FileID(path string) string {
	if target, err := realPath(path); err == nil {
		path = target
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return path
}

// SameFile reports whether both paths lead to one existing file.
func SameFile(a, b string) bool {
	first, err1 := os.Stat(a)
	second, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(first, second)
}
