package credproc

import (
	"context"
	"errors"
	"fmt"

	"aws-credproc/cache"
	"aws-credproc/cache/keyring"
	"aws-credproc/internal/diag"
	"aws-credproc/profiles"
)

// keyringSession returns the long-term keys that were imported into the keyring.
func keyringSession(ctx context.Context, s source) (cache.Session, error) {
	from := s.plan.Chain.Source
	keys := Keys{s.Cache.Keyring().Secrets(keysService, keysLabel)}
	k, err := keys.Get(ctx, profiles.FileID(s.plan.Chain.ConfigPath), from.Profile)
	if err != nil {
		return cache.Session{}, keyringError(s.plan.Chain, err)
	}
	if k.AccessKeyID != from.AccessKeyID { // which the cache keys of sessions depend on
		e := s.fail(fmt.Errorf("the keyring has the access key %s, and %s is noted",
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

// keyringError returns the error for long-term keys that could not be read. A keyring that does not
// answer is a failure to share: it does not answer other processes either. All else concerns this
// process, or is over once the user has acted.
func keyringError(c profiles.Chain, err error) *diag.Error {
	const retry = "try again; where that goes on, see that the keyring's service is well"
	s := c.Source
	imported := profiles.Argument(s.Profile)
	e := sourceError(c, err, "")
	e.Set(diag.Local, !errors.Is(err, keyring.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded))
	switch {
	case errors.Is(err, context.Canceled):
		e.Err = errInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		e.Flags |= diag.Temporary
		e.Err = errors.New("no answer from the keyring within the time allowed")
		e.Hint = "try again, or allow more with --timeout"
	case errors.Is(err, ErrNoKeys):
		e.Hint = fmt.Sprintf("put them into the credentials file as [%s], and run aws-credproc import %s",
			s.Profile, imported)
	case errors.Is(err, keyring.ErrLocked):
		e.Flags |= diag.NeedsUser
		e.Hint = "unlock the keyring, and then run aws-credproc refresh " +
			profiles.Argument(c.Profile.Name)
	case errors.Is(err, keyring.ErrTimeout):
		e.Flags |= diag.Temporary
		e.Hint = retry
	case errors.Is(err, keyring.ErrUnavailable):
		e.Hint = "the keys of profile " + s.Profile + " are in the keyring: run this where that is, or " +
			"there aws-credproc import --undo " + imported
	case errors.Is(err, cache.ErrCorrupt):
		e.Hint = fmt.Sprintf("put the keys into the credentials file as [%s], and run aws-credproc import %s",
			s.Profile, imported)
	case errors.Is(err, cache.ErrVersion):
		e.Hint = "update this program"
	default: // the keyring's service or the bus ended meanwhile
		e.Flags |= diag.Temporary
		e.Hint = retry
	}
	return e
}
