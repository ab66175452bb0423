package credproc

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/cache/statedir"
	"aws-credproc/credproc/plan"
	"aws-credproc/internal/diag"
	"aws-credproc/internal/keyringapi"
	"aws-credproc/profiles"
)

// keyringSession returns the long-term keys that were imported into the keyring.
func keyringSession(ctx context.Context, s source) (cache.Session, error) {
	from := s.plan.Chain.Source
	keys := Keys{cmp.Or(s.Keyring, new(keyring.Keyring)).Secrets(keysService, keysLabel)}
	k, err := keys.Get(ctx, profiles.FileID(s.plan.Chain.ConfigPath), from.Profile)
	if err != nil {
		return cache.Session{}, keyringError(s.plan.Chain, err)
	}
	// The cache keys of sessions depend on the ID.
	if k.AccessKeyID != from.AccessKeyID && !s.isReplaced(k.AccessKeyID) {
		e := s.fail(fmt.Errorf("the keyring has access key %s, but %s was imported",
			shownKeyID(k.AccessKeyID), shownKeyID(from.AccessKeyID)),
			"run aws-credproc import "+profiles.Argument(from.Profile))
		e.Flags |= diag.Local
		return cache.Session{}, e
	}
	return cache.Session{
		AccessKeyID: k.AccessKeyID, SecretAccessKey: string(k.SecretAccessKey),
		AccountID: from.AccountID,
	}, nil
}

// isReplaced reports whether a rotation replaces, or has just replaced, the key that was imported by
// the key with this ID.
func (s source) isReplaced(accessKeyID string) bool {
	config := profiles.FileID(s.plan.Chain.ConfigPath)
	now, err := statedir.ReadImported(
		plan.StateDir(s.Getenv), config, s.plan.Chain.Source.Profile)
	return err == nil && now.Has(accessKeyID)
}

// keyringError returns the error for long-term keys that could not be read. The failure of a
// keyring that does not respond is shared with other processes. Other failures concern this process
// only, or are resolved by the user.
func keyringError(c profiles.Chain, err error) *diag.Error {
	const retry = "try again; if it keeps failing, restart the keyring service"
	s := c.Source
	imported := profiles.Argument(s.Profile)
	reimport := "add the keys to the credentials file as [" + s.Profile +
		"], then run aws-credproc import " + imported
	e := sourceError(c, err, "")
	e.Set(diag.Local, !errors.Is(err, keyring.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded))
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		e.Flags |= diag.Temporary
		e.Err = errors.New("no response from the keyring before the timeout")
		e.Hint = longerHint
	case errors.Is(err, ErrNoKeys):
		e.Hint = reimport
	case errors.Is(err, keyring.ErrAsksForAccess):
		e.Flags |= diag.NeedsUser
		e.Hint = keyringapi.AccessHint
	case errors.Is(err, keyring.ErrLocked):
		e.Flags |= diag.NeedsUser
		e.Hint = "unlock the keyring, then run aws-credproc refresh " +
			profiles.Argument(c.Profile.Name)
	case errors.Is(err, keyring.ErrTimeout):
		e.Flags |= diag.Temporary
		e.Hint = retry
	case errors.Is(err, keyring.ErrUnavailable):
		e.Hint = "the keys of profile " + s.Profile + " are in the keyring: use it in your desktop " +
			"session, or run aws-credproc import --undo " + imported + " there"
	case errors.Is(err, cache.ErrCorrupt):
		e.Hint = reimport
	case errors.Is(err, cache.ErrVersion):
		e.Hint = "update aws-credproc"
	default: // the keyring's service or the bus ended meanwhile
		e.Flags |= diag.Temporary
		e.Hint = retry
	}
	return e
}
