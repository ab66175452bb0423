package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// importing is one run of the command import.
type importing struct {
	*app
	profile                       string
	undo, dryRun, yes, keepBackup bool
	helper                        string
	config                        string // what the config file is known by
	keys                          *credproc.Keys
}

func newImportCmd(a *app) *cobra.Command {
	i := &importing{app: a, keys: credproc.NewKeys()}
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "import PROFILE [--undo] [--dry-run] [--yes]",
		Short: "move a profile's long-term keys into the keyring, or back",
		Long: `Moves aws_access_key_id and aws_secret_access_key of a profile from the credentials file (or the config file) into the
operating system's keyring, and lets [profile NAME] start this helper, so that tools and roles that name the profile go on
as before. --undo brings the keys back to where they stood. Run again with new keys in the file, it takes these in the
place of those before.

What will change is shown as a diff, without the secret, and a person is asked before it is written. Where the keyring is
locked, it may ask for its password, for which a minute is waited. The keys are always in
the keyring or in the file, or in both: where it was interrupted, the same line finishes it. A copy of the file is beside
it (0600) while it is written, and then removed.`,
		Example:           "  aws-credproc import base\n  aws-credproc import base --undo",
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		// The deadline is that of what this program does, not of the person who reads the diff.
		RunE: a.runE(func(_ context.Context, args []string) error {
			i.profile = args[0]
			config, _ := profiles.Paths(os.Getenv)
			i.config = profiles.FileID(config)
			return i.told(i.run(cmd))
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&i.undo, "undo", false, "bring the keys back into the file")
	flags.BoolVar(&i.dryRun, "dry-run", false, "show what would change, and write nothing")
	flags.BoolVar(&i.yes, "yes", false, "write without asking")
	flags.BoolVar(&i.keepBackup, "keep-backup", false, "leave the copies of the files as they were, keys and all")
	return cmd
}

// transfer is what an import or its undoing comes to.
type transfer struct {
	keys    profiles.Keys
	changes []profiles.Change // none: the files are as they are to be
	report  string
}

func (i *importing) run(cmd *cobra.Command) error {
	if !i.undo {
		var err error
		if i.helper, err = findHelper(i.app); err != nil {
			return err
		}
	}
	files, err := i.files()
	if err != nil {
		return err
	}
	if stays, err := unlock(cmd.Context(), i.app); err != nil || stays != nil {
		return cmp.Or(err, hindered(stays))
	}
	// Worked out without the lock first: what fails leaves no trace.
	ctx, cancel := context.WithTimeout(cmd.Context(), i.timeout)
	planned, err := i.plan(ctx, files.Edit())
	cancel()
	if err != nil {
		return err
	}
	switch {
	case i.dryRun && len(planned.changes) > 0:
		return i.print(shownDiff(planned.changes))
	case i.dryRun:
		return i.print([]byte(planned.report))
	case i.yes, len(planned.changes) == 0:
		return i.write(cmd.Context(), nil)
	}
	if err := confirm(i.app, cmd, []string{i.profile}, shownDiff(planned.changes)); err != nil {
		return err
	}
	return i.write(cmd.Context(), planned.changes)
}

// plan does the edit, and says what goes with it.
func (i *importing) plan(ctx context.Context, e *profiles.Editor) (transfer, error) {
	e.Files().Imported = i.imported
	kept, err := i.keys.Get(ctx, i.config, i.profile)
	isKept := err == nil
	if err != nil && !errors.Is(err, credproc.ErrNoKeys) && (i.undo || !errors.Is(err, cache.ErrCorrupt)) {
		return transfer{}, hindered(err)
	}
	if i.undo {
		return i.planUndo(e, kept, isKept)
	}
	keys, found, err := profiles.TakeKeys(e, i.profile, i.helper)
	switch {
	case err != nil:
		return transfer{}, err
	case !found:
		return i.planNothing(e, kept, isKept)
	case isKept:
		keys.Added = keys.Added || kept.Added
		if kept.AccessKeyID == keys.AccessKeyID && kept.SecretAccessKey == keys.SecretAccessKey {
			// A process that was killed between the two files has taken from one of them already.
			for _, c := range kept.Cuts {
				if !slices.ContainsFunc(keys.Cuts, func(d profiles.Cut) bool { return d.File == c.File }) {
					keys.Cuts = append(keys.Cuts, c)
				}
			}
		}
	}
	t := transfer{keys: keys, changes: e.Changes(), report: "the access key " + keys.AccessKeyID + " is in the keyring now"}
	if isKept && kept.AccessKeyID != keys.AccessKeyID {
		t.report += ", in the place of " + kept.AccessKeyID
	}
	return t, nil
}

// planNothing is for a profile that has no keys in the files: they may have been imported before.
func (i *importing) planNothing(e *profiles.Editor, kept profiles.Keys, isKept bool) (transfer, error) {
	p, err := e.Files().Profile(i.profile)
	if err != nil {
		return transfer{}, err
	}
	wiredTo, _ := profiles.Wired(p)
	fail := func(problem, hint string) (transfer, error) {
		return transfer{}, &diag.Error{Profile: i.profile, Problem: problem, Hint: hint}
	}
	switch {
	case isKept && wiredTo == i.profile:
		return transfer{keys: kept, report: "the access key " + kept.AccessKeyID + " is in the keyring already"}, nil
	case isKept:
		return fail("its access key "+kept.AccessKeyID+" is in the keyring, but it is not wired to this helper", "aws-credproc import --undo "+profiles.Argument(i.profile)+" brings the key back")
	case wiredTo == i.profile:
		return transfer{}, i.keysGone()
	}
	return fail("it has no aws_access_key_id and aws_secret_access_key of its own", "name the profile that has them; aws-credproc explain PROFILE shows it")
}

// keysGone says that there is nothing of a profile's keys but the line that wires it.
func (i *importing) keysGone() error {
	return &diag.Error{Profile: i.profile, Problem: "it is wired to itself, but its keys are neither in the keyring nor in the files",
		Hint: "put them into the credentials file as [" + i.profile + "], and run aws-credproc import " + profiles.Argument(i.profile)}
}

func (i *importing) planUndo(e *profiles.Editor, kept profiles.Keys, isKept bool) (transfer, error) {
	if !isKept {
		p, err := e.Files().Profile(i.profile)
		if wiredTo, _ := profiles.Wired(p); err == nil && wiredTo == i.profile {
			err = i.keysGone()
		}
		return transfer{report: "no keys of it are in the keyring, so there is nothing to undo"}, err
	}
	if _, err := profiles.PutKeys(e, i.profile, kept); err != nil {
		return transfer{}, err
	}
	return transfer{keys: kept, changes: e.Changes(), report: "the access key " + kept.AccessKeyID + " is in the file again, and in the keyring no more"}, nil
}

// write does it with the files as they are now, and tells of it. What a person has agreed to must be just that still.
func (i *importing) write(ctx context.Context, agreed []profiles.Change) error {
	ctx, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	config, credentials := profiles.Paths(os.Getenv)
	var t transfer
	note := func() error {
		return hindered(statedir.WriteImported(i.stateDir(), statedir.Imported{Profile: i.profile, Config: i.config, AccessKeyID: t.keys.AccessKeyID}))
	}
	m := profiles.Move{
		KeepBackup: i.keepBackup, CredentialsFirst: i.undo, // so that whoever reads the files in between finds the keys
		Edit: func(e *profiles.Editor) (err error) {
			i.config = profiles.FileID(config) // its directory may not have been there
			if t, err = i.plan(ctx, e); err == nil && agreed != nil && !slices.Equal(t.changes, agreed) {
				err = errChanged
			}
			return err
		},
	}
	if i.undo {
		m.Done = func() error {
			if err := i.keys.Delete(ctx, i.config, i.profile); err != nil {
				return hindered(fmt.Errorf("the keys are in the file again, but stay in the keyring too: %w", err))
			}
			return hindered(statedir.RemoveImported(i.stateDir(), i.config, i.profile))
		}
	} else {
		m.Ready = func() error {
			if err := statedir.PrepareImported(i.stateDir()); err != nil { // before anything is changed
				return hindered(err)
			}
			if err := i.keys.Set(ctx, i.config, i.profile, t.keys); err != nil {
				return hindered(err)
			}
			return note()
		}
		m.Done = func() error {
			if len(t.changes) > 0 {
				return nil
			}
			return note() // the state directory may have been lost
		}
	}
	names := map[string]hardLinks{config: hardLinksOf(config), credentials: hardLinksOf(credentials)}
	copies, err := m.Run(ctx, config, credentials)
	for _, path := range copies {
		defer i.warn("the file as it was is kept, with what secrets are in it: %s", path)
	}
	if err != nil {
		return err
	}
	var out []byte
	if agreed == nil {
		out = shownDiff(t.changes)
	}
	out = fmt.Appendf(out, "%s: %s\n", i.profile, printable(t.report))
	if err := i.print(out); err != nil || i.undo || t.keys.SecretAccessKey == "" {
		return err
	}
	i.warnOfCopies(t, names, copies)
	return nil
}

// warnOfCopies tells where else the key stands that has gone into the keyring.
func (i *importing) warnOfCopies(t transfer, names map[string]hardLinks, copies []string) {
	for _, c := range t.changes {
		if n := names[c.Path]; n.count > 1 && strings.Contains(string(c.Old), string(t.keys.SecretAccessKey)) {
			i.warn("%s was a hard link: the file as it was has %d more, key and all; find ~ -inum %d finds it", c.Path, n.count-1, n.inode)
		}
	}
	config, credentials := profiles.Paths(os.Getenv)
	for _, p := range profiles.PlacesOf(t.keys.SecretAccessKey, config, credentials) {
		switch {
		case slices.Contains(copies, p.Where): // told already
		case p.IsCopy:
			i.warn("the key stands in a copy that was kept too: remove %s when it is of no more use", p.Where)
		case p.Profile != "":
			i.warn("the key stands in %s too, as that of profile %s: import that one as well, or remove it there", p.Where, p.Profile)
		default:
			i.warn("the key stands in %s too: remove that line", p.Where)
		}
	}
}

// hardLinks is how many names a file has, as hard links, and by what number the system knows it; zero where that is not
// known.
type hardLinks struct{ count, inode uint64 }

// told makes of a failure of the keyring what a person can act upon.
func (i *importing) told(err error) error {
	e := &diag.Error{Profile: i.profile, Where: "import", Err: err}
	again := "aws-credproc import " + profiles.Argument(i.profile)
	if i.undo {
		e.Where, again = "import --undo", "aws-credproc import --undo "+profiles.Argument(i.profile)
	}
	switch {
	case errors.Is(err, keyring.ErrLocked):
		e.Flags |= diag.NeedsUser
		e.Hint = hintOf(err, again)
	case errors.Is(err, keyring.ErrTimeout):
		e.Hint = hintOf(err, again)
	case errors.Is(err, keyring.ErrUnavailable):
		e.Hint = "keys are moved where there is a keyring only"
	case errors.Is(err, cache.ErrVersion):
		e.Hint = "run the newer version"
	case errors.Is(err, cache.ErrCorrupt):
		e.Hint = "what is in the keyring is no key: delete the item of the service aws-credproc-keys, and put the keys into the file"
	case errors.As(err, new(obstacle)):
		e.Hint = hintOf(err, again)
	default:
		return err
	}
	return e
}

// obstacle is a failure of the keyring or of the state directory.
type obstacle struct{ error }

func (o obstacle) Unwrap() error { return o.error }

// hindered makes a failure an obstacle.
func hindered(err error) error {
	if err == nil {
		return nil
	}
	return obstacle{err}
}
