package profiles

import (
	"os"
	"runtime"
	"slices"
	"strings"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/ospath"
	"aws-credproc/internal/users"
)

// Paths returns the paths of the config file and the credentials file: AWS_CONFIG_FILE and
// AWS_SHARED_CREDENTIALS_FILE if they are set, else ~/.aws/config and ~/.aws/credentials. Like the
// AWS CLI, it expands variables and then a leading ~. If the home directory is not known, see
// [CheckHome], it returns os.DevNull for a file in it.
func Paths(getenv func(string) string) (config, credentials string) {
	path := func(variable, name string) string {
		if p := getenv(variable); p != "" {
			return expandHome(expandVariables(p, getenv, runtime.GOOS))
		}
		return inHome(ospath.Join(".aws", name))
	}
	return path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
}

// expandVariables replaces $NAME and ${NAME}, and %NAME% on Windows, with the values of variables. It
// keeps the name of a variable that is not set, as the AWS CLI does.
func expandVariables(path string, getenv func(string) string, goos string) string {
	var b strings.Builder
	for path != "" {
		length, name := variableAt(path, goos)
		if value := getenv(name); name != "" && value != "" {
			b.WriteString(value)
		} else {
			b.WriteString(path[:length])
		}
		path = path[length:]
	}
	return b.String()
}

// variableAt returns the length and the name of the variable that a text starts with. If it does not
// start with one, the name is "" and the length that of its first byte.
func variableAt(text, goos string) (length int, name string) {
	inside := text[1:]
	switch {
	case strings.HasPrefix(text, "${"):
		if i := strings.IndexByte(inside, '}'); i >= 0 {
			return i + 2, inside[1:i]
		}
	case text[0] == '$':
		i := 0
		for i < len(inside) && (inside[i] == '_' || isAlphanumeric(inside[i])) {
			i++
		}
		return i + 1, inside[:i]
	case text[0] == '%' && goos == "windows":
		if i := strings.IndexByte(inside, '%'); i >= 0 {
			return i + 2, inside[:i]
		}
	}
	return 1, ""
}

func expandHome(path string) string {
	rest, found := strings.CutPrefix(path, "~")
	if found && (rest == "" || rest[0] == '/' || rest[0] == os.PathSeparator) {
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
	return ospath.Join(dir, rest)
}

var currentUser = users.Current // changed by tests only

// home returns the home directory, or "" if it is not known. Like the SDKs, it prefers HOME.
func home() string {
	if dir, err := os.UserHomeDir(); err == nil {
		return dir
	}
	if u, err := currentUser(); err == nil && ospath.IsAbs(u.Home) {
		return u.Home
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
	if abs, err := ospath.Abs(path); err == nil {
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
