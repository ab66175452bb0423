package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/credproc"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// importRun is one run of the command import.
type importRun struct {
	*app
	profile                       string
	undo, dryRun, yes, keepBackup bool
	stdin                         bool          // the key comes from stdin
	given                         profiles.Keys // that key
	asRoot                        bool          // root edits the files of another user
	helper                        string        // the path of this program
	config                        string        // identifies the config file
	keys                          *credproc.Keys
	isLate                        bool // the keyring has not written the key to disk yet
}

func newImportCmd(a *app) *cobra.Command {
	i := &importRun{app: a, keys: credproc.NewKeys()}
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "import PROFILE [--stdin | --undo] [--dry-run]",
		Short: "Move the access key of a profile to the keyring",
		Long: `Moves aws_access_key_id and aws_secret_access_key of a profile from the credentials
file (or the config file) to the operating system's keyring, and sets up the profile
to use aws-credproc. Tools and roles that use the profile keep working. --undo moves
the key back. To replace the key, write the new one to the file and run the command
again.

With --stdin, it reads the key from standard input, as the JSON that a
credential_process prints or as the lines aws_access_key_id = ... and
aws_secret_access_key = ... The key is in no file then. A missing profile is added to
the config file. --undo writes the key to the credentials file. Temporary credentials
are refused.

It shows the changes as a diff, without the secret, and asks before it writes them.
If the keyring is locked, its own prompt may appear for up to a minute. The key is at
all times in the keyring, in the file or its copy, or in both. If the command is interrupted, run
it again. While the file is written, a copy of it (0600) is next to it.`,
		Example: "  aws-credproc import base\n  aws-credproc import base --undo\n" +
			"  aws-vault export --no-session --format=json jill | aws-credproc import jill --stdin",
		Args: func(cmd *cobra.Command, args []string) error {
			if i.stdin && i.undo {
				return errors.New("--stdin cannot be combined with --undo")
			}
			return oneProfile(cmd, args)
		},
		ValidArgsFunction: completeProfiles,
		RunE: a.runE(func(_ context.Context, args []string) error {
			i.profile = args[0]
			config, _ := profiles.Paths(os.Getenv)
			i.config = profiles.FileID(config)
			return i.run(cmd) // --timeout does not include the time to read the diff
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&i.undo, "undo", false, "move the key back to the file")
	flags.BoolVar(&i.stdin, "stdin", false, "read the key from standard input")
	flags.BoolVar(&i.dryRun, "dry-run", false, "show the changes and write nothing")
	flags.BoolVar(&i.yes, "yes", false, "do not ask for confirmation")
	flags.BoolVar(&i.asRoot, "as-root", false, asRootUsage)
	flags.BoolVar(&i.keepBackup, "keep-backup", false, "keep copies of the old files, with the key")
	return cmd
}

// transfer is what an import or its undo changes.
type transfer struct {
	keys    profiles.Keys
	changes []profiles.Change // empty if the files need no change
	report  string
	// replaces is true if the key replaces another one that is in the keyring only.
	replaces bool
}

func (i *importRun) run(cmd *cobra.Command) error {
	if !i.asRoot && !i.dryRun {
		if err := checkOwner(); err != nil {
			return err
		}
	}
	if !i.undo {
		var err error
		if i.helper, err = findHelper(i.app); err != nil {
			return err
		}
	}
	if i.stdin {
		var err error
		if i.given, err = readKeys(i.profile); err != nil {
			return err
		}
	}
	files, err := i.files()
	if err != nil {
		return err
	}
	if locked, err := unlockKeyring(cmd.Context(), i.app); err != nil || locked != nil {
		return cmp.Or(err, i.storageError(locked))
	}
	// The edit is tried without the lock first, so that a failure leaves no lock file.
	ctx, cancel := context.WithTimeout(cmd.Context(), i.timeout)
	planned, err := i.plan(ctx, files.Edit())
	cancel()
	if err != nil {
		return err
	}
	switch {
	case i.dryRun && len(planned.changes) > 0:
		return i.print(diffText(planned.changes, i.screen()))
	case i.dryRun:
		return i.print([]byte(planned.report))
	case i.yes, len(planned.changes) == 0 && !planned.replaces:
		return i.write(cmd.Context(), nil)
	}
	if err := i.confirm(cmd, planned); err != nil {
		return err
	}
	return i.write(cmd.Context(), append([]profiles.Change{}, planned.changes...))
}

// plan makes the edit and returns the transfer for it.
func (i *importRun) plan(ctx context.Context, e *profiles.Editor) (transfer, error) {
	e.Files().Imported = plan.Imported(os.Getenv, i.stateDir(), i.warn)
	stored, err := i.keys.Get(ctx, i.config, i.profile)
	isStored := err == nil
	// An import replaces an item that cannot be decoded.
	replaceable := errors.Is(err, credproc.ErrNoKeys) || !i.undo && errors.Is(err, cache.ErrCorrupt)
	if err != nil && !replaceable {
		return transfer{}, i.storageError(err)
	}
	if i.undo {
		return i.planUndo(e, stored, isStored)
	}
	if i.stdin {
		return i.planGiven(e, stored, isStored)
	}
	keys, found, err := profiles.TakeKeys(e, i.profile, i.helper)
	switch {
	case err != nil:
		return transfer{}, err
	case !found:
		return i.planNothing(e, stored, isStored)
	case isStored:
		keys = mergeKeys(keys, stored)
	}
	report := "moved access key " + keys.AccessKeyID + " to the keyring"
	if isStored && stored.AccessKeyID != keys.AccessKeyID {
		report += ", replacing " + stored.AccessKeyID
	}
	return transfer{keys: keys, changes: e.Changes(), report: report}, nil
}

// mergeKeys adds to keys from the files what is needed to undo an earlier import of the same key.
func mergeKeys(keys, stored profiles.Keys) profiles.Keys {
	keys.Added = keys.Added || stored.Added
	if stored.AccessKeyID != keys.AccessKeyID || stored.SecretAccessKey != keys.SecretAccessKey {
		return keys
	}
	// A process that was killed between the two files has edited one of them.
	for _, c := range stored.Cuts {
		sameFile := func(d profiles.Cut) bool { return d.File == c.File }
		if !slices.ContainsFunc(keys.Cuts, sameFile) {
			keys.Cuts = append(keys.Cuts, c)
		}
	}
	return keys
}

// planNothing returns the transfer for a profile without keys in the files.
func (i *importRun) planNothing(
	e *profiles.Editor, stored profiles.Keys, isStored bool,
) (transfer, error) {
	p, err := e.Files().Profile(i.profile)
	if err != nil {
		return transfer{}, err
	}
	wiredTo, _ := profiles.Wired(p)
	switch {
	case isStored && wiredTo == i.profile:
		report := "access key " + stored.AccessKeyID + " is already in the keyring"
		return transfer{keys: stored, report: report}, nil
	case isStored:
		return transfer{}, &diag.Error{
			Profile: i.profile,
			Problem: "access key " + stored.AccessKeyID + " is in the keyring, but the profile is not wired",
			Hint: "aws-credproc import --undo " + profiles.Argument(i.profile) +
				" moves the key back to the file",
		}
	case wiredTo == i.profile:
		return transfer{}, i.keysLost()
	}
	return transfer{}, &diag.Error{
		Profile: i.profile,
		Problem: "the profile has no aws_access_key_id and aws_secret_access_key of its own",
		Hint: "aws-credproc explain " + profiles.Argument(i.profile) +
			" shows which profile has them",
	}
}

// keysLost returns the error for a wired profile whose keys are neither in the keyring nor in a
// file.
func (i *importRun) keysLost() error {
	return &diag.Error{
		Profile: i.profile,
		Problem: "the profile is wired to itself, but its keys are neither in the keyring " +
			"nor in the files",
		Hint: "add the keys to the credentials file as [" + i.profile + "], " +
			"then run aws-credproc import " + profiles.Argument(i.profile),
	}
}

func (i *importRun) planUndo(
	e *profiles.Editor, stored profiles.Keys, isStored bool,
) (transfer, error) {
	if !isStored {
		p, err := e.Files().Profile(i.profile)
		if wiredTo, _ := profiles.Wired(p); err == nil && wiredTo == i.profile {
			err = i.keysLost()
		}
		return transfer{report: "no keys in the keyring, nothing to undo"}, err
	}
	if _, err := profiles.PutKeys(e, i.profile, stored); err != nil {
		return transfer{}, err
	}
	report := "moved access key " + stored.AccessKeyID + " back to the file"
	return transfer{keys: stored, changes: e.Changes(), report: report}, nil
}

// write makes the transfer with the files as they are now, and prints what was done. If confirmed
// is not nil, the changes must be the confirmed ones.
func (i *importRun) write(ctx context.Context, confirmed []profiles.Change) error {
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	config, credentials := profiles.Paths(os.Getenv)
	var t transfer
	m := i.move(ctx, config, confirmed, &t)
	links := map[string]hardLinks{
		config: hardLinksOf(config), credentials: hardLinksOf(credentials),
	}
	defer i.progress("waiting for another process that edits the config files")()
	copies, err := m.Run(ctx, config, credentials)
	if i.isLate && i.stdin {
		defer i.warn("the keyring may not have written the key to disk yet; keep the key elsewhere until the " +
			"profile has worked after the next login")
	} else if i.isLate && len(copies) > 0 {
		defer i.warn("the keyring may not have written the key to disk yet; delete the copies after the next login, " +
			"when the profile has worked")
	}
	for _, path := range copies {
		defer i.warn("a copy of the old file, which may have secrets, is kept: %s", path)
	}
	if err == nil && i.undo {
		err = profiles.CleanUp(ctx, config, credentials)
	}
	if err == nil && i.asRoot {
		err = giveToOwner()
	}
	if err != nil {
		return err
	}
	var out []byte
	if confirmed == nil {
		out = diffText(t.changes, i.screen())
	}
	out = fmt.Appendf(out, "%s: %s\n", i.profile, printable(t.report))
	if err := i.print(out); err != nil || i.undo || t.keys.SecretAccessKey == "" {
		return err
	}
	warnOfCopies(i.app, t, links, copies)
	return nil
}

// move returns the edit with the change of the keyring that goes with it. Running it sets t.
func (i *importRun) move(
	ctx context.Context, config string, confirmed []profiles.Change, t *transfer,
) profiles.Move {
	m := profiles.Move{
		CredentialsFirst: i.undo, // a process that reads the files meanwhile finds the key
		Edit: func(e *profiles.Editor) (err error) {
			i.config = profiles.FileID(config) // its directory may be new
			*t, err = i.plan(ctx, e)
			if err == nil && confirmed != nil && !slices.Equal(t.changes, confirmed) {
				err = errChanged
			}
			return err
		},
		// A key from stdin is in no file.
		KeepBackup: func() bool { return i.keepBackup || i.isLate && !i.stdin },
	}
	if i.undo {
		m.Done = func() error { return i.removeKeys(ctx) }
		return m
	}
	m.Ready = func() error { return i.storeKeys(ctx, t.keys) }
	m.Done = func() error {
		if len(t.changes) > 0 {
			return nil
		}
		if t.replaces {
			return i.storeKeys(ctx, t.keys)
		}
		return i.record(t.keys) // the state directory may have been deleted
	}
	return m
}

// storeKeys stores the keys in the keyring, waits until they are on disk, and records the import.
func (i *importRun) storeKeys(ctx context.Context, keys profiles.Keys) error {
	if err := statedir.PrepareImported(i.stateDir()); err != nil { // before anything changes
		return i.storageError(err)
	}
	if err := i.keys.Set(ctx, i.config, i.profile, keys); err != nil {
		return i.storageError(err)
	}
	defer i.progress("waiting for the keyring to write the key to disk")()
	isWritten, err := i.keys.WaitWritten(ctx, i.config, i.profile, keys, time.Now())
	if err != nil {
		return i.storageError(err)
	}
	i.isLate = !isWritten
	return i.record(keys)
}

// record records the import in the state directory.
func (i *importRun) record(keys profiles.Keys) error {
	return i.storageError(statedir.WriteImported(i.stateDir(), statedir.Imported{
		Profile: i.profile, Config: i.config, AccessKeyID: keys.AccessKeyID,
	}))
}

// removeKeys deletes the keys from the keyring, and the record of the import.
func (i *importRun) removeKeys(ctx context.Context) error {
	if err := i.keys.Delete(ctx, i.config, i.profile); err != nil {
		err = fmt.Errorf("the key is in the file again, and still in the keyring: %w", err)
		return i.storageError(err)
	}
	return i.storageError(statedir.RemoveImported(i.stateDir(), i.config, i.profile))
}

// storageError returns the error for a failure of the keyring or the state directory, with a hint.
func (i *importRun) storageError(err error) error {
	if err == nil {
		return nil
	}
	e := &diag.Error{Profile: i.profile, Where: "import", Err: err}
	command := "aws-credproc import "
	if i.undo {
		e.Where, command = "import --undo", "aws-credproc import --undo "
	}
	e.Hint = hintOf(err, command+profiles.Argument(i.profile))
	switch {
	case errors.Is(err, keyring.ErrLocked):
		e.Flags |= diag.NeedsUser
	case errors.Is(err, keyring.ErrTimeout):
	case errors.Is(err, keyring.ErrUnavailable):
		e.Hint = "import needs a keyring"
	case errors.Is(err, cache.ErrVersion):
		e.Hint = "use the newer version of aws-credproc"
	case errors.Is(err, cache.ErrCorrupt):
		e.Hint = "delete the keyring item of the service aws-credproc-keys, and add the keys to the file"
	}
	return e
}
