package profiles

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"aws-credproc/internal/files"
	"aws-credproc/internal/ospath"
)

// CleanUp removes what [Update] and [Move] have left next to the files, if no profile is wired any
// more: backups with the same content as the file, an empty config file that had no backup, the lock
// file, and then an empty ~/.aws.
func CleanUp(ctx context.Context, configPath, credentialsPath string) (err error) {
	hadConfig := exists(configPath)
	l, _, err := lockConfig(ctx, configPath)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if done {
			err = errors.Join(err, unlockAndRemove(l))
			if hadConfig && !exists(configPath) {
				removeEmptyDir(ospath.Dir(configPath))
			}
		} else {
			err = errors.Join(err, l.Unlock())
		}
	}()
	f, err := Load(configPath, credentialsPath)
	if err != nil || f.hasWired() {
		return err
	}
	for _, file := range f.both() {
		if err := removeBackup(file); err != nil {
			return err
		}
	}
	done = true
	return nil
}

// hasWired reports whether a profile is wired.
func (f *Files) hasWired() bool {
	for _, name := range f.Names() {
		if p, err := f.Profile(name); err == nil {
			if _, wired := Wired(p); wired {
				return true
			}
		}
	}
	return false
}

// removeBackup removes the backup of a file that is as it was before. It removes a config file that
// setup has created, and its backup.
func removeBackup(f *file) error {
	backup := f.path + backupSuffix
	if !exists(backup) {
		return removeIfEmpty(f)
	}
	old, err := readFile(backup)
	if err != nil {
		return nil //nolint:nilerr // this program has not written it
	}
	now, err := readFile(f.path)
	if err != nil {
		return err
	}
	if now == old {
		return removeFile(backup)
	}
	if f.which != ConfigFile {
		return nil
	}
	// The backup is of a file that setup had created, and that was edited since.
	if text, ok := withoutSetup(backup, old); ok && text == f.text {
		return errors.Join(removeFile(backup), removeIfEmpty(f))
	}
	return nil
}

func removeIfEmpty(f *file) error {
	if f.which != ConfigFile || f.text != "" || f.path == os.DevNull {
		return nil
	}
	return removeFile(f.path)
}

// withoutSetup returns the text of a config file without the profiles that setup has created, and
// those of which it has created the wired half only, since the role is in the credentials file. ok
// is false if that cannot be found out.
func withoutSetup(path, text string) (without string, ok bool) {
	loaded := &Files{
		config:      newFile(ConfigFile, path, strings.TrimPrefix(text, byteOrderMark)),
		credentials: &file{which: CredentialsFile},
	}
	e := loaded.Edit()
	for again := true; again; {
		again = false
		for _, name := range e.now.Names() {
			removed, err := e.removeSetup(name)
			if err != nil {
				return "", false
			}
			again = again || removed
		}
	}
	return e.now.config.text, e.now.config.text != loaded.config.text
}

// removeSetup removes a profile of the config file if setup has created it, and reports whether it
// did.
func (e *Editor) removeSetup(name string) (removed bool, err error) {
	p, err := e.now.Profile(name)
	if errors.Is(err, ErrNoProfile) { // it was removed as the role of another
		return false, nil
	}
	if err != nil {
		return false, err
	}
	role, wired := Wired(p)
	if !wired {
		return e.RemoveCreated(name)
	}
	bodies, err := e.now.config.bodies(role)
	switch {
	case err != nil:
		return false, err
	case len(bodies) == 0:
		return true, e.RemoveProfile(ConfigFile, name)
	case !slices.ContainsFunc(bodies, e.now.config.isCreated):
		return false, nil
	}
	_, removed, err = Unwire(e, name)
	return removed, err
}

// removeEmptyDir removes a directory named .aws if it is empty. Others are not those of setup.
func removeEmptyDir(dir string) {
	if info, err := os.Lstat(dir); err == nil && info.IsDir() && ospath.Base(dir) == ".aws" {
		_ = os.Remove(dir) // fails if it is not empty
	}
}

func removeFile(path string) error {
	err := files.Retry(func() error { return os.Remove(path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// unlockAndRemove releases a lock and removes its file. Windows removes no file that is open, so
// the second attempt is for it; it fails if another process has the file open.
func unlockAndRemove(l *flock.Flock) error {
	removeErr := os.Remove(l.Path())
	err := l.Unlock()
	if removeErr != nil {
		_ = os.Remove(l.Path())
	}
	return err
}
