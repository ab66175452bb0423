package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/credproc"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// rotateRun is one run of the command rotate.
type rotateRun struct {
	*app
	profile              string
	keepOld, dryRun, yes bool
	limit                time.Duration // --timeout, without the wait until a new key works

	files    *profiles.Files
	chain    profiles.Chain
	resolver *credproc.Resolver
}

func newRotateCmd(a *app) *cobra.Command {
	r := &rotateRun{app: a}
	var cmd *cobra.Command
	cmd = &cobra.Command{
		Use:   "rotate PROFILE [--keep-old] [--dry-run] [--yes]",
		Short: "Replace the access key of a profile",
		Long: `Replaces the access key of the IAM user that a profile uses, itself or as the source of
its role, by a new one. The key may be in the keyring or in the credentials or config
file. It creates a new key, waits until it works, stores it where the old one was, and
deactivates and deletes the old one. With --keep-old, the old key is deactivated and
not deleted, so that you can activate it again.

It asks before it changes anything. If it is interrupted at any time, the profile has a
key that works: run the command again. If it is not certain that an interrupted run has
created a key, it asks whether to delete that, and --yes is not enough. It names other
profiles that have the same key, which stop working. If the user already has two keys,
it says when each was last used.

The user must be allowed the actions ListAccessKeys, CreateAccessKey, UpdateAccessKey,
DeleteAccessKey and GetAccessKeyLastUsed of IAM. If the profile has an MFA device, they
are called with its session.`,
		Example: "  aws-credproc rotate base\n  aws-credproc rotate base --dry-run\n" +
			"  aws-credproc rotate base --keep-old",
		Args:              oneProfile,
		ValidArgsFunction: completeProfiles,
		PreRunE: func(*cobra.Command, []string) error {
			r.limit = a.timeout
			a.timeout += credproc.KeyDelay
			return nil
		},
		RunE: a.runE(func(_ context.Context, args []string) error {
			r.profile = args[0]
			return r.run(cmd) // --timeout does not include the time to answer the question
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&r.keepOld, "keep-old", false, "deactivate the old key, and do not delete it")
	flags.BoolVar(&r.dryRun, "dry-run", false, "show what would be done, and change nothing")
	flags.BoolVar(&r.yes, "yes", false, "do not ask for confirmation")
	return cmd
}

func (r *rotateRun) run(cmd *cobra.Command) error {
	if err := r.checkOwner(); err != nil {
		return err
	}
	if err := r.load(); err != nil {
		return err
	}
	if r.chain.Source.Type == profiles.Keyring {
		if locked, err := unlockKeyring(cmd.Context(), r.app); err != nil || locked != nil {
			return errors.Join(err, r.keyringError(locked))
		}
	}
	if !r.dryRun {
		unlock, err := r.lock(cmd.Context())
		if err != nil {
			return err
		}
		defer unlock()
		if err := r.load(); err != nil { // another process may have rotated the key
			return err
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), r.limit)
	rotation, err := r.prepare(ctx)
	cancel()
	if err != nil {
		return err
	}
	r.warnOfCopies(rotation.OldKey())
	if err := r.checkLeftover(rotation); err != nil {
		return err
	}
	switch {
	case r.dryRun:
		return r.print(r.page(rotation))
	case r.yes && rotation.IsGuess:
		return r.unconfirmed(rotation)
	case r.yes:
		if text := r.leftover(rotation); text != "" {
			r.warn("%s", text)
		}
	default:
		err = confirmText(r.app, cmd, []string{r.profile},
			func() []byte { return r.page(rotation) }, r.question(rotation))
	}
	if err != nil {
		return err
	}
	return r.rotate(cmd.Context(), rotation)
}

// checkOwner refuses to change the key of another user as root.
func (r *rotateRun) checkOwner() error {
	err := checkOwner()
	if e := (*diag.Error)(nil); !r.dryRun && errors.As(err, &e) {
		e.Hint, _, _ = strings.Cut(e.Hint, "; or add --as-root")
		return err
	}
	return nil
}

// load reads the config files and checks that the chain starts with an access key that is kept in
// a file or in the keyring.
func (r *rotateRun) load() (err error) {
	if r.files, err = r.app.files(); err != nil {
		return err
	}
	if r.chain, err = r.files.Chain(r.profile); err != nil {
		return err
	}
	s := r.chain.Source
	refuse := func(problem, hint string) error {
		e := &diag.Error{Profile: r.chain.Profile.Name, Problem: problem, Hint: hint}
		if s.Profile != e.Profile {
			e.Where = "profile " + s.Profile
		}
		return e
	}
	const useKeys = "name a profile with an access key; aws-credproc list shows them"
	switch s.Type {
	case profiles.Static, profiles.Keyring:
		if s.SessionToken != "" {
			return refuse("temporary keys (with a session token) cannot be rotated",
				"use the long-term keys of an IAM user")
		}
	case profiles.Environment:
		return refuse("the access key is in environment variables, which cannot be changed from here",
			useKeys)
	case profiles.Process:
		return refuse("another program keeps the access key: that of credential_process",
			"rotate the key with that program, or move it here: aws-credproc import --help")
	default:
		return refuse("the credentials are temporary ("+kindText(string(s.Type))+
			"), so there is no access key to rotate", useKeys)
	}
	if r.chain.MFA.Serial == "" && s.Profile != r.chain.Profile.Name {
		user, err := r.files.Chain(s.Profile)
		if err != nil {
			return err
		}
		if user.MFA.Serial != "" {
			r.chain = user // the hints then name the profile with the device
		}
	}
	return nil
}

// lock takes the lock of rotations.
func (r *rotateRun) lock(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout) // the other one waits for its new key
	defer cancel()
	defer r.progress("waiting for another process that rotates an access key")()
	unlock, err = statedir.Lock(ctx, r.stateDir(), "rotation")
	switch {
	case err == nil:
		return unlock, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &diag.Error{
			Profile: r.profile, Problem: "another process is rotating an access key",
			Hint: "wait until it has ended, then run " + r.command(),
		}
	}
	return nil, &diag.Error{
		Profile: r.profile, Where: "rotate", Err: err, Hint: hintOf(err, r.command()),
	}
}

// command returns the command that the user has typed, with the flags that matter.
func (r *rotateRun) command() string {
	words := "aws-credproc rotate "
	if r.keepOld {
		words += "--keep-old "
	}
	if r.yes {
		words += "--yes "
	}
	return words + profiles.Argument(r.profile)
}

func (r *rotateRun) prepare(ctx context.Context) (*credproc.Rotation, error) {
	var err error
	if r.resolver, err = r.app.resolver(); err != nil {
		return nil, err
	}
	place := credproc.FilePlace(r.chain)
	if r.chain.Source.Type == profiles.Keyring {
		place = r.resolver.KeyringPlace(r.chain, r.stateDir())
	} else if err := r.checkFile(); err != nil {
		return nil, err
	}
	rotation, err := r.resolver.PrepareRotation(ctx, r.chain, place, r.stateDir(), r.limit)
	e := (*diag.Error)(nil)
	switch {
	case errors.Is(err, keyring.ErrLocked):
		err = r.keyringError(err)
	case errors.As(err, &e) && e.Has(diag.NeedsUser): // for an MFA code
		e.Hint = "run " + r.command() + " at a terminal"
	}
	return rotation, err
}

// checkFile checks that the key in the file can be replaced, before a new one is created.
func (r *rotateRun) checkFile() error {
	profile := r.chain.Source.Profile
	key, err := profiles.KeyOf(r.files, profile)
	if err != nil {
		return err
	}
	e := r.files.Edit()
	placeholder := profiles.AccessKey{ID: "AKIA", Secret: "placeholder"}
	if err := profiles.ReplaceKey(e, profile, key, placeholder); err != nil || r.dryRun {
		return err
	}
	return e.CheckWritable()
}

// keyringError returns the error for a keyring that cannot be used.
func (r *rotateRun) keyringError(err error) error {
	if err == nil {
		return nil
	}
	e := &diag.Error{
		Profile: r.chain.Source.Profile, Where: "rotate", Err: err, Hint: hintOf(err, r.command()),
	}
	e.Set(diag.NeedsUser, errors.Is(err, keyring.ErrLocked))
	return e
}

// page returns what is going to be done.
func (r *rotateRun) page(rotation *credproc.Rotation) []byte {
	name := r.chain.Source.Profile
	var page []byte
	line := func(format string, args ...any) {
		page = fmt.Appendf(page, "%s\n", printable(name+": "+fmt.Sprintf(format, args...)))
	}
	k := rotation.Key
	line("access key %s of IAM user %s in account %s, created %s, in %s", k.ID, rotation.UserName,
		rotation.User.Account, k.Created.UTC().Format(time.DateOnly), r.where())
	if text := r.leftover(rotation); text != "" {
		line("%s", text)
	}
	what := "deleted"
	if r.keepsOld(rotation) {
		what = "deactivated"
	}
	if rotation.Finishes != "" {
		line("it has replaced %s, which will be %s", rotation.Finishes, what)
	} else {
		line("it will be replaced by a new one and then %s", what)
	}
	return page
}

// leftover describes the key of an interrupted rotation. It returns "" if there is none.
func (r *rotateRun) leftover(rotation *credproc.Rotation) string {
	k := rotation.Leftover
	switch {
	case k.ID == "":
		return ""
	case rotation.IsGuess:
		return fmt.Sprintf("access key %s was probably created by a rotation that was interrupted "+
			"(created %s UTC, never used); it will be deleted", k.ID,
			k.Created.UTC().Format(time.DateTime))
	}
	return "access key " + k.ID + " was created by a rotation that was interrupted; it will be deleted"
}

// unconfirmed returns the error for a guess that --yes does not confirm.
func (r *rotateRun) unconfirmed(rotation *credproc.Rotation) error {
	r.yes = false
	return &diag.Error{
		Profile: r.chain.Source.Profile, Flags: diag.NeedsUser,
		Problem: "access key " + rotation.Leftover.ID + " was probably created by a rotation that was " +
			"interrupted, and --yes does not confirm that",
		Hint: r.command() + " at a terminal asks whether to delete it",
	}
}

func (r *rotateRun) keepsOld(rotation *credproc.Rotation) bool {
	return r.keepOld || rotation.KeepsOld()
}

func (r *rotateRun) question(rotation *credproc.Rotation) string {
	what := "delete"
	if r.keepsOld(rotation) {
		what = "deactivate"
	}
	if rotation.Finishes != "" {
		return fmt.Sprintf("Finish the rotation and %s the old key? [y/N] ", what)
	}
	return fmt.Sprintf("Replace the key and %s the old one? [y/N] ", what)
}

// rotate replaces the key and reports the result.
func (r *rotateRun) rotate(ctx context.Context, rotation *credproc.Rotation) error {
	r.pauseWatchdog()() // the time limit starts again
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	dead := r.sessionsOf(rotation.OldKey())
	done, err := rotation.Run(ctx, r.keepOld)
	if err != nil {
		return err
	}
	if !done.NotOnDisk {
		r.forget(ctx, dead)
	}
	return r.report(done)
}

// report prints the result of a rotation.
func (r *rotateRun) report(done credproc.Rotated) error {
	name := r.chain.Source.Profile
	what := "was deleted"
	switch {
	case done.NotOnDisk:
		what = "is still active"
		r.warn("%s: the keyring does not report when it has written the key to disk, so the old "+
			"access key stays active; run %s again after the next restart of this machine", name,
			r.command())
	case done.Kept:
		what = "is inactive"
	}
	text := fmt.Sprintf("%s: access key %s has replaced %s, which %s", name, done.New, done.Old, what)
	if err := r.printf("%s\n", printable(text)); err != nil {
		return fmt.Errorf("%s, but: %w", text, err)
	}
	return nil
}

// sessionsOf returns the cache keys of the sessions that were obtained with an access key of the
// profile. They depend on the key's ID, so the sessions are not used again.
func (r *rotateRun) sessionsOf(old string) map[cache.Key]bool {
	dead := map[cache.Key]bool{}
	for _, name := range r.files.Names() {
		c, err := r.files.Chain(name)
		if err != nil || c.Source.Profile != r.chain.Source.Profile && c.Source.AccessKeyID != old {
			continue
		}
		c.Source.AccessKeyID = old // the profile may have the new key already
		user := c
		user.Hops = nil
		session := user // of exec --session
		session.MFA.Session = cmp.Or(session.MFA.Session, profiles.DefaultMFASession)
		for _, c := range []profiles.Chain{c, user, session} {
			if key, ok, err := r.resolver.Key(c); err == nil && ok {
				dead[key] = true
			}
		}
	}
	return dead
}

// forget deletes sessions from the cache.
func (r *rotateRun) forget(ctx context.Context, dead map[cache.Key]bool) {
	facts, err := r.resolver.Cache.Facts()
	if err != nil {
		r.trace("%v", err)
	}
	for _, f := range facts {
		if !dead[f.Key] {
			continue
		}
		if err := r.resolver.Cache.Delete(ctx, f.Key); err != nil {
			r.trace("%v", err)
		}
	}
}
