package profiles

import (
	"aws-credproc/internal/diag"
	"aws-credproc/internal/fileio"
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
)

// moveSuffix marks the copy of a file while keys are moved out of it, or into it.
const moveSuffix = ".aws-credproc.import.bak"

// Move is an edit of the two files that goes with a change elsewhere: keys that are moved out of the files, or into them.
type Move struct {
	// Edit does the edit, of the files as they are now.
	Edit func(*Editor) error
	// Ready is called when the new texts are ready to be put in their places, and before that; it is not called where
	// nothing is edited. Done is called when they are in their places and were read back, and also where nothing is edited.
	// An error ends the move there. Either may be nil.
	Ready, Done func() error
	// KeepBackup lets the copies of the files stay.
	KeepBackup bool
	// CredentialsFirst puts the credentials file in its place before the config file, not after it: a process that is
	// killed in between has changed only the first.
	CredentialsFirst bool
}

// Run does what [Update] does, in these steps, and holds the lock all the while. The copy of a file that is written
// (0600, beside it) is removed when the new one was read back; so is what a killed process has left. kept are the copies
// that stay: where they are to, or where putting the files in their places has failed.
func (m Move) Run(ctx context.Context, configPath, credentialsPath string) (kept []string, err error) {
	unlock, err := lock(ctx, configPath)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	read, err := Load(configPath, credentialsPath)
	if err != nil {
		return nil, err
	}
	e := read.Edit()
	if err := m.Edit(e); err != nil {
		return nil, err
	}
	changes := e.Changes()
	if m.CredentialsFirst {
		slices.Reverse(changes)
	}
	if len(changes) > 0 {
		if kept, err = m.write(read, e.now, changes); err != nil {
			return kept, err
		}
	}
	for _, path := range []string{configPath, credentialsPath} {
		if err := removeLeft(path); err != nil {
			return kept, &diag.Error{Where: path, Problem: "a copy of it cannot be removed: " + err.Error(), Hint: writeHint(err), Err: err}
		}
	}
	if m.Done != nil {
		err = m.Done()
	}
	return kept, err
}

// write puts changed texts in the place of the old ones, and reads them back.
func (m Move) write(read, want *Files, changes []Change) (kept []string, err error) {
	ready, err := prepareAll(changes)
	defer func() { err = errors.Join(err, discardAll(ready)) }()
	if err != nil {
		return nil, err
	}
	var copies []string
	committing := false
	defer func() {
		for _, path := range copies {
			if err != nil && committing {
				kept = append(kept, path)
			} else if err != nil {
				err = errors.Join(err, fileio.Retry(func() error { return os.Remove(path) }))
			}
		}
	}()
	for _, r := range ready {
		if r.info == nil {
			continue
		}
		path := r.path + moveSuffix
		if err := r.copyTo(path); err != nil {
			return nil, cannotWrite(path, err)
		}
		copies = append(copies, path)
	}
	if err := unchanged(read); err != nil {
		return nil, err
	}
	if m.Ready != nil {
		if err := m.Ready(); err != nil {
			return nil, err
		}
	}
	if err := unchanged(read); err != nil { // Ready may have taken its time
		return nil, err
	}
	committing = true
	if err := commit(ready); err != nil {
		return nil, err
	}
	if err := unchanged(want); err != nil {
		if e := (*diag.Error)(nil); errors.As(err, &e) && e.Where != "" {
			e.Problem, e.Hint = "what is read back is not what was written", "see what other program writes it, and do the same again"
		}
		return nil, err
	}
	if !m.KeepBackup {
		return nil, nil // removeLeft takes them
	}
	for _, path := range copies {
		to := path[:len(path)-len(moveSuffix)] + ".aws-credproc." + time.Now().Format("20060102T150405.000") + ".bak"
		if err := fileio.Retry(func() error { return os.Rename(path, to) }); err != nil {
			return nil, &diag.Error{Where: path, Problem: "cannot be renamed: " + reason(err), Hint: writeHint(err), Err: err}
		}
		kept = append(kept, to)
	}
	return kept, nil
}

// removeLeft removes the copy of a file that a move has made, and what killed processes have not finished. The caller holds
// the lock, so nobody else is at it.
func removeLeft(path string) error {
	for _, left := range leftovers(path, func(fs.FileInfo) bool { return true }) {
		if err := fileio.Retry(func() error { return os.Remove(left) }); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
