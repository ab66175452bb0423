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

// checkOwner refuses to edit config files of another user as root, for a command with --as-root.
func checkOwner() error {
	if e := otherOwner(); e != nil {
		e.Hint += "; or add --as-root"
		return e
	}
	return nil
}

// refuseAsRoot is checkOwner for a command without --as-root.
func refuseAsRoot() error {
	if e := otherOwner(); e != nil {
		return e
	}
	return nil
}

// otherOwner returns an error if the process runs as root and the config files belong to another
// user. sudo -E keeps HOME, but neither the keyring nor the PATH of that user.
func otherOwner() *diag.Error {
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
				Hint:    "run the command as " + name + ", without sudo",
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
