package profiles

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"aws-credproc/internal/diag"
	"aws-credproc/internal/files"
)

// Suffixes of the files next to a shared config file.
const (
	backupSuffix = ".aws-credproc.bak"        // copy of the file before it was first written
	moveSuffix   = ".aws-credproc.import.bak" // copy of the file during a Move
	lockSuffix   = ".aws-credproc.lock"
)

// Companions returns the paths of the files that edits create next to a shared config file, whether
// or not they exist.
func Companions(path string) []string {
	return []string{path + backupSuffix, path + moveSuffix, path + lockSuffix}
}

// Update runs edit on the two files under a lock and writes what has changed. Each file is written
// to a temporary file that then replaces it. Mode, owner, byte order mark and symbolic links are
// kept; a missing file and its directory are created. Hard links are not kept: other names lead to
// the old file.
//
// Before a file is written for the first time, it is copied to NAME.aws-credproc.bak (0600), which
// is never overwritten. Update returns the paths of new copies. Other programs do not know the
// lock: if they have changed a file since it was read, Update fails and writes nothing. Update removes
// the temporary files that killed processes have left.
//
// The lock is a file next to the config file, not in the state directory, so that all processes
// that edit the file use it. It is released when the process ends; the file stays, unless a failed
// Update has created it.
func Update(
	ctx context.Context, configPath, credentialsPath string, edit func(*Editor) error,
) (backups []string, err error) {
	err = withLock(ctx, configPath, credentialsPath, edit, func(e *Editor) error {
		removeOldTempFiles(configPath, credentialsPath)
		backups, err = write(e)
		return err
	})
	return backups, err
}

// write writes the changed files.
func write(e *Editor) (backups []string, err error) {
	ready, err := prepareAll(e.Changes())
	defer func() { err = errors.Join(err, discardAll(ready)) }()
	if err != nil {
		return nil, err
	}
	backups, err = backupAll(ready)
	if err == nil {
		err = checkUnchanged(e.before)
	}
	if err == nil {
		err = commit(ready)
	}
	return backups, err
}

// withLock locks the config file, reads both files, and runs edit and then write.
func withLock(
	ctx context.Context, configPath, credentialsPath string, edit, write func(*Editor) error,
) (err error) {
	l, created, err := lockConfig(ctx, configPath)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && created {
			err = errors.Join(err, unlockAndRemove(l))
		} else {
			err = errors.Join(err, l.Unlock())
		}
	}()
	loaded, err := Load(configPath, credentialsPath)
	if err != nil {
		return err
	}
	e := loaded.Edit()
	if err := edit(e); err != nil {
		return err
	}
	return write(e)
}

// checkUnchanged returns an error if the files differ from those that were read.
func checkUnchanged(before *Files) error {
	for _, f := range before.both() {
		text, err := readFile(f.path)
		if err != nil {
			return err
		}
		if strings.TrimPrefix(text, byteOrderMark) != f.text {
			return &diag.Error{
				Where:   f.path,
				Problem: "another program has changed the file; nothing was written",
				Hint:    "try again",
			}
		}
	}
	return nil
}

// Move is an edit of the two files that goes with a change elsewhere: keys that are moved out of
// the files or into them.
type Move struct {
	// Edit edits the files as they are now.
	Edit func(*Editor) error
	// Ready is called when the new files are written but not yet in place; it is not called if
	// nothing changes. Done is called when they are in place and were read back, or if nothing
	// changes. An error ends the move. Both are optional.
	Ready, Done func() error
	// KeepBackup reports whether to keep the copies of the old files. It is called after Ready. nil
	// keeps none.
	KeepBackup func() bool
	// CredentialsFirst replaces the credentials file before the config file, not after it, which
	// matters if the process is killed in between.
	CredentialsFirst bool
}

// Run makes the edit as [Update] does, with the calls of Ready and Done under the same lock. Each
// file that changes is copied (0600, next to it). The copy is removed when the new file was read
// back; so are copies that killed processes have left. Run returns the paths of copies that are
// kept: if KeepBackup says so, or if replacing the files has failed.
func (m Move) Run(
	ctx context.Context, configPath, credentialsPath string,
) (kept []string, err error) {
	err = withLock(ctx, configPath, credentialsPath, m.Edit, func(e *Editor) error {
		if kept, err = m.write(e); err != nil {
			return err
		}
		for _, path := range []string{configPath, credentialsPath} {
			if err := removeLeftovers(path); err != nil {
				return &diag.Error{
					Where:   path,
					Problem: "cannot remove a copy of the file: " + err.Error(),
					Hint:    writeHint(path, err),
					Err:     err,
				}
			}
		}
		if m.Done != nil {
			return m.Done()
		}
		return nil
	})
	return kept, err
}

// write replaces the changed files and reads them back.
func (m Move) write(e *Editor) (kept []string, err error) {
	changes := e.Changes()
	if len(changes) == 0 {
		return nil, nil
	}
	if m.CredentialsFirst {
		slices.Reverse(changes)
	}
	ready, err := prepareAll(changes)
	defer func() { err = errors.Join(err, discardAll(ready)) }()
	if err != nil {
		return nil, err
	}
	copies, err := copyAll(ready)
	if err == nil {
		err = m.ready(e.before)
	}
	if err != nil {
		return nil, errors.Join(err, removeAll(copies))
	}
	if err = commit(ready); err == nil {
		err = readBack(e.now)
	}
	switch {
	case err != nil:
		return copies, err
	case m.KeepBackup != nil && m.KeepBackup():
		return keepAll(copies)
	}
	return nil, nil // removeLeftovers removes the copies
}

// ready calls Ready if the files are unchanged, and checks again, since Ready may take long.
func (m Move) ready(before *Files) error {
	err := checkUnchanged(before)
	if err == nil && m.Ready != nil {
		err = m.Ready()
	}
	if err == nil {
		err = checkUnchanged(before)
	}
	return err
}

// readBack checks that the files have been written.
func readBack(want *Files) error {
	err := checkUnchanged(want)
	if e := (*diag.Error)(nil); errors.As(err, &e) && e.Where != "" {
		e.Problem = "another program has changed the file after it was written"
		e.Hint = "check the file, then run the command again"
	}
	return err
}

// copyAll copies files to their name with moveSuffix and returns the paths of the copies.
func copyAll(ready []*replacement) (copies []string, err error) {
	for _, r := range ready {
		if r.info == nil {
			continue
		}
		path := r.path + moveSuffix
		if err := r.copyTo(path); err != nil {
			return copies, cannotWrite(path, err)
		}
		copies = append(copies, path)
	}
	return copies, nil
}

// keepAll gives the copies names with a date, and returns the paths of all copies.
func keepAll(copies []string) (kept []string, err error) {
	for i, path := range copies {
		date := time.Now().Format("20060102T150405.000")
		to := strings.TrimSuffix(path, moveSuffix) + ".aws-credproc." + date + ".bak"
		if err := files.Retry(func() error { return os.Rename(path, to) }); err != nil {
			err = &diag.Error{
				Where:   path,
				Problem: "cannot be renamed: " + reason(err),
				Hint:    writeHint(path, err),
				Err:     err,
			}
			return append(kept, copies[i:]...), err
		}
		kept = append(kept, to)
	}
	return kept, nil
}

func removeAll(paths []string) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, files.Retry(func() error { return os.Remove(path) }))
	}
	return errors.Join(errs...)
}
