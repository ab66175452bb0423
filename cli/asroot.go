package cli

import (
	"errors"
	"os"
	"path/filepath"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/owner"
	"aws-credproc/profiles"
)

// asRootUsage is the usage of the flag that allows root to edit the files of another user.
const asRootUsage = "as root, edit the config files of another user"

// checkOwner refuses to edit config files of another user as root. sudo -E keeps HOME, but neither
// the keyring nor the PATH of that user.
func checkOwner() error {
	if os.Geteuid() != 0 {
		return nil
	}
	config, credentials := profiles.Paths(os.Getenv)
	for _, path := range []string{config, credentials} {
		if path == os.DevNull {
			continue
		}
		if place, name := owner.FirstForeign(path); place != "" {
			return &diag.Error{
				Where:   place,
				Problem: "belongs to " + name + ", and you are root",
				Hint:    "run the command as " + name + ", without sudo; or add --as-root",
			}
		}
	}
	return nil
}

// giveToOwner gives the files that root has created in a directory of another user to that user, who
// could neither read them nor take the lock.
func giveToOwner() error {
	if os.Geteuid() != 0 {
		return nil
	}
	var errs []error
	config, credentials := profiles.Paths(os.Getenv)
	for _, path := range []string{config, credentials} {
		if path == os.DevNull {
			continue
		}
		if target, err := filepath.EvalSymlinks(path); err == nil {
			path = target
		}
		errs = append(errs, owner.GiveToParent(filepath.Dir(path)))
		for _, p := range append(profiles.Companions(path), path) {
			errs = append(errs, owner.GiveToParent(p))
		}
	}
	return errors.Join(errs...)
}
