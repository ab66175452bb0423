package plan

import (
	"errors"
	"io/fs"

	"aws-credproc/cache/statedir"
	"aws-credproc/profiles"
)

// StateDir returns the path of the state directory: AWS_CREDPROC_STATE_DIR, or that of
// [statedir.Default]. It returns "" if there is none.
func StateDir(getenv func(string) string) string {
	if dir := getenv("AWS_CREDPROC_STATE_DIR"); dir != "" {
		return dir
	}
	dir, err := statedir.Default()
	if err != nil {
		return "" // the packages that need it report it
	}
	return dir
}

// Files reads the config files, with [Imported].
func Files(
	getenv func(string) string, stateDir string, warnf func(format string, args ...any),
) (*profiles.Files, error) {
	f, err := profiles.Load(profiles.Paths(getenv))
	if err == nil {
		f.Imported = Imported(getenv, stateDir, warnf)
	}
	return f, err
}

// Imported returns a function that returns the ID of the access key that import has moved from a
// profile to the keyring, as the state directory has it. The function calls warnf if it cannot find
// that out.
func Imported(
	getenv func(string) string, stateDir string, warnf func(format string, args ...any),
) func(profile string) (accessKeyID string, ok bool) {
	return func(profile string) (string, bool) {
		config, _ := profiles.Paths(getenv)
		i, err := statedir.ReadImported(stateDir, profiles.FileID(config), profile)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			warnf("cannot read whether the keys of %s were imported: %v", profile, err)
		}
		return i.AccessKeyID, err == nil
	}
}
